import CanonicalJSON
import Cryptography
import Glibc
import Governance
import HTTPClient
import HostCalls
import JavaScript
import Keychain
import Runs
import Sandbox
import Storage
import Terminal

/// What it takes to try a tool out without a box: the methods of `Protocol`, none of which is ever carried out, and a
/// sandbox on this machine.
struct LocalTools {
  let calls: HostCallTable
  let sessions: LocalSessions
  private let directory: String

  /// Runs `body` and clears away what it took.
  static func with<Result>(_ body: (LocalTools) async throws -> Result) async throws -> Result {
    let tools = try LocalTools()
    do {
      let result = try await body(tools)
      await tools.close()
      return result
    } catch {
      await tools.close()
      throw error
    }
  }

  private init() throws {
    var template = Array("/tmp/safebox-tool.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CommandError("no temporary directory can be made in /tmp") }
    directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    let master = SecretBytes.random(count: 32)
    let services = HostServices(
      client: HTTPClient(), keychain: try Keychain(path: "\(directory)/keychain", master: master),
      files: try FileStreams(
        path: "\(directory)/streams", blobs: try BlobStore(path: "\(directory)/blobs", master: master), now: { 0 }),
      // Fixtures answer in its place: a tool can be tried out away from its box's models.
      gateway: "\(directory)/gateway", salt: { SecureRandom.bytes(Opening.saltBytes) })
    calls = .standard(services)
    sessions = LocalSessions()
  }

  /// Every method, by name.
  var methods: [String: HostMethod] {
    Dictionary((calls.methods + WorkflowMethods.all).map { ($0.name, $0) }) { first, _ in first }
  }

  private func close() async {
    await sessions.shutDown()
    try? Directory(opening: directory).removeContents()
    rmdir(directory)
  }
}

/// The jail where this machine has one, else an engine within this process: whoever tries a tool out runs it for
/// themselves.
actor LocalSessions: SessionSource {
  private var jail: JailBackend?
  private var isLooked = false
  private let inProcess = InProcessBackend()

  private func backend() async -> any SandboxBackend {
    if !isLooked {
      isLooked = true
      if let jail = try? JailBackend(), case .success = await jail.availability() { self.jail = jail }
    }
    return jail ?? inProcess
  }

  func isolation(for demand: ToolManifest.IsolationDemand) async throws(SandboxFailure) -> Isolation {
    try await backend().availability().get()
  }

  func open(
    _ program: MachineProgram, demand: ToolManifest.IsolationDemand, seconds: Int
  ) async throws(SandboxFailure) -> any SandboxSession {
    try await backend().open(program, seconds: seconds)
  }

  /// What it runs in here.
  var backendName: String { get async { await backend().name.rawValue } }

  func shutDown() async { await jail?.shutDown() }
}
