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
    #expect(kind("export default () => { const a = []; for (;;) a.push(new Array(1000).fill(0)) }") == .memory)
    #expect(kind("export default () => { (function f() { f() })() }") == .stack)
    #expect(kind("export default () => { throw new Error('x') }") == .exception)
    #expect(kind("export default 'small'") == .source)
    #expect(kind("small") == .exception)
    #expect(kind("import x from 'y'; export default () => 'small'") == .source)
    #expect(kind("await new Promise(() => {}); export default () => 'small'") == .deadlock)
    if case .failure(let failure) = evaluate("export default () => 'x'", "{") { #expect(failure.kind == .value) }
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
