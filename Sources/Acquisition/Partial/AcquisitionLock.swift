import Dispatch
import Glibc
import Synchronization

/// The right to acquire one model: one holder on the machine, in this process or another. `flock`, so the kernel gives it
/// back however its holder dies. The file stays: removing it would let two holders in.
final class AcquisitionLock: Sendable {
  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    // Not by closing alone: a child that another thread is just starting holds the same open file until its exec.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Takes the lock, waiting for whoever has it. `isWaiting` is called first when somebody has. Nil when the task was
  /// cancelled meanwhile.
  static func take(
    _ path: String, isWaiting: @Sendable () -> Void
  ) async throws(StorageFault) -> AcquisitionLock? {
    let file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw .last("open", path) }
    if flock(file, LOCK_EX | LOCK_NB) == 0 { return AcquisitionLock(file) }
    guard errno == EWOULDBLOCK else {
      let fault = StorageFault.last("flock", path)
      close(file)
      throw fault
    }
    isWaiting()
    let wait = LockWait()
    let result: Result<AcquisitionLock?, StorageFault> = await withTaskCancellationHandler {
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
            let fault = StorageFault.last("flock", path)
            close(file)
            return wait.end(.failure(fault))
          }
          wait.end(.success(AcquisitionLock(file)))
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
  typealias Answer = Result<AcquisitionLock?, StorageFault>
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
