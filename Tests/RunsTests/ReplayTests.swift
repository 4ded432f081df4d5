import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import JavaScript
import Runs
import Testing

/// Runs done again from what was recorded of them.
@Suite struct ReplayTests {
  let box = MemoryBox()
  let echo = Echo.Count()

  /// Lets a tool run, and gives what log and payload store have of it.
  private func play(
    _ source: String, _ input: JSON, number: Int
  ) async throws -> (recorded: RecordedRun, bundle: ReplayBundle) {
    let tool = try box.register("tool-\(number)", source, uses: [("HTTP.get", ["hosts": ["a.example"]])])
    let service = RunService(
      host: box, sessions: MachineSessions(), store: box, calls: HostCallTable([Echo(count: echo), ActionCall()]),
      usage: UsageBook(), configuration: RunService.Configuration(), report: { _ in })
    let bytes = SHA256.hash(Array("run \(number)".utf8)).bytes
    let salt = try RunSalt(SHA256.hash(Array("salt \(number)".utf8)).bytes)
    let run = try await service.start(
      RunRequest(
        id: try #require(RunID(bytes)), tool: tool, input: input, community: "acme", client: .client("app")),
      seed: bytes, salt: salt)
    _ = await box.first { $0.finished[run] }
    let state = box.state.withLock { $0 }
    let (finished, _) = try #require(state.finished[run])
    let (started, at) = try #require(state.started[run])
    let manifest = try #require(state.manifests[tool])
    let calls = state.called[run] ?? []
    let lines = try JournalLine.join(calls, state.words[run] ?? [], salt: salt)
    return (
      RecordedRun(started: started, startedAt: at, calls: calls, finished: finished),
      ReplayBundle(
        salt: salt, source: try #require(state.sources[manifest.source]), manifest: manifest, input: input,
        calls: lines.map { .init(call: $0.called.call, arguments: $0.arguments, result: $0.result) },
        ending: state.endings[run] ?? .null)
    )
  }

  /// Where and how the repetition differs; nil where it does not.
  private func divergence(_ recorded: RecordedRun, _ bundle: ReplayBundle) async throws -> RunDivergence? {
    do {
      _ = try await Replay.run(recorded, with: bundle, in: MachineSessions())
      return nil
    } catch let divergence as RunDivergence {
      return divergence
    }
  }

  @Test func twoHundredRandomRunsComeToTheSameHash() async throws {
    var random = SeededRandom(seed: 20_261_121)
    var (answers, failures) = (0, 0)
    for number in 0..<200 {
      let (recorded, bundle) = try await play(
        RandomTool.source(&random), ["n": .integer(Int64(random.next(1000)))], number: number)
      let read = try ReplayBundle(
        json: JSON(parsing: bundle.json.canonicalBytes(), limits: .document(maxBytes: 1 << 24)))
      #expect(read == bundle)
      let hash = try await Replay.run(recorded, with: read, in: MachineSessions())
      #expect(hash == recorded.finished.execution, "\(String(decoding: bundle.source, as: UTF8.self))")
      answers += recorded.calls.count
      if case .failure = recorded.finished.outcome { failures += 1 }
    }
    // They were not all trivial, and not all of a kind.
    #expect(answers > 500)
    #expect(failures > 5 && failures < 150)
  }

  static let echoing = """
    export default async function (input) {
      const answers = []
      for (let i = 0; i < 4; i++) answers.push((await Protocol.HTTP.get({host: "a.example", i})).echo.i)
      return {input, answers}
    }
    """

  @Test func oneWrongByteIsFoundByItsIndex() async throws {
    let (recorded, bundle) = try await play(Self.echoing, ["x": 1], number: 1)
    #expect(try await divergence(recorded, bundle) == nil)
    for index in 0..<4 {
      var changed = bundle
      changed.calls[index].result = ["echo": ["host": "a.example", "i": 9]]
      #expect(try await divergence(recorded, changed)?.index == index)
      changed = bundle
      changed.calls[index].arguments = ["host": "a.example", "i": 9]
      #expect(try await divergence(recorded, changed)?.index == index)
    }
    var changed = bundle
    changed.ending = ["input": ["x": 1], "answers": [0, 1, 2, 4]]
    #expect(try await divergence(recorded, changed)?.index == 4)
    // Anywhere in the file: it cannot be read any more, or it is another run's.
    let bytes = bundle.json.canonicalBytes()
    for place in stride(from: 0, to: bytes.count, by: 7) {
      var flipped = bytes
      flipped[place] ^= 1
      guard let json = try? JSON(parsing: flipped, limits: .document(maxBytes: 1 << 20)),
        let read = try? ReplayBundle(json: json)
      else { continue }
      #expect(try await divergence(recorded, read) != nil, "byte \(place)")
    }
  }

  @Test func whatIsNotThisRunsIsNamed() async throws {
    let (recorded, bundle) = try await play(Self.echoing, ["x": 1], number: 2)
    var changed = bundle
    changed.source += Array("\n".utf8)
    #expect(try await divergence(recorded, changed)?.expected.hasPrefix("the source ") == true)
    changed.manifest.source = SHA256.hash(changed.source)
    #expect(try await divergence(recorded, changed)?.expected.hasPrefix("the manifest ") == true)
    changed = bundle
    changed.input = ["x": 2]
    #expect(try await divergence(recorded, changed)?.expected.hasPrefix("the input ") == true)
    changed = bundle
    changed.calls.removeLast()
    #expect(try await divergence(recorded, changed)?.expected == "4 calls")
    var other = recorded
    other.engine = "quickjs-ng 9.9.9"
    #expect(try await divergence(other, bundle)?.expected == "the engine quickjs-ng 9.9.9")
    other = recorded
    other.finished.fuel += 1
    let fuel = try await divergence(other, bundle)
    #expect(fuel?.index == 4)
    #expect(fuel?.expected.hasSuffix("units of fuel") == true)
    other = recorded
    other.finished.execution = SHA256.hash([])
    #expect(try await divergence(other, bundle)?.expected.hasPrefix("the execution hash ") == true)
    other = recorded
    other.started.seed[0] ^= 1
    #expect(try await divergence(other, bundle)?.expected.hasPrefix("the execution hash ") == true)
  }

  /// A box that recorded something else than what happened, in the log and in the bundle alike.
  @Test func whatTheToolNeverDidIsFoundWhereItWouldHaveBeen() async throws {
    let (recorded, bundle) = try await play(Self.echoing, ["x": 1], number: 3)
    func forged(_ change: ([Int]) -> [Int]) async throws -> RunDivergence? {
      var (other, changed) = (recorded, bundle)
      let order = change(Array(0..<4))
      other.calls = order.map { recorded.calls[$0] }
      changed.calls = order.map { bundle.calls[$0] }
      return try await divergence(other, changed)
    }
    let dropped = try await forged { _ in [0, 2, 3] }
    #expect(dropped?.index == 1)
    #expect(dropped?.expected == "call 2 of HTTP.get")
    let reordered = try await forged { _ in [0, 2, 1, 3] }
    #expect(reordered?.index == 1)
    #expect(reordered?.actual == "no such call yet")
    let duplicated = try await forged { _ in [0, 1, 1, 2, 3] }
    #expect(duplicated?.index == 2)
    #expect(duplicated?.expected == "call 1 of HTTP.get")
    #expect(try await forged { $0.dropLast() }?.actual == "the tool waits")
    let added = try await forged { $0 + [3] }
    #expect(added?.index == 4)
    #expect(added?.actual == "the end of the run")
    // Another source under the same log: it asks for something else.
    let source = Array(Self.echoing.replacing("i = 0; i < 4", with: "i = 1; i < 5").utf8)
    var (other, changed) = (recorded, bundle)
    changed.source = source
    changed.manifest.source = SHA256.hash(source)
    other.started.tool = changed.manifest.digest
    let asked = try await divergence(other, changed)
    #expect(asked?.index == 0)
    #expect(asked?.expected.hasPrefix("HTTP.get with arguments ") == true)
  }

  @Test func whatWasEndedFromOutsideCannotBeDoneAgain() async throws {
    var (recorded, bundle) = try await play(Self.echoing, ["x": 1], number: 4)
    recorded.finished.outcome = .failure(.timeout, message: bundle.salt.digest(of: "too slow"))
    bundle.ending = "too slow"
    await #expect(throws: NotReplayable.self) {
      _ = try await Replay.run(recorded, with: bundle, in: MachineSessions())
    }
  }
}

