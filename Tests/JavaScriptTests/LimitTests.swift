import JavaScript
import Testing

@Suite struct LimitTests {
  @Test(arguments: [
    "for (;;) {}",
    "for (;;) { try { for (;;) {} } catch {} }",
    "for (;;) { try { for (;;) {} } finally { continue } }",
    "(function f() { Promise.resolve().then(f) })(); await new Promise(() => {})",
    "(async () => { for (;;) await 0 })(); await new Promise(() => {})",
    "const f = () => queueMicrotask(f); f(); await new Promise(() => {})",
    "await { then(resolve) { resolve(this) } }",
    "/(a+)+$/.test('a'.repeat(40) + 'b')",
    "'a'.repeat(30).match(/(.*)*(.*)*(.*)*(.*)*b/)",
    "[...Array(2000).keys()].sort(() => { for (;;) {} })",
    "[1, 2].sort((a, b) => { [1, 2].sort(() => { for (;;); }) })",
    "JSON.stringify({ get a() { for (;;) {} } })",
    "`${{ toString() { for (;;) {} } }}`",
    "new Proxy({}, { get() { for (;;) {} } }).x",
    "for await (const x of (async function* () { for (;;) yield 1 })()) {}",
    "for (const x of (function* () { for (;;) yield 1 })()) {}",
    "Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)",
    "Array.from({ length: 2 ** 31 }, () => 1)",
    "return { toJSON() { for (;;) {} } }",
    "throw { get message() { for (;;) {} }, toJSON() { for (;;) {} } }",
    "throw Object.defineProperty(new Error(), 'message', { get() { for (;;) {} } })",
    "console.log({ toJSON() { for (;;) {} } })",
    "Protocol.HTTP.get({ toJSON() { for (;;) {} } })",
    "class A { static { for (;;) {} } }",
    "await Promise.all((function* () { for (;;) yield 0 })())",
    "eval('for (;;) {}')",
  ])
  func endsByFuel(_ body: String) throws {
    let tool = Tool.body(body).fuel(20)
    let run = try tool.run()
    let kind = try #require(run.kind, "\(run.state)")
    // Programs that pile up memory while they turn may hit that limit first: the same one every time.
    #expect(kind == .fuel || kind == .memory, "\(run.state)")
    #expect(kind != .fuel || run.fuel == 20)
    #expect(try tool.run() == run)
  }

  @Test(arguments: [
    "const a = []; for (;;) a.push({ a })",
    "const a = []; for (;;) try { a.push({ a }) } catch {}",
    "let s = 'x'; for (;;) { s += s + 'y'; s.charCodeAt(1) }",
    "new Array(1e9).fill(0)",
    "new ArrayBuffer(2 ** 30)",
    "new Uint8Array(2 ** 30)",
    "'x'.repeat(2 ** 29).split('')",
    "const a = []; for (let i = 0n;; i++) a.push(2n ** 100_000n + i)",
    "const m = new Map(); for (let i = 0;; i++) m.set({}, i)",
    "JSON.parse('[' + '{},'.repeat(3e6) + '1]')",
    "let f = () => 0; for (;;) { const g = f; f = () => g() }",
    "const p = []; for (;;) p.push(new Promise(() => {}))",
    "const a = []; for (;;) a.push(Promise.reject(new Array(1000).fill(7)))",
    "const a = []; for (let i = 0;; i++) a.push(Symbol('s' + i))",
    "const o = {}; for (let i = 0;; i++) o['k' + i] = i",
    "function f() { try { f(new Array(1e5).fill(1)) } finally { g.push(new Array(1e5).fill(2)) } } const g = []; f()",
  ])
  func endsByMemory(_ body: String) throws {
    let tool = Tool.body(body).memory(16 << 20).fuel(100_000)
    let run = try tool.run()
    #expect(run.kind == .memory, "\(run.state)")
    #expect(try tool.run() == run)
  }

  @Test(arguments: [
    "(function f() { f() })()",
    "(function f() { try { f() } catch { f() } })()",
    "(function f() { try { f() } finally { f() } })()",
    "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)",
    "JSON.parse('['.repeat(1e5))",
    "eval('('.repeat(1e5))",
    "new RegExp('(?:'.repeat(1e5))",
    "try { new RegExp('(?:'.repeat(1e5)) } catch {} for (let i = 0; i < 1e5; i++) {}",
    "const o = { toString() { return '' + this } }; '' + o",
    "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
    "const o = { get a() { return this.a } }; o.a",
    "class A { constructor() { new A() } } new A()",
    "const f = () => Reflect.apply(f, null, []); f()",
    "[1].map(function g() { return [1].map(g) })",
    "let f = () => 0; for (let i = 0; i < 3000; i++) f = Object.defineProperty(f.bind(null), 'name', {value: ''}); f()",
    "function f(...a) { return f(1, ...a) } f()",
    "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a",
    "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; Protocol.HTTP.get(a); for (let i = 0; i < 1e5; i++) {}",
  ])
  func endsByStack(_ body: String) throws {
    let tool = Tool.body(body)
    let run = try tool.run()
    #expect(run.kind == .stack, "\(run.state)")
    #expect(try tool.run() == run)
  }

  @Test func theStackIsAsDeepAsTheLimit() throws {
    func depth(_ stack: Int) throws -> Int {
      let run = try Tool.body("(function f(n) { if (n % 10 == 0) console.log(n); f(n + 1) })(0)").stack(stack).run()
      #expect(run.kind == .stack)
      return Int(run.logs.last ?? "") ?? 0
    }
    let small = try depth(64 << 10)
    let large = try depth(256 << 10)
    #expect(small >= 50)
    #expect(large > 3 * small)
  }

