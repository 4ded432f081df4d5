import JavaScript
import Testing

@Suite struct TamperTests {
  /// Whatever a tool does to its globals, the host sees calls as they are made and a result or a failure of the tool.
  @Test(arguments: [
    "JSON.stringify = () => '\"forged\"'; JSON.parse = () => 'forged'",
    "Promise.prototype.then = function () { return 'forged' }",
    "Promise = class { constructor() { throw 1 } }; globalThis.Promise = null",
    "Promise.resolve = Promise.reject = () => { throw 1 }",
    "Object.defineProperty(Promise, Symbol.species, { get() { throw 1 } })",
    "Object.defineProperty = Object.freeze = Reflect.apply = () => { throw 1 }",
    "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw 1 }",
    "Array.prototype[Symbol.iterator] = function* () { throw 1 }; Array.prototype.push = () => { throw 1 }",
    "for (const k of ['code', 'message', 'details', 'value', 'get', 'a']) Object.defineProperty(Object.prototype, k, "
      + "{ __proto__: null, set() { throw 1 }, get() { return undefined } })",
    "for (const k of Object.getOwnPropertyNames(globalThis)) if (!['Protocol', 'undefined', 'NaN', 'Infinity', "
      + "'globalThis'].includes(k)) try { delete globalThis[k] } catch {}",
    "Error = Uint8Array = String = Object = Function = null; globalThis.ProtocolError = null",
    "String.prototype.toUpperCase = () => 'HEAD'; String.prototype.toWellFormed = null",
    "Error.prototype.constructor = null; Error.prepareStackTrace = () => { throw 1 }; Error.stackTraceLimit = 1e9",
  ])
  func hurtsOnlyItself(_ attack: String) throws {
    let tool = Tool(
      """
      \(attack);
      export default async function () {
        const first = await Protocol.HTTP.request({ method: 'get', a: 1 });
        try { await Protocol.SMS.send({ a: [2] }) } catch (e) {
          return [first, e.code, e.message, e.name, e.details];
        }
      }
      """)
    let run = try tool.run { call in
      call.number == 0 ? (false, #"{"ok":[1]}"#) : (true, #"{"code":"denied","message":"no","why":[3]}"#)
    }
    #expect(run.calls.map(\.method) == ["HTTP.get", "SMS.send"])
    #expect(run.calls.map { String(decoding: $0.arguments, as: UTF8.self) } == [#"{"a":1}"#, #"{"a":[2]}"#])
    #expect(run.result == #"[{"ok":[1]},"denied","no","ProtocolError",{"why":[3]}]"#, "\(run.state)")
  }

  @Test(arguments: [
    "Protocol = 1", "delete globalThis.Protocol", "Protocol.HTTP = 1", "Protocol.HTTP.get = 1", "Protocol.X = {}",
    "delete Protocol.HTTP.get", "Object.defineProperty(Protocol.HTTP, 'get', { value: 1 })", "Protocol.HTTP.get.x = 1",
    "Object.setPrototypeOf(Protocol, {})", "ProtocolError.prototype.name = 'x'",
    "Object.setPrototypeOf(ProtocolError, Array)",
    "Object.defineProperty(globalThis, 'Protocol', { value: 1 })",
  ])
  func protocolCannotBeChanged(_ attack: String) throws {
    #expect(try evaluate("try { \(attack) } catch (e) { return e.name }") == #""TypeError""#)
  }

  @Test func protocolHasExactlyItsMethods() throws {
    let listed = try evaluate(
      "return Object.keys(Protocol).flatMap(f => Object.keys(Protocol[f]).map(m => f + '.' + m)).join()")
    #expect(
      Set(listed.dropFirst().dropLast().split(separator: ",").map(String.init))
        == Set(ProtocolMethod.names + ["HTTP.request"]))
    #expect(try evaluate("return Protocol.HTTP.get instanceof Function && Object.isFrozen(Protocol.LLM)") == "true")
  }

  @Test(arguments: [
    ("{}", "HTTP.get", "{}"), ("{ method: 'head', url: 1 }", "HTTP.head", #"{"url":1}"#),
    ("{ method: 'post', url: 1 }", "HTTP.send", #"{"url":1,"method":"POST"}"#), ("'x'", "HTTP.get", #""x""#),
    ("{ method: 7 }", "HTTP.send", #"{"method":7}"#), ("null", "HTTP.get", "null"), ("", "HTTP.get", "null"),
    ("{ method: 'Delete' }", "HTTP.send", #"{"method":"DELETE"}"#),
  ])
  func requestIsSugar(_ argument: String, _ method: String, _ arguments: String) throws {
    let call = try #require(try Tool.body("await Protocol.HTTP.request(\(argument))").run().calls.first)
    #expect(call == MachineCall(number: 0, method: method, arguments: Array(arguments.utf8)))
  }

  @Test func errorsAreProtocolErrors() throws {
    let run = try Tool.body(
      """
      try { await Protocol.HTTP.get(1) } catch (e) {
        return [e instanceof ProtocolError, e instanceof Error, e.code, e.message, e.details, String(e), Object.keys(e)]
      }
      """
    ).run { _ in (true, #"{"code":"upstream","message":"bad","status":502,"__proto__":{"x":1}}"#) }
    #expect(run.result == #"[true,true,"upstream","bad",{"status":502,"__proto__":{"x":1}},"ProtocolError: bad",[]]"#)
    let own = try Tool.body("throw new ProtocolError('mine', 'text', {a: 1})").run()
    #expect(own.failure?.message.hasPrefix("ProtocolError: text") == true)
  }

  /// Where a tool breaks what `await` itself looks up, its own code fails.
  @Test func breakingPromisesIsAFailureOfTheTool() throws {
    let attack = "Object.defineProperty(Promise.prototype, 'constructor', { get() { throw new Error('own') } })"
    let run = try Tool.body("\(attack); await Protocol.HTTP.get(1)").run()
    #expect(run.kind == .exception)
    #expect(run.calls.count == 1)
  }

  /// One answer pollutes nothing.
  @Test func answersPolluteNothing() throws {
    let run = try Tool.body(
      """
      const r = await Protocol.HTTP.get(1);
      return [({}).x, [].x, Object.keys(r), r.__proto__.x]
      """
    ).run { _ in (false, #"{"__proto__":{"x":1},"constructor":{"prototype":{"x":2}}}"#) }
    #expect(run.result == #"[null,null,["__proto__","constructor"],1]"#)
  }
}
