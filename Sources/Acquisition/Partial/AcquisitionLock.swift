import Dispatch
import Glibc
import Models
import Synchronization

/// The right to acquire one model: one holder on the machine, in this process or another. `flock`, so the kernel gives it
/// back however its holder dies.
final class AcquisitionLock: Sendable {
  private let path: String
  private let descriptor: Int32

  private init(_ path: String, _ descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  /// Removes the file, for the last time that it was needed. Whoever waits for it sees that and takes a new one.
  func remove() { unlink(path) }

  deinit {
    // Not by closing alone: a child that another thread is just starting holds the same open file until its exec.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Takes the lock, waiting for whoever has it. `isWaiting` is called first when somebody has. Nil when the task was
  /// cancelled meanwhile.
  static func take(
    _ path: String, isWaiting: @Sendable () -> Void
  ) async throws(SystemCallFault) -> AcquisitionLock? {
    while true {
      guard let lock = try await takeOnce(path, isWaiting: isWaiting) else { return nil }
      var status = stat()
      guard fstat(lock.descriptor, &status) == 0 else { throw .last("fstat", path) }
      // Without a name nobody else would find it: another may hold the lock on a new file.
      if status.st_nlink > 0 { return lock }
    }
  }

  private static func takeOnce(
    _ path: String, isWaiting: @Sendable () -> Void
  ) async throws(SystemCallFault) -> AcquisitionLock? {
    let file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw .last("open", path) }
    if flock(file, LOCK_EX | LOCK_NB) == 0 { return AcquisitionLock(path, file) }
    guard errno == EWOULDBLOCK else {
      let fault = SystemCallFault.last("flock", path)
      close(file)
      throw fault
    }
    isWaiting()
    let wait = LockWait()
    let result: Result<AcquisitionLock?, SystemCallFault> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        guard wait.begin(continuation) else {
          close(file)
          return continuation.resume(returning: .success(nil))
        }
        // The kernel cannot be asked to stop waiting: a thread of its own that is left behind on cancellation gives the
        // lock back as soon as it gets it.
        DispatchQueue(label: "safebox.acquisition.lock").async {
          while flock(file, LOCK_EX) != 0 {
            if errno == EINTR { continue }
            let fault = SystemCallFault.last("flock", path)
            close(file)
            return wait.end(.failure(fault))
          }
          wait.end(.success(AcquisitionLock(path, file)))
        }
      }
    } onCancel: {
      wait.end(.success(nil))
    }
    return try result.get()
  }
}

/// Answers exactly once: with the lock, a failure or the cancellation, whichever is first.
private final class LockWait: Sendable {
  typealias Answer = Result<AcquisitionLock?, SystemCallFault>
  private struct State {
    var continuation: CheckedContinuation<Answer, Never>?
    var isOver = false
  }
  private let state = Mutex(State())

  /// False when it was cancelled before.
  func begin(_ continuation: CheckedContinuation<Answer, Never>) -> Bool {
    state.withLock { state in
      guard !state.isOver else { return false }
      state.continuation = continuation
      return true
    }
  }

  func end(_ answer: Answer) {
    let continuation = state.withLock { state in
      state.isOver = true
      defer { state.continuation = nil }
      return state.continuation
    }
    continuation?.resume(returning: answer)
  }
}