  @Test func fuelIsCountedInUnits() throws {
    // A round of this loop polls twice, a call once.
    let run = try Tool.body("for (let i = 0; i < 1_000_000; i++) {}").run()
    #expect(run.fuel == 200)
    #expect(try Tool.body("for (let i = 0; i < 1_000_000; i++) {}").fuel(201).run().result == "null")
    #expect(try Tool.body("for (let i = 0; i < 1_000_000; i++) {}").fuel(200).run().kind == .fuel)
  }

  @Test func fuelRunsOnOverTurns() throws {
    let run = try Tool.body("for (;;) { await Protocol.HTTP.get(1); for (let i = 0; i < 25_000; i++) {} }").fuel(50)
      .run()
    #expect(run.kind == .fuel)
    #expect(run.calls.count == 10)
    #expect(run.turns.map(\.fuel) == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50])
  }

  @Test func callsAreCounted() throws {
    let loop = "for (let i = 0; i < 5; i++) await Protocol.HTTP.get(i)"
    #expect(try Tool.body(loop).calls(5).run().result == "null")
    let run = try Tool.body(loop).calls(4).run()
    #expect(run.kind == .calls)
    #expect(run.calls.count == 4)
    #expect(try Tool.body("try { await Protocol.SMS.send() } catch { return 'caught' }").calls(0).run().kind == .calls)
  }

  @Test func pendingCallsAreCounted() throws {
    let many = "await Promise.all(Array.from({length: input}, (_, i) => Protocol.HTTP.get(i)))"
    #expect(try Tool.body(many).input("256").run().calls.count == 256)
    #expect(try Tool.body(many).input("257").run().kind == .calls)
  }

  @Test func valuesHaveASize() throws {
    // With the quotes it is 1 MiB exactly.
    let most = MachineLimits.maxValueBytes - 2
    #expect(try Tool.body("return 'x'.repeat(\(most))").run().result?.utf8.count == most + 2)
    #expect(try Tool.body("return 'x'.repeat(\(most + 1))").run().kind == .value)
    #expect(try Tool.body("return (await Protocol.HTTP.get('x'.repeat(\(most)))).length").run().result == "\(most)")
    #expect(try Tool.body("await Protocol.HTTP.get('x'.repeat(\(most + 1)))").run().kind == .value)
  }

  @Test func theArgumentsOfATurnHaveASize() throws {
    let body =
      "const x = 'x'.repeat(900_000); await Promise.all(Array.from({length: input}, () => Protocol.HTTP.get(x)))"
    #expect(try Tool.body(body).input("2").run().result == "null")
    #expect(try Tool.body(body).input("3").run().kind == .value)
    let alternating = "const x = 'x'.repeat(900_000); for (let i = 0; i < 5; i++) await Protocol.HTTP.get(x)"
    #expect(try Tool.body(alternating).run().result == "null")
  }

  @Test func outputHasASize() throws {
    let run = try Tool.body("for (let i = 0; i < 10_000; i++) console.log(''); return 1").run()
    #expect(run.result == "1")
    #expect(run.logs.count == MachineLimits.maxLogBytes / MachineLimits.logLineBytes)
    let long = try Tool.body("console.log('x'.repeat(60_000)); console.log('y'.repeat(10_000)); console.log('z')").run()
    #expect(long.logs.map(\.utf8.count) == [60_000])
    let surrogates = try Tool.body("for (let i = 0; i < 100; i++) console.log('\\ud800'.repeat(1000))").run()
    #expect(surrogates.logs.reduce(0) { $0 + $1.utf8.count + 16 } <= MachineLimits.maxLogBytes)
  }

  @Test func messagesHaveASize() throws {
    let failure = try #require(try Tool.body("throw new Error('é'.repeat(100_000))").run().failure)
    #expect(failure.kind == .exception)
    #expect((4000...4096).contains(failure.message.utf8.count))
    #expect(failure.message.hasPrefix("Error: éé"))
  }

  @Test(arguments: [
    "await new Promise(() => {})", "await new Promise((a, b) => {}).then(() => 1)",
    "return { then() {} }", "await Promise.race([])",
    "await Protocol.HTTP.get(1); await new Promise(() => {})",
  ])
  func noticesADeadlock(_ body: String) throws {
    #expect(try Tool.body(body).run().kind == .deadlock)
  }

  @Test func noticesADeadlockOfTheModule() throws {
    #expect(try Tool("await new Promise(() => {}); export default () => 1").run().kind == .deadlock)
  }

  @Test func aThousandMachinesLeaveNothing() throws {
    let bodies = [
      "return input", "for (;;) {}", "const a = []; for (;;) a.push({a})", "(function f() { f() })()",
      "throw new Error('x')",
      "await Protocol.HTTP.get({}); const c = {}; c.c = c; globalThis.c = c; await new Promise(() => {})",
    ]
    func rounds(_ count: Int) throws {
      for round in 0..<count {
        _ = try Tool.body(bodies[round % bodies.count]).fuel(3).memory(2 << 20).run()
      }
    }
    // An engine takes about 400 KB, and other tests run beside this one.
    try rounds(100)
    let before = try residentBytes()
    try rounds(1000)
    #expect(try residentBytes() < before + (200 << 20))
  }

  @Test func anUnfinishedMachineLeavesNothing() throws {
    let before = try residentBytes()
    for _ in 0..<300 {
      let machine = try Machine(
        Tool.body("const a = new Uint8Array(1e6).fill(1); await Protocol.HTTP.get(a.length)").program)
      _ = machine.start()
    }
    #expect(try residentBytes() < before + (150 << 20))
  }
}
