import Glibc

/// `SafeboxFuzz [--seconds N] [--seed S] [--corpus DIRECTORY] [--replay FILE] [target...]`
///
/// The files of a corpus (to 64 KiB each, 4096 of them) are seeds of every target beside its own.
/// Every target runs in this process for N seconds (default 10), so a trap anywhere in a parser ends the run with a
/// signal. Exit code 0: nothing found; 1: a property was violated; 2: usage.
enum FuzzCommand {
  static func run() -> Never {
    var seconds = 10
    var seed: UInt64 = 1
    var replay: String?
    var corpus: [[UInt8]] = []
    var names: [String] = []
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--seconds":
        guard let value = arguments.popFirst().flatMap({ Int($0) }), (1...86_400).contains(value) else { usage() }
        seconds = value
      case "--seed":
        guard let value = arguments.popFirst().flatMap({ UInt64($0) }) else { usage() }
        seed = value
      case "--corpus":
        guard let value = arguments.popFirst() else { usage() }
        corpus = files(in: value)
      case "--replay":
        guard let value = arguments.popFirst() else { usage() }
        replay = value
      case "--list":
        for target in Registry.targets { print(target.name) }
        exit(0)
      default:
        guard Registry.targets.contains(where: { $0.name == argument }) else { usage() }
        names.append(argument)
      }
    }
    let targets = Registry.targets.filter { names.isEmpty || names.contains($0.name) }
    if let replay { repeatInput(replay, targets) }
    CrashReport.install()
    let directory = ".build/fuzz"
    mkdir(".build", 0o755)
    mkdir(directory, 0o755)
    var failed = false
    for var target in targets {
      target.seeds += corpus
      let runner = FuzzRunner(target: target, seed: seed, directory: directory)
      let summary = runner.run(for: .seconds(seconds))
      let rate = summary.executions / seconds
      print("\(target.name): \(summary.executions) inputs (\(rate)/s), \(summary.behaviours) behaviours")
      if let violation = summary.violation {
        failed = true
        print("\(target.name): VIOLATION: \(violation.what)")
        print("  repeat with: SafeboxFuzz --replay \(directory)/\(target.name).current \(target.name)")
      }
      // A crash in the next target must not take these lines with it.
      fflush(nil)
    }
    exit(failed ? 1 : 0)
  }

  /// The regular files below a directory, in the order of their names.
  private static func files(in directory: String) -> [[UInt8]] {
    guard let pointer = opendir(directory) else {
      print("cannot read \(directory)")
      exit(2)
    }
    defer { closedir(pointer) }
    var names: [String] = []
    while let entry = readdir(pointer), names.count < 4096 {
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        })
    }
    return names.sorted().compactMap { CrashRecorder.read(path: "\(directory)/\($0)") }
      .filter { (1...1 << 16).contains($0.count) }
  }

  /// Runs one recorded input, to be watched in a debugger.
  private static func repeatInput(_ path: String, _ targets: [FuzzTarget]) -> Never {
    guard let input = CrashRecorder.read(path: path) else {
      print("cannot read \(path)")
      exit(2)
    }
    print("\(input.count) bytes: \(String(decoding: input, as: UTF8.self).debugDescription)")
    var failed = false
    for target in targets {
      do throws(FuzzTarget.Violation) {
        print("\(target.name): \(try target.check(input))")
      } catch {
        failed = true
        print("\(target.name): VIOLATION: \(error.what)")
      }
    }
    exit(failed ? 1 : 0)
  }

  private static func usage() -> Never {
    print("usage: SafeboxFuzz [--seconds N] [--seed S] [--corpus DIRECTORY] [--list] [--replay FILE] [target...]")
    exit(2)
  }
}
