import Foundation
import JavaScript
import TestSupport
import Testing

@Suite struct DeterminismTests {
  /// Programs whose end depends on where fuel, memory and stack end, on time, chance and order.
  static let tools: [Tool] = [
    Tool.body("let n = 0; for (;;) if (++n % 50_000 == 0) console.log(n)").fuel(100),
    Tool.body("const a = []; for (let n = 0;; n++) { a.push({n}); if (n % 1000 == 0) console.log(n) }").memory(8 << 20),
    Tool.body("(function f(n) { console.log(n); f(n + 1) })(0)"),
    Tool.body("(function f(n) { console.log(n); [0].map(() => JSON.stringify({ toJSON: () => f(n + 1) })) })(0)"),
    Tool.body("return Array.from({length: 20}, Math.random)"),
    Tool.body("return [Date.now(), new Date().toString(), new Date(2000, 5).getTimezoneOffset(), Date()]"),
    Tool.body("const d = Date.now(); await Protocol.HTTP.get(1); return Date.now() - d"),
    Tool.body(
      """
      const m = new Map(), s = new Set();
      for (let i = 0; i < 3000; i++) { m.set({i}, i); s.add('k' + i); s.add(i / 7); }
      const order = [...m.values()].join() + [...s].join();
      return [order.length, Object.keys({b: 1, a: 2, 1: 3}), Math.random(), await Protocol.Files.read({a: order})];
      """),
    Tool.body(
      """
      const log = [];
      const work = async (i) => { log.push(i); const r = await Protocol.HTTP.get({i}); log.push(-i);
        if (i % 3) { await null; await Protocol.HTTP.head({r}) } log.push(i * 100) };
      await Promise.allSettled([5, 2, 7, 1].map(work));
      return log;
      """),
    Tool.body("throw new TypeError('with a stack')"),
    Tool.body("/(x+x+)+y/.test('x'.repeat(40))").fuel(30),
    Tool.body("return [1.1e300, 5e-324, 0.1, 1/3, 123456789.123].map(x => [x, x.toFixed(3), x.toString(7)])"),
    Tool.body(
      """
      let h = 0;
      for (let i = 1; i < 5000; i++) for (const f of ['sin', 'cos', 'tan', 'exp', 'log', 'cbrt', 'sinh', 'atan'])
        h = (h * 31 + new Int32Array(new Float64Array([Math[f](i * 1.37) + Math.pow(i, 0.3)]).buffer)[0]) | 0;
      return h
      """),
    Tool("let x = 1; export default () => x; for (;;) x++").fuel(10),
  ]

