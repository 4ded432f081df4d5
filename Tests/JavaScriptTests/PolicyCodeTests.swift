import JavaScript
import Testing

@Suite struct PolicyCodeTests {
  private func evaluate(_ source: String, _ facts: String = "{}", at now: Int64 = 0) -> Result<String, MachineFailure> {
    PolicyCode.evaluate(source: Array(source.utf8), facts: Array(facts.utf8), at: now)
  }

  private func kind(_ source: String) -> MachineFailure.Kind? {
    if case .failure(let failure) = evaluate(source) { failure.kind } else { nil }
  }

  @Test func returnsAString() {
    let source = "export default (facts) => facts.action.params.amount > 100 ? 'large' : 'small'"
    #expect(evaluate(source, #"{"action":{"params":{"amount":101}}}"#) == .success("large"))
    #expect(evaluate(source, #"{"action":{"params":{"amount":100}}}"#) == .success("small"))
    #expect(evaluate("export default () => 'é😀'") == .success("é😀"))
    #expect(evaluate("export default () => new Date().toISOString()", at: 1000) == .success("1970-01-01T00:00:01.000Z"))
  }

  @Test(arguments: [
    "export default async () => 'small'", "export default () => Promise.resolve('small')",
    "export default function* () { return 'small' }", "export default () => new String('small')",
    "export default () => ({ toString: () => 'small' })", "export default () => undefined",
    "export default () => ['small']", "export default () => '\\ud800'", "export default () => 1",
  ])
  func refusesWhatIsNoString(_ source: String) {
    #expect(kind(source) == .value)
  }

  @Test func failsAsToolsDo() {
    #expect(kind("export default () => { for (;;) {} }") == .fuel)
    #expect(kind("for (;;) {} export default () => 'x'") == .fuel)
    #expect(kind("export default () => { return String(new Uint8Array(17 << 20).length) }") == .memory)
    #expect(kind("export default () => { (function f() { f() })() }") == .stack)
    #expect(kind("export default () => { throw new Error('x') }") == .exception)
    #expect(kind("export default 'small'") == .source)
    #expect(kind("small") == .exception)
    #expect(kind("import x from 'y'; export default () => 'small'") == .source)
    #expect(kind("await new Promise(() => {}); export default () => 'small'") == .deadlock)
    if case .failure(let failure) = evaluate("export default () => 'x'", "{") { #expect(failure.kind == .value) }
  }

  /// One step through all that a program holds costs what it holds: without that, some of these take minutes.
  @Test(arguments: [
    "const a = new Uint8Array(8000000); for (;;) a.fill(1)", "const a = new Array(300000).fill(0); for (;;) a.fill(1)",
    "for (;;) 'a'.repeat(15000000)", "const s = 'a,'.repeat(100000); for (;;) s.split(',')",
    "const s = 'a'.repeat(7000000), t = 'a'.repeat(7000000); for (;;) if (s !== t) return 'x'",
    "const a = []; for (let i = 0; i < 200000; i++) a.push(i * 7919 % 200003); for (;;) a.slice().sort()",
    "const a = new Array(300000).fill(0); for (;;) JSON.stringify(a)",
    "const o = {}; for (let i = 0;; i++) o['k' + i] = { ...o }",
  ])
  func largeStepsUseMoreFuel(_ body: String) {
    #expect(kind("export default () => { \(body) }") == .fuel)
  }

  @Test(arguments: [
    "10n", "0n", "1_000n", "0xfFn", "0b1n", "0o7n", "(1n)", "x = 1n", "'1n'", "BigInt(1)", "new BigInt64Array(1)",
    "/a/",
    "new RegExp('a')", "eval('1')", "new Function('return 1')", "(() => {}).constructor('return 1')()",
    "(async () => {}).constructor('return 1')()", "(function* () {}).constructor('return 1')()",
    "new DataView(new ArrayBuffer(8))",
  ])
  func hasNothingThatTakesLongAtOnce(_ expression: String) {
    let found = kind("export default () => { let x; \(expression); return 'x' }")
    #expect(found == .source || found == .exception, "\(String(describing: found))")
  }

  @Test func namesAndTextsAreNoBigIntegers() {
    let source = "export default () => { const a1n = 1, in10n = '5min 0x1xn 1nd'; return a1n + in10n }"
    #expect(evaluate(source) == .success("15min 0x1xn 1nd"))
  }

  @Test func hasNothingToCall() {
    for name in ["Protocol", "console", "ProtocolError"] {
      #expect(evaluate("export default () => typeof \(name)") == .success("undefined"))
    }
    #expect(
      evaluate("export default () => String(Math.random())") == evaluate("export default () => String(Math.random())"))
  }

  @Test func isTheSameOnManyThreads() async {
    let source = """
      export default (f) => { let n = 0; try { (function g() { n++; g() })() } catch {} return String(n) }
      """
    let expected = evaluate(source)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<50 { group.addTask { evaluate(source) == expected } }
      for await same in group { #expect(same) }
    }
  }
}
