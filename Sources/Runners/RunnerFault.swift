/// Why a runner does not run.
public enum RunnerFault: Error, Sendable, Hashable {
  /// A system call failed at a path.
  case system(call: String, path: String, error: Int32)
  /// A path has more bytes than the address of a unix socket takes.
  case socketPathTooLong(path: String, bytes: Int, limit: Int)
  /// The root file system is not the one that was approved.
  case rootDigest(expected: String, actual: String)
  /// Something in a root file system that has no place in one.
  case rootEntry(path: String, why: String)
  /// The root holds more than is read of one.
  case rootTooLarge(what: String, limit: Int64)
  /// The definition is for another type of runner than the model wants.
  case runnerType(expected: String, actual: String)
  /// The model has no file, or several, that can stand for a placeholder.
  case modelFile(wanted: String, found: [String])
  /// A device that no CDI specification of this machine has.
  case deviceUnknown(String)
  /// A device wants something mounted where the root has no place for it.
  case mountPointMissing(path: String)
  /// The container runtime failed; its last words.
  case runtime(command: String, status: Int32, words: String)
  /// The container runtime did not end within its time.
  case runtimeDeadline(command: String, seconds: Int)
  /// The runtime is not installed.
  case runtimeMissing(String)
  /// What ought to stand around the container does not.
  case notContained(layer: String, why: String)
  /// It was not ready within its time; the last lines of its log.
  case startDeadline(seconds: Int, words: String)
  /// It ended before it was ready; the last lines of its log.
  case endedAtStart(words: String)
  /// The model was refused when it was to be used.
  case modelRefused(String)
  /// There is a runner of that name already.
  case nameTaken(String)
  case unknownRunner(String)
}

extension RunnerFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let call, let path, let error): "\(call) \(path): \(SystemError.text(error))"
    case .socketPathTooLong(let path, let bytes, let limit):
      "\(path) has \(bytes) bytes; a unix socket's path has at most \(limit)"
    case .rootDigest(let expected, let actual):
      "the runner's root file system is \(actual), and \(expected) was approved"
    case .rootEntry(let path, let why): "\(path) in the runner's root file system \(why)"
    case .rootTooLarge(let what, let limit): "the runner's root file system has more than \(limit) \(what)"
    case .runnerType(let expected, let actual): "the model wants a runner of type \(expected), this one is \(actual)"
    case .modelFile(let wanted, let found):
      "the model should have one file \(wanted) and has \(found.isEmpty ? "none" : found.joined(separator: ", "))"
    case .deviceUnknown(let name): "no CDI specification of this machine has the device \(name)"
    case .mountPointMissing(let path): "the runner's root file system has no \(path) to mount a device's files on"
    case .runtime(let command, let status, let words): "\(command) failed with status \(status): \(words)"
    case .runtimeDeadline(let command, let seconds): "\(command) did not end within \(seconds) seconds"
    case .runtimeMissing(let name): "\(name) is not installed"
    case .notContained(let layer, let why): "the container has no \(layer): \(why)"
    case .startDeadline(let seconds, let words): "the runner was not ready within \(seconds) seconds: \(words)"
    case .endedAtStart(let words): "the runner ended before it was ready: \(words)"
    case .modelRefused(let why): "the model was refused: \(why)"
    case .nameTaken(let name): "there is a runner \(name) already"
    case .unknownRunner(let name): "there is no runner \(name)"
    }
  }
}
