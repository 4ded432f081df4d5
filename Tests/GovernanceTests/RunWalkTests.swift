import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// What a log may say next about tools and runs, told from the list of what it has said and from nothing else: it looks
/// everything up anew each time, where the fold keeps state.
private struct RunOracle {
  enum Event: Hashable {
    case register(Int)
    case retire(Int)
    case stop, goOn
    case start(UInt8, tool: Int)
    case resume(UInt8, calls: Int64)
    case call(UInt8, call: Int64, index: Int64)
    /// With how many of its answers hashed, and whether the hash is of what it came to.
    case finish(UInt8, calls: Int64, isTrue: Bool)
    case propose(UInt8)
  }

  static let callLimit: Int64 = 4
  var facts: [(event: Event, at: Int64)] = []

  private func isRegistered(_ tool: Int) -> Bool { facts.contains { $0.event == .register(tool) } }
  private func isRetired(_ tool: Int) -> Bool { facts.contains { $0.event == .retire(tool) } }
  private var isStopped: Bool {
    facts.last { $0.event == .stop || $0.event == .goOn }?.event == .stop
  }

  /// What has been said of a run since it last started; nil where it is not live.
  func life(_ run: UInt8) -> [(event: Event, at: Int64)]? {
    var life: [(event: Event, at: Int64)]?
    for fact in facts {
      switch fact.event {
      case .start(run, _): life = [fact]
      case .finish(run, _, _): life = nil
      case .call(run, _, _), .resume(run, _): life?.append(fact)
      default: break
      }
    }
    return life
  }

  func answers(_ run: UInt8) -> [(call: Int64, at: Int64)] {
    (life(run) ?? []).compactMap { fact in
      if case .call(_, let call, _) = fact.event { (call, fact.at) } else { nil }
    }
  }

  func allows(_ event: Event) -> Bool {
    switch event {
    case .register(let tool): return !isRegistered(tool)
    case .retire(let tool): return isRegistered(tool) && !isRetired(tool)
    case .stop, .goOn: return true
    case .start(let run, let tool):
      return life(run) == nil && isRegistered(tool) && !isRetired(tool) && !isStopped
    case .resume(let run, let calls): return life(run) != nil && Int64(answers(run).count) == calls
    case .call(let run, let call, let index):
      let answers = answers(run)
      return life(run) != nil && Int64(answers.count) == index && call < Self.callLimit
        && !answers.contains { $0.call == call }
    case .finish(let run, let calls, let isTrue):
      return life(run) != nil && Int64(answers(run).count) == calls && isTrue
    case .propose(let run): return life(run) != nil
    }
  }
}

@Suite struct RunWalkTests {
  /// The execution hash by another way: from the documents themselves.
  private func execution(_ oracle: RunOracle, _ run: UInt8, calls: Int64) -> (chain: SHA256Digest, hash: SHA256Digest) {
    var chain = SHA256Digest.of(["run": "safebox/run/v1"])
    for answer in oracle.answers(run).prefix(Int(calls)) {
      chain = .of([
        "arguments": .string(SHA256Digest.of("a").hex), "at": .integer(answer.at), "call": .integer(answer.call),
        "method": "HTTP.get", "ok": true, "previous": .string(chain.hex),
        "result": .string(SHA256Digest.of(.integer(answer.call)).hex),
      ])
    }
    let life = oracle.life(run) ?? []
    var tool = 0
    var engine = "quickjs-ng 0.17.0-1"
    for fact in life {
      if case .start(_, let started) = fact.event { tool = started }
      if case .resume = fact.event { engine = "later" }
    }
    let manifest = Self.manifest(tool).json
    let json: JSON = [
      "calls": .integer(calls), "chain": .string(chain.hex), "community": "acme", "engine": .string(engine), "fuel": 5,
      "input": .string(SHA256Digest.of("input").hex), "limits": manifest["limits"] ?? .null,
      "outcome": ["result": .string(SHA256Digest.of("done").hex)],
      "seed": .string(String(repeating: Hex.encode([run]), count: 32)), "source": manifest["source"] ?? .null,
      "start": .integer(life.first?.at ?? 0), "tool": .string(SHA256Digest.of(manifest).hex), "version": 1,
    ]
    return (chain, .of(json))
  }