/// SplitMix64: the same tools at every run of the tests.
struct SeededRandom {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((value ^ (value >> 31)) % UInt64(bound))
  }
}

/// Programs that ask, wait for several answers at once, fail, count on chance and time, and remember all of it.
enum RandomTool {
  static func source(_ random: inout SeededRandom) -> String {
    let statements = (0...random.next(8)).map { _ in "  " + statement(&random) }
    return """
      export default async function (input, context) {
        let sum = input.n
        const get = (i) => Protocol.HTTP.get({host: "a.example", i, sum})
      \(statements.joined(separator: "\n"))
        return {sum, context, chance: Math.random(), time: Date.now()}
      }
      """
  }

  private static func statement(_ random: inout SeededRandom) -> String {
    let n = random.next(9) + 1
    return switch random.next(11) {
    case 0: "sum += (await get(\(n))).echo.i"
    case 1: "for (const a of await Promise.all(Array.from({length: \(n)}, (_, i) => get(i)))) sum += a.echo.i"
    case 2: "sum += (await Promise.race([get(\(n)), get(\(n + 1)), get(\(n + 2))])).echo.i"
    case 3: "try { await Protocol.HTTP.get({host: 'evil.example'}) } catch (error) { sum += error.code.length }"
    case 4: "sum = (sum * 31 + Math.floor(Math.random() * 1000)) % 1000003"
    case 5: "sum += Date.now() % 97"
    case 6: "if (sum % 7 === 0) throw new RangeError('unlucky ' + sum + Math.random())"
    case 7: "console.log(sum, {n: \(n)})"
    case 8:
      "{ let s = ''; for (let i = 0; i < \(n * 40); i++) s += String.fromCharCode(97 + i % 26) + i; sum += s.length }"
    case 9: "get(\(n)).then((a) => { sum += a.echo.i * \(n) })"
    default: "sum = [...new Map([[sum, \(n)], [sum + 1, 2]])].flat().sort((a, b) => b - a)[0] + new Set('a\(n)b').size"
    }
  }
}
