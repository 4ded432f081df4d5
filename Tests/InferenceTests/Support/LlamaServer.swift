import Foundation
import HTTPClient
import TestSupport

@testable import Inference

/// A real `llama-server` out of the runner's root file system, in a mount namespace of its own.
final class LlamaServer: @unchecked Sendable {
  struct Failed: Error, CustomStringConvertible {
    var description: String
  }

  static let root = Vectors.packageRoot + "/.build/runners/llama-cpp/rootfs"
  static let models = Vectors.packageRoot + "/.build/models"
  static let chatModel = models + "/tiny-chat/tiny-chat-f32.gguf"
  static let embeddingModel = models + "/all-minilm-l6-v2/all-minilm-l6-v2-f16.gguf"

  /// Whether it can run here.
  static let isReady =
    getuid() == 0 && Subprocess.find("unshare") != nil
    && FileManager.default.isExecutableFile(atPath: root + "/usr/bin/llama-server")
    && FileManager.default.fileExists(atPath: chatModel)

  /// Why a test is skipped otherwise.
  static let absence =
    "needs root, unshare, scripts/runner-root llama-cpp and scripts/test-models"

  private let directory: TemporaryDirectory
  private let options: [String]
  private var process: ChildProcess?

  /// The socket, as this process sees it.
  var socket: String { directory.file("llama.sock") }
  /// Where it saves slots, as this process sees it.
  var cacheDirectory: String { directory.file("slots") }
  /// What it saved.
  var savedFiles: [String] { (try? FileManager.default.contentsOfDirectory(atPath: cacheDirectory))?.sorted() ?? [] }

  init(model: String, options: [String]) async throws {
    directory = try TemporaryDirectory()
    self.options = options
    try FileManager.default.copyItem(atPath: model, toPath: directory.file("model.gguf"))
    try FileManager.default.createDirectory(atPath: directory.file("slots"), withIntermediateDirectories: true)
    try await start()
  }

  /// A chat model with slots.
  static func chat(slots: Int = 2, context: Int = 2048) async throws -> LlamaServer {
    try await LlamaServer(
      model: chatModel,
      options: ["-np", "\(slots)", "-c", "\(slots * context)", "--slot-save-path", "/tmp/slots/", "--cache-ram", "0"])
  }

  static func embeddings() async throws -> LlamaServer {
    try await LlamaServer(model: embeddingModel, options: ["--embeddings", "-np", "1"])
  }

  deinit { process?.signal(SIGTERM) }

  func start() async throws {
    // The directory becomes the /tmp of the runner's root, for this process alone.
    let script = #"mount --bind "$1" "$2/tmp" && shift && exec chroot "$@""#
    let arguments =
      [
        "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", directory.path, Self.root,
        "/usr/bin/llama-server", "--model", "/tmp/model.gguf", "--host", "/tmp/llama.sock", "--offline", "--no-ui",
        "--threads", "1",
      ] + options
    let process = try ChildProcess(
      "/usr/bin/env", arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"],
      output: .file(directory.file("log")), errors: .output)
    self.process = process
    let connection = RunnerConnection(limits: InferenceLimits())
    // Its health says when the model is loaded; until then, and before it listens, there is nothing to wait on.
    for _ in 0..<2400 {
      if let answer = try? await connection.ask(
        endpoint(), "/health", body: nil, id: "health", deadline: .seconds(2)), answer.status == 200
      {
        return
      }
      guard process.isRunning else { break }
      try await Task.sleep(for: .milliseconds(25))
    }
    throw Failed(
      description: "llama-server did not start: \(String(decoding: try directory.read("log"), as: UTF8.self))")
  }

  /// Ends it as a crash would.
  func kill() {
    guard let process else { return }
    process.signal(SIGKILL)
    process.wait()
    try? FileManager.default.removeItem(atPath: socket)
    self.process = nil
  }

  func endpoint(_ name: String = "tiny", protocols: Set<ModelProtocol> = [.chat, .completion], slots: Int = 0)
    -> RunnerEndpoint
  {
    RunnerEndpoint(
      name: "llama", socket: socket, model: Box.model(name, protocols), dialect: .llamaCpp, slots: slots,
      cacheDirectory: slots > 0 ? cacheDirectory : nil)
  }
}
