import Glibc

/// Runs one target for a bounded time.
struct FuzzRunner {
  let target: FuzzTarget
  let seed: UInt64
  let directory: String
  /// A batch of 128 inputs that takes longer than this contains a hang; it is reported like a crash.
  static let secondsPerBatch: UInt32 = 10
  private static let corpusLimit = 2048

  /// What a run did.
  struct Summary {
    var executions = 0
    var behaviours = 0
    var kept = 0
    var violation: FuzzTarget.Violation?
  }

  func run(for duration: Duration) -> Summary {
    var summary = Summary()
    let path = "\(directory)/\(target.name).current"
    guard let recorder = CrashRecorder(path: path) else {
      summary.violation = .init("cannot write \(path)")
      return summary
    }
    CrashReport.prepare(
      "\nfuzz: \(target.name): the process died or hung; repeat with: SafeboxFuzz --replay \(path) \(target.name)\n")
    var generator = SeededGenerator(
      seed: seed ^ target.name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
    let mutator = Mutator(target)
    var corpus = target.seeds
    var labels: Set<String> = []
    let deadline = ContinuousClock.now + duration
    var next = corpus
    while ContinuousClock.now < deadline {
      // Looking at the clock and arming the watchdog once per batch keeps both off the hot path.
      alarm(Self.secondsPerBatch)
      for input in next {
        recorder.store(input)
        summary.executions += 1
        do throws(FuzzTarget.Violation) {
          let label = try target.check(input)
          if labels.insert(label + "/\(input.count.bitWidth - input.count.leadingZeroBitCount)").inserted {
            if corpus.count < Self.corpusLimit { corpus.append(input) }
            summary.kept += 1
          } else if label == "accepted", generator.below(64) == 0 {
            // Accepted inputs drift away from the seeds; keeping some of them reaches deeper than mutating seeds alone.
            if corpus.count < Self.corpusLimit {
              corpus.append(input)
            } else {
              corpus[target.seeds.count + generator.below(corpus.count - target.seeds.count)] = input
            }
          }
        } catch {
          summary.violation = error
          summary.behaviours = labels.count
          alarm(0)
          return summary
        }
      }
      next = (0..<128).map { _ in
        mutator.mutate(corpus[generator.below(corpus.count)], other: corpus[generator.below(corpus.count)], &generator)
      }
    }
    alarm(0)
    summary.behaviours = labels.count
    unlink(path)
    return summary
  }
}