  private static func manifest(_ tool: Int) -> ToolManifest {
    TestBox.manifest("greet", "\(tool).0.0", calls: RunOracle.callLimit)
  }

  private func tell(_ event: RunOracle.Event, to box: inout TestBox, _ oracle: RunOracle) throws {
    switch event {
    case .register(let tool): try box.execute(box.open("tool.register", ["manifest": Self.manifest(tool).json]))
    case .retire(let tool): try box.execute(box.open("tool.retire", ["name": "greet", "version": "\(tool).0.0"]))
    case .stop: try box.execute(box.open("box.stop", ["reason": "r"]))
    case .goOn: try box.execute(box.open("box.resume", ["reason": "r"]))
    case .start(let run, let tool): try box.apply(box.started(run, Self.manifest(tool).digest))
    case .resume(let run, let calls):
      try box.apply(
        RunResumed(
          run: TestBox.id(run), calls: calls, isolation: box.started(run, .of("any")).isolation, engine: "later"))
    case .call(let run, let call, let index): try box.apply(box.called(run, call, index: index))
    case .finish(let run, let calls, let isTrue):
      let (chain, hash) = execution(oracle, run, calls: calls)
      try box.apply(
        RunFinished(
          run: TestBox.id(run), calls: calls, chain: chain, fuel: 5, outcome: .result(.of("done")),
          execution: isTrue ? hash : .of("another")))
    case .propose(let run): try box.open("note.write", by: .run(TestBox.id(run)))
    }
  }

  private func event(_ oracle: RunOracle, _ generator: inout SeededGenerator) -> RunOracle.Event {
    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let run = UInt8(number(1...3))
    let known = Int64(oracle.answers(run).count)
    // Mostly the true count, or hardly any run would come to its end.
    let count = number(0...3) == 0 ? Int64(number(0...4)) : known
    switch number(0...19) {
    case 0: return .register(number(0...2))
    case 1: return number(0...3) == 0 ? .retire(number(0...2)) : .register(number(0...2))
    case 2: return number(0...3) == 0 ? .stop : .goOn
    case 3...6: return .start(run, tool: number(0...2))
    case 7, 8: return .resume(run, calls: count)
    case 9...14: return .call(run, call: Int64(number(0...4)), index: count)
    case 15: return .propose(run)
    default: return .finish(run, calls: count, isTrue: number(0...4) > 0)
    }
  }

  @Test func foldAndOracleAgreeAlongRandomPaths() throws {
    var finished = 0
    var refused = 0
    for seed in 0..<40 as Range<UInt64> {
      var generator = SeededGenerator(state: seed)
      let free = Rule.automatic([])
      var box = try TestBox.withTools([
        "tools": try Policy("tool.*", rule: free), "brakes": try Policy("box.stop", rule: free),
        "box": try Policy("box.resume", rule: free),
      ])
      var oracle = RunOracle()
      for _ in 0..<150 {
        if Int.random(in: 0..<4, using: &generator) == 0 { box.pass(seconds: 1) }
        let event = event(oracle, &generator)
        var next = box
        let refusal = code { try tell(event, to: &next, oracle) }
        #expect((refusal == nil) == oracle.allows(event), "seed \(seed): \(event): \(refusal ?? "accepted")")
        guard refusal == nil else {
          refused += 1
          continue
        }
        if case .finish = event { finished += 1 }
        box = next
        oracle.facts.append((event, box.now))
      }
      #expect(box.state.liveRuns.count == (1...3).count { oracle.life(UInt8($0)) != nil })
    }
    #expect(finished > 100 && refused > 1000, "hardly anything happened: \(finished), \(refused)")
  }
}
