import CanonicalJSON
import Foundation
import JavaScript
import Testing

@testable import Sandbox

/// Where the executables of this package lie while its tests run.
enum Built {
  static let directory = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
  static let worker = directory.appendingPathComponent("safebox-worker").path
  static let hostile = directory.appendingPathComponent("HostileWorker").path
}

extension MachineProgram {
  /// A tool with this body and nothing to go by.
  static func tool(_ body: String, input: String = "null", limits: MachineLimits = .standard) -> MachineProgram {
    MachineProgram(
      source: Array("export default async function (input, context) { \(body) }".utf8), input: Array(input.utf8),
      context: Array(#"{"community":"home","tool":"test","version":"1"}"#.utf8),
      seed: [UInt8](repeating: 7, count: 32), startedAt: 1_700_000_000_000, limits: limits)
  }
}

extension MachineTurn {
  /// The result as text, or what happened instead.
  var text: String {
    switch state {
    case .waiting: "waiting"
    case .finished(let bytes): String(decoding: bytes, as: UTF8.self)
    case .failed(let failure): "\(failure)"
    }
  }
}

extension JailBackend.Configuration {
  /// A small pool around an executable of this package.
  static func test(worker: String = Built.worker, workers: Int = 4, ready: Int = 1, queue: Int = 16) -> Self {
    var configuration = JailBackend.Configuration()
    configuration.worker = worker
    configuration.workers = workers
    configuration.ready = ready
    configuration.queue = queue
    return configuration
  }
}