  /// Runs and notes what the machine was told.
  private func run(_ tool: Tool, in prepared: Prepared = Prepared()) throws -> (Run, [MachineAnswer]) {
    let machine = try Machine(tool.program, in: prepared)
    var run = Run()
    var answers: [MachineAnswer] = []
    var open: [MachineCall] = []
    run.add(machine.start())
    while case .waiting = run.state {
      open += run.turns[run.turns.count - 1].calls
      // The last call first: answers need not come in the order of the calls.
      let call = open.removeLast()
      let answer = MachineAnswer(
        call: call.number, isError: call.number % 4 == 3, value: Array(#"{"code":"x","message":"m"}"#.utf8),
        at: tool.startedAt + Int64(answers.count * 1000))
      answers.append(answer)
      run.add(machine.answer(answer))
    }
    return (run, answers)
  }

  @Test(arguments: tools.indices)
  func isTheSameAgain(_ index: Int) throws {
    let tool = Self.tools[index]
    let (first, answers) = try run(tool)
    #expect(try run(tool).0 == first)
    let prepared = Prepared()
    _ = try run(Self.tools[0])
    #expect(try run(tool, in: prepared).0 == first)

    // Other processes, with other stacks, environments and time zones.
    let environments = [
      [], ["TZ=Asia/Tokyo", "LANG=tr_TR.UTF-8", "LC_ALL=de_DE.UTF-8"], ["X=" + String(repeating: "y", count: 12_345)],
      ["GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX", "Z=" + String(repeating: "z", count: 31)],
    ]
    for environment in environments {
      let worker = try WorkerProcess.run(tool, answers: answers, environment: environment)
      #expect(worker.status == 0)
      #expect(worker.turns == first.turns, "environment \(environment)")
    }
  }

  /// What does not depend on the compiler is the same for ever; a change here changes every execution hash.
  @Test func isTheSameForEver() throws {
    let expected: [(Int, String?, Int64, String?)] = [
      (0, "fuel", 100, "950000"), (1, "memory", 11, nil), (2, "stack", 0, nil), (4, nil, 0, nil),
    ]
    for (index, kind, fuel, last) in expected {
      let run = try Self.tools[index].run()
      #expect(run.kind?.rawValue == kind)
      #expect(run.fuel == fuel)
      if let last { #expect(run.logs.last == last) }
    }
  }

  /// xoshiro256** 1.0 over the seed and the first outputs of SplitMix64.
  @Test(arguments: [[UInt8](repeating: 0, count: 32), [UInt8](0..<32), [UInt8](repeating: 255, count: 32)])
  func randomNumbersAreThoseOfTheSeed(_ seed: [UInt8]) throws {
    var state: UInt64 = 0
    var s = (0..<4).map { word in
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      let constant = z ^ (z >> 31)
      return constant ^ seed[(8 * word)..<(8 * word + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let expected = (0..<100).map { _ in
      let x = s[1] &* 5
      let result = ((x << 7) | (x >> 57)) &* 9
      let t = s[1] << 17
      s[2] ^= s[0]
      s[3] ^= s[1]
      s[1] ^= s[2]
      s[0] ^= s[3]
      s[2] ^= t
      s[3] = (s[3] << 45) | (s[3] >> 19)
      return Double(result >> 11) * 0x1p-53
    }
    let run = try Tool.body("return Array.from({length: 100}, Math.random)").seed(seed).run()
    let result = try #require(run.result)
    #expect(result.dropFirst().dropLast().split(separator: ",").map { Double($0) } == expected)
  }

  @Test func timeStandsStillBetweenAnswers() throws {
    let run = try Tool.body(
      """
      const seen = [Date.now()];
      for (let i = 0; i < 1e5; i++) {}
      seen.push(Date.now());
      for (let i = 0; i < 3; i++) { await Protocol.HTTP.get(i); seen.push(+new Date()) }
      return seen.map(t => t - seen[0]).concat(new Date(2024, 6, 1).getHours(), new Date().getTimezoneOffset())
      """
    ).run()
    #expect(run.result == "[0,0,1,2,3,0,0]")
  }

  private static let masked = ["GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX,-AVX2_Usable,-FMA_Usable"]

  @Test func mathematicsIsTheSameOnEveryCPU() throws {
    let tool = Tool.body(
      """
      const unary = ['acos', 'acosh', 'asin', 'asinh', 'atan', 'atanh', 'cbrt', 'cos', 'cosh', 'exp', 'expm1', 'log',
        'log10', 'log1p', 'log2', 'sin', 'sinh', 'sqrt', 'tan', 'tanh', 'fround', 'floor', 'round'];
      const binary = ['atan2', 'hypot', 'pow'];
      const words = new Uint32Array(2), value = new Float64Array(words.buffer);
      let hash = 2166136261;
      const add = (x) => { value[0] = x; for (const w of words) hash = Math.imul(hash ^ w, 16777619) >>> 0 };
      for (let i = 0; i < 4000; i++) {
        const x = (Math.random() - 0.5) * 2 ** Math.floor(Math.random() * 40 - 20), y = Math.random() * 20 - 10;
        for (const f of unary) add(Math[f](x));
        for (const f of binary) { add(Math[f](x, y)); add(Math[f](Math.abs(x), y)) }
        add(Math.abs(x) ** y); add(x % y);
      }
      return hash
      """)
    let plain = try WorkerProcess.run(tool, answers: [])
    let masked = try WorkerProcess.run(tool, answers: [], environment: Self.masked)
    #expect(plain.turns == masked.turns)
    #expect(try tool.run().turns == plain.turns)
    // The same bits wherever this is built: musl's.
    #expect(try tool.run().result == "3477120050")
  }

  /// The control: what the engine would have used does depend on the CPU, or this test could not fail.
  @Test(.enabled(if: hasFusedMultiplyAdd, "this CPU has no fused multiply-add to be masked"))
  func mathematicsOfTheCLibraryIsNot() throws {
    let python = try #require(Subprocess.find("/usr/bin/python3", "python3"))
    let script = """
      import math, random, hashlib, struct
      random.seed(1)
      h = hashlib.sha256()
      for i in range(200000):
          x = (random.random() - 0.5) * 40
          for f in (math.sin, math.exp, math.tan, math.atan): h.update(struct.pack('d', f(x)))
          h.update(struct.pack('d', math.pow(abs(x), random.random() * 20 - 10)))
      print(h.hexdigest())
      """
    let plain = try Subprocess.run("/usr/bin/env", ["-i", python, "-c", script])
    let masked = try Subprocess.run("/usr/bin/env", ["-i"] + Self.masked + [python, "-c", script])
    #expect(plain.status == 0 && plain.output.count == 65)
    #expect(plain.output != masked.output)
  }

  private static let hasFusedMultiplyAdd =
    (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.contains(" fma ") ?? false
}
