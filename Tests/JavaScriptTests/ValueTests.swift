import JavaScript
import Testing

@Suite struct ValueTests {
  @Test(arguments: [
    "return () => 1", "return Symbol('s')", "return 1n", "const c = {}; c.c = c; return c", "return '\\ud800'",
    "return { a: ['\\udc00x'] }", "return { ['\\ud83d']: 1 }", "return { get a() { throw new Error('mine') } }",
    "return { toJSON() { throw 1 } }", "return { toJSON() { return undefined } }",
    "return new Proxy({}, { ownKeys() { throw 1 } })",
    "let a = 1; for (let i = 0; i < 65; i++) a = [a]; return a", "return '\\uffff'",
    "await Protocol.HTTP.get(() => 1)", "await Protocol.HTTP.get(Symbol())", "await Protocol.HTTP.get('\\ud800')",
    "Protocol.HTTP.get({ a: '\\udfff' }); return 1",
    "let a = 1; for (let i = 0; i < 65; i++) a = [a]; await Protocol.HTTP.get(a)",
  ])
  func refuses(_ body: String) throws {
    let run = try Tool.body(body).run()
    #expect(run.kind == .value, "\(run.state)")
    #expect(run.calls.isEmpty)
  }

  @Test(arguments: [
    ("return '\\\\ud800'", #""\\ud800""#), ("return '😀'", #""😀""#), ("return [NaN, Infinity, -0]", "[null,null,0]"),
    ("return new Proxy([1, {a: 2}], {})", #"[1,{"a":2}]"#), ("return new Date(0)", #""1970-01-01T00:00:00.000Z""#),
    ("return new Map([[1, 2]])", "{}"), ("return { toJSON: () => ({ b: 1 }) }", #"{"b":1}"#),
    ("return new Uint8Array(2)", #"{"0":0,"1":0}"#),
    ("return Object.assign(Object.create({x: 1}), {y: 2})", #"{"y":2}"#),
    ("return { __proto__: null, ['__proto__']: 1 }", #"{"__proto__":1}"#),
    ("return '\\u2028\\u0007\"'", "\"\u{2028}\\u0007\\\"\""),
    (
      "let a = 1; for (let i = 0; i < 64; i++) a = [a]; return a",
      String(repeating: "[", count: 64) + "1" + String(repeating: "]", count: 64)
    ),
  ])
  func accepts(_ body: String, _ expected: String) throws {
    #expect(try evaluate(body) == expected)
  }

  /// What a tool's own code throws while an argument is read is the tool's to catch; so is what `JSON.stringify` throws.
  @Test func argumentsThatThrowRejectTheCall() throws {
    for argument in ["{ get a() { throw 'mine' } }", "{ toJSON() { throw 'mine' } }"] {
      #expect(try evaluate("return Protocol.HTTP.get(\(argument)).catch(e => e)") == #""mine""#)
    }
    #expect(try evaluate("return Protocol.HTTP.get(1n).catch(e => e.name)") == #""TypeError""#)
    #expect(try evaluate("const c = []; c.push(c); return Protocol.HTTP.get(c).catch(e => e.name)") == #""TypeError""#)
  }

  @Test(arguments: [
    ("throw new RangeError('far')", "RangeError: far\n"), ("throw 'text'", "text"), ("throw {a: 1}", #"{"a":1}"#),
    ("throw null", "null"), ("throw undefined", "undefined"), ("throw 1n", "1"), ("await Promise.reject(5)", "5"),
    ("throw Symbol('s')", "the program threw"), ("throw { toJSON() { throw 1 } }", "the program threw"),
    ("null.x", "TypeError: "), ("throw '\\ud800'", "\u{FFFD}"),
    ("throw Object.defineProperty(new Error('x'), 'name', { get() { throw 1 } })", ": x"),
  ])
  func saysWhatWasThrown(_ body: String, _ message: String) throws {
    let failure = try #require(try Tool.body(body).run().failure)
    #expect(failure.kind == .exception)
    #expect(failure.message.hasPrefix(message), "\(failure)")
  }

  @Test func saysWhere() throws {
    let failure = try Tool("\n\nfunction inner() { throw new Error('x') }\nexport default async () => inner()").run()
      .failure
    #expect(failure?.message.contains("at inner (tool:3:") == true, "\(String(describing: failure))")
  }

  @Test func inputMustBeJSON() throws {
    #expect(try Tool.body("return input").input("{").run().kind == .value)
    #expect(try Tool.body("return input").input("[1,2] x").run().kind == .value)
    var program = Tool.body("").program
    program.input = [0x22, 0xFF, 0x22]
    #expect(throws: MachineFailure(.value, "the input is not UTF-8")) { try Machine(program) }
  }

  @Test func hugeAnswersCountAsMemory() throws {
    let body = "const all = []; for (;;) all.push(await Protocol.Files.read(1))"
    let run = try Tool.body(body).memory(4 << 20).run { _ in
      (false, "[" + String(repeating: "{},", count: 10_000) + "1]")
    }
    #expect(run.kind == .memory)
    #expect(run.turns.last?.calls.isEmpty == true)
  }
}

@Suite struct OrderTests {
  private func answer(_ machine: Machine, _ call: Int, _ value: String = "1", at: Int64 = 1_700_000_000_000)
    -> MachineTurn
  {
    machine.answer(MachineAnswer(call: call, isError: false, value: Array(value.utf8), at: at))
  }

  @Test func answersMayComeInAnyOrder() throws {
    let source = """
      const log = [];
      const one = async (name) => { log.push('+' + name); await Protocol.HTTP.get(name); log.push('-' + name) };
      await Promise.all([one('a'), one('b'), one('c')]);
      return log.join()
      """
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
      let machine = try Machine(Tool.body(source).program)
      #expect(machine.start().calls.map(\.number) == [0, 1, 2])
      #expect(answer(machine, order[0]).state == .waiting)
      #expect(!machine.isOpen(order[0]) && machine.isOpen(order[1]) && !machine.isOpen(3) && !machine.isOpen(-1))
      #expect(answer(machine, order[1]).state == .waiting)
      let expected = "\"+a,+b,+c," + order.map { "-" + ["a", "b", "c"][$0] }.joined(separator: ",") + "\""
      #expect(answer(machine, order[2]).state == .finished(Array(expected.utf8)))
    }
  }

  @Test func everythingRunsBeforeATurnEnds() throws {
    let machine = try Machine(
      Tool.body(
        """
        Protocol.HTTP.get(0).then(() => Protocol.HTTP.get(2));
        for (let i = 0; i < 100; i++) await null;
        await Protocol.HTTP.get(1);
        return await Protocol.HTTP.get(3)
        """
      ).program)
    #expect(machine.start().calls.map { $0.arguments } == [[0x30], [0x31]])
    #expect(answer(machine, 0).calls.map { $0.arguments } == [[0x32]])
    #expect(answer(machine, 1).calls.map { $0.arguments } == [[0x33]])
    #expect(answer(machine, 3, "\"end\"").state == .finished(Array("\"end\"".utf8)))
  }

  @Test func theEndDoesNotWaitForTheRest() throws {
    #expect(try Tool.body("Protocol.HTTP.get(1); Promise.reject(new Error('lost')); return 5").run().result == "5")
    let run = try Tool.body("(async () => { for (;;) await 0 })(); return 5").fuel(5).run()
    #expect(run.result == "5")
  }

  @Test func onlyTheMainPromiseCounts() throws {
    let run = try Tool.body(
      "Promise.reject(1); queueMicrotask(() => { throw 2 }); await Protocol.HTTP.get(1); return 'fine'"
    ).run()
    #expect(run.result == #""fine""#)
  }

  @Test func thenablesAreAwaited() throws {
    #expect(try evaluate("return { then(f) { f({ then(g) { g(7) } }) } }") == "7")
    #expect(try evaluate("return await { then(f, r) { r(8) } }.then(x => x, x => x) ?? 9") == "9")
    #expect(try Tool("export default () => ({ get then() { throw new Error('x') } })").run().kind == .exception)
    #expect(try Tool("export default () => ({ then(f, r) { r(new Error('x')) } })").run().kind == .exception)
    #expect(try Tool("class P extends Promise {}; export default () => P.resolve(4)").run().result == "4")
  }

  @Test func asyncGeneratorsWork() throws {
    let run = try Tool.body(
      """
      async function* pages() { let next = 0; while (next < 3) next = (yield await Protocol.HTTP.get({ next })) ?? next + 1 }
      const seen = [];
      for await (const page of pages()) seen.push(page.next);
      return seen
      """
    ).run()
    #expect(run.result == "[0,1,2]")
    #expect(try Tool("export default async function* () { yield 1 }").run().result == "{}")
  }

  @Test func aModuleMayCallAtTheTop() throws {
    let run = try Tool("const x = await Protocol.Files.list({}); export default () => x").run()
    #expect(run.result == "{}")
    #expect(run.turns.map(\.calls.count) == [1, 0])
  }
}
