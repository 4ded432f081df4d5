import Attestation
import Glibc
import Synchronization
import TrustedPlatform

/// The kernel's side of its files, played: what each path holds, and what happens when a directory is made or written to.
package final class PlayedKernel: KernelFiles {
  package struct State: Sendable {
    package var files: [String: [UInt8]] = [:]
    package var directories: Set<String> = []
    package var removed: [String] = []
    package var writes: [(path: String, bytes: [UInt8])] = []
  }

  package typealias Make = @Sendable (inout State, String) -> Void
  package typealias Answer = @Sendable (inout State, String, [UInt8]) throws -> Void

  package let state: Mutex<State>
  /// Fills a new directory.
  private let make: Make
  /// Answers a write.
  private let answer: Answer

  package init(
    _ files: [String: [UInt8]] = [:], directories: Set<String> = [], make: @escaping Make = { _, _ in },
    answer: @escaping Answer = { _, _, _ in }
  ) {
    state = Mutex(State(files: files, directories: directories))
    self.make = make
    self.answer = answer
  }

  package func exists(_ path: String) -> Bool {
    state.withLock { $0.files[path] != nil || $0.directories.contains(path) }
  }

  package func makeDirectory(_ path: String) throws(GuestFailure) {
    state.withLock {
      $0.directories.insert(path)
      make(&$0, path)
    }
  }

  package func removeDirectory(_ path: String) {
    state.withLock {
      $0.directories.remove(path)
      $0.removed.append(path)
    }
  }

  package func write(_ bytes: [UInt8], to path: String) throws(GuestFailure) {
    let isAnswered = state.withLock { state in
      state.writes.append((path, bytes))
      return (try? answer(&state, path, bytes)) != nil
    }
    guard isAnswered else { throw .system(call: "write", path: path, errno: EIO) }
  }

  package func read(_ path: String, limit: Int) throws(GuestFailure) -> [UInt8] {
    guard let bytes = state.withLock({ $0.files[path] }) else { throw .absent(path) }
    guard bytes.count <= limit else { throw .system(call: "read", path: path, errno: EFBIG) }
    return bytes
  }
}

extension PlayedKernel {
  /// A kernel that answers requests for reports, of a guest without registers or with them.
  ///
  /// - Parameters:
  ///   - provider: `sev_guest` or `tdx_guest`.
  ///   - disturbed: how many of the first requests somebody else writes into.
  ///   - report: makes the report of the 64 bytes that were asked for, as the registers are then.
  package static func reporting(
    _ provider: String, auxiliary: [UInt8]? = nil, disturbed: Int = 0,
    report: @escaping @Sendable (_ data: [UInt8], State) throws -> [UInt8]
  ) -> PlayedKernel {
    let disturbances = Mutex(disturbed)
    return PlayedKernel(
      directories: [ConfidentialReports.path],
      make: { state, path in
        state.files[path + "/provider"] = Array("\(provider)\n".utf8)
        state.files[path + "/generation"] = Array("0\n".utf8)
        state.files[path + "/auxblob"] = auxiliary
      },
      answer: { state, path, bytes in
        guard path.hasSuffix("/inblob") else { return extending(&state, path, bytes) }
        let entry = String(path.dropLast("/inblob".count))
        let text = String(decoding: state.files[entry + "/generation"] ?? [], as: UTF8.self)
        let isDisturbed = disturbances.withLock { count in
          defer { count = max(0, count - 1) }
          return count > 0
        }
        let number = (Int(text.dropLast()) ?? 0) + (isDisturbed ? 2 : 1)
        state.files[entry + "/generation"] = Array("\(number)\n".utf8)
        state.files[entry + "/outblob"] = try report(bytes, state)
      })
  }

  /// The same with a report that is these bytes and then what was asked for.
  package static func reporting(_ provider: String, disturbed: Int = 0, report: [UInt8] = [0xAA]) -> PlayedKernel {
    reporting(provider, disturbed: disturbed) { data, _ in report + data }
  }

  /// The four registers of a trust domain as they are when it starts.
  package func startRegisters() {
    state.withLock { state in
      state.directories.insert(RuntimeRegisters.path)
      for index in RuntimeRegisters.indexes { state.files[Self.register(index)] = BankAlgorithm.sha384.zeros }
    }
  }

  /// What the kernel does when a digest is written to a register.
  package static func extending(_ state: inout State, _ path: String, _ bytes: [UInt8]) {
    guard path.hasPrefix(RuntimeRegisters.path), let value = state.files[path] else { return }
    state.files[path] = BankAlgorithm.sha384.extend(value, with: bytes)
  }

  package static func register(_ index: Int) -> String { "\(RuntimeRegisters.path)/rtmr\(index):sha384" }
}
