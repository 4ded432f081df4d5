import CanonicalJSON
import Cryptography
import Foundation
import Governance
import HTTPClient
import Keychain
import Storage
import Synchronization
import TestSupport

@testable import HostCalls

/// What host calls stand on, for real: a keychain, a blob store and streams in a directory of their own.
final class CallBox: Sendable {
  static let community = "acme"
  /// 2026-11-21T10:00:00Z in milliseconds.
  static let now: Int64 = 1_795_255_200_000

  let directory: TemporaryDirectory
  let blobs: BlobStore
  let services: HostServices
  let table: HostCallTable
  private let heard = Mutex<[JSON]>([])

  init() throws {
    directory = try TemporaryDirectory()
    let master = SecretBytes(copying: [UInt8](repeating: 7, count: 32))
    blobs = try BlobStore(path: directory.file("blobs"), master: master)
    services = HostServices(
      client: HTTPClient(), keychain: try Keychain(path: directory.file("keychain"), master: master),
      files: try FileStreams(path: directory.file("streams"), blobs: blobs, now: { Self.now }),
      salt: { [UInt8](repeating: 1, count: 32) })
    table = HostCallTable([
      ActionCall(), DiffusionCall(services), FilesCall(services), HTTPCall(services), LLMCall(services),
    ])
  }

  /// What was told to those who watch.
  var progress: [JSON] { heard.withLock { $0 } }

  func put(_ name: String, _ value: String, hosts: [String]) throws {
    _ = try services.keychain.put(
      community: Self.community, name: name, value: SecretBytes(copying: value.utf8), hosts: hosts, kind: .text,
      at: Self.now)
  }

  func context(
    _ settings: JSON = [:], manifest: ToolManifest? = nil, now: Int64 = CallBox.now
  ) throws -> HostCallContext {
    HostCallContext(
      run: String(repeating: "ab", count: 32), call: 3, tool: manifest ?? Self.manifest(), community: Self.community,
      settings: try CommunitySettings(json: settings), now: now,
      progress: { json in self.heard.withLock { $0.append(json) } })
  }

  static func manifest(
    uses: [JSON] = [], secrets: [String] = [], rates: [ToolManifest.Rate] = [], budgets: [ToolManifest.Budget] = []
  ) -> ToolManifest {
    ToolManifest(
      name: "triage", version: "1", source: SHA256.hash([]), uses: uses.compactMap { try? Grant(json: $0, path: "g") },
      secrets: secrets, rates: rates, budgets: budgets)
  }

  /// Plans a look and carries it out.
  func look(_ method: String, _ arguments: JSON, _ settings: JSON = [:]) async throws -> HostCallOutcome {
    let plan = try table.plan(method, arguments: arguments, in: try context(settings))
    guard case .observe(let look) = plan.step else { throw Unexpected() }
    return await look()
  }

  /// Plans a change and says what it would propose.
  func change(_ method: String, _ arguments: JSON) throws -> (type: String, params: JSONObject, plan: HostCallPlan) {
    let plan = try table.plan(method, arguments: arguments, in: try context())
    guard case .change(let type, let params, _) = plan.step else { throw Unexpected() }
    return (type, params, plan)
  }

  /// What the executor of the action would be told, everything opened.
  func order(_ type: String, _ params: JSONObject, _ settings: JSON = [:]) throws -> ExecutionOrder {
    let zero = SHA256.hash([])
    let statement = Statement(
      action: try Action(type: type, params: params), box: "b", epoch: 1, expires: 1, nonce: zero, policy: zero)
    return ExecutionOrder(
      proposal: statement.digest, statement: statement, params: params,
      policy: Policy(covers: [try Pattern(parsing: type)], rule: .deny),
      settings: try CommunitySettings(json: settings))
  }

  /// The error with which the plan is refused.
  func refusal(_ method: String, _ arguments: JSON, _ settings: JSON = [:]) throws -> HostCallError? {
    let context = try context(settings)
    do {
      _ = try table.plan(method, arguments: arguments, in: context)
      return nil
    } catch {
      return error
    }
  }

  struct Unexpected: Error {}
}

extension HostCallOutcome {
  var value: JSON? { try? result.get() }
  var error: HostCallError? { if case .failure(let error) = result { error } else { nil } }
}
