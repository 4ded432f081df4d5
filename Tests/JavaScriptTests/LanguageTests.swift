import JavaScript
import Testing

@Suite struct LanguageTests {
  @Test(arguments: [
    ("return 1 + 1", "2"),
    ("", "null"),
    ("return undefined", "null"),
    ("return {a: [1, 2.5, 'x', null, true, undefined], b: undefined}", #"{"a":[1,2.5,"x",null,true,null]}"#),
    ("return (2n ** 70n).toString()", #""1180591620717411303424""#),
    ("return [...'a1b22'.matchAll(/(?<n>\\d+)/g)].map(m => m.groups.n)", #"["1","22"]"#),
    ("return 'äöü'.normalize('NFD').length", "6"),
    ("return /\\p{Script=Greek}/u.test('α')", "true"),
    ("function* g() { yield 1; yield* [2, 3] } return [...g()]", "[1,2,3]"),
    ("return [...new Set([3, 1, 3])].concat([...new Map([[1, 2]]).values()])", "[3,1,2]"),
    ("const p = new Proxy({}, {get: (t, k) => 'got ' + k}); return p.x", #""got x""#),
    ("return Array.from(new Uint8Array([250, 251, 252]).map(x => x + 5))", "[255,0,1]"),
    ("return new Float64Array(new Uint8Array([0,0,0,0,0,0,240,63]).buffer)[0]", "1"),
    ("class A { #x = 1; static s = 2; get x() { return this.#x } } return [new A().x, A.s]", "[1,2]"),
    ("let {a, ...rest} = {a: 1, b: 2}; return rest?.b ?? 9", "2"),
    ("return await Promise.all([1, Promise.resolve(2), (async () => 3)()])", "[1,2,3]"),
    ("return await Promise.any([Promise.reject(1), 5])", "5"),
    ("try { await Promise.reject(new TypeError('x')) } catch (e) { return e instanceof TypeError }", "true"),
    ("return JSON.parse('{\"__proto__\":1}').__proto__", "1"),
    ("return Object.groupBy([1,2,3], x => x % 2 ? 'odd' : 'even')", #"{"odd":[1,3],"even":[2]}"#),
    ("return structured()\nfunction structured() { return typeof structuredClone }", #""undefined""#),
    ("return new Function('a', 'return a * 2')(21)", "42"),
    ("return eval('1 + 2')", "3"),
    ("return btoa('\\u00ffab') + atob('AA==').length", #""/2Fi1""#),
    ("return [...[1, 2, 3].entries()].flat().toSorted((a, b) => b - a)", "[3,2,2,1,1,0]"),
    ("label: for (const i of [1, 2]) { for (;;) { if (i) continue label } } return 'out'", #""out""#),
    ("return new Date(2024, 1, 29, 12).toISOString()", #""2024-02-29T12:00:00.000Z""#),
    ("return Array.fromAsync(async function* () { yield 1; yield 2 }())", "[1,2]"),
    ("return 0.1 + 0.2", "0.30000000000000004"),
    ("return (25).toString(36) + (1e21).toFixed(2) + (0.000001234).toExponential()", #""p1e+211.234e-6""#),
  ])
  func isWhole(_ body: String, _ expected: String) throws {
    #expect(try evaluate(body) == expected)
  }

  @Test func getsInputAndContext() throws {
    let run = try Tool.body("return [input.a, context.tool, Object.isFrozen(context), Object.isFrozen(input)]")
      .input(#"{"a":"\u00e9"}"#).run()
    #expect(run.result == #"["é","t",true,false]"#)
  }

  @Test func runsAModule() throws {
    let run = try Tool(
      """
      import.meta.x = 1;
      const later = await Promise.resolve(20);
      export const other = 1;
      function helper(x) { return x + later; }
      export { main as default };
      async function main(input) { return helper(input) + import.meta.x; }
      """
    ).input("21").run()
    #expect(run.result == "42")
  }

  @Test func mayBeSynchronous() throws {
    #expect(try Tool("export default () => 1").run().result == "1")
    #expect(try Tool("export default () => ({ then(resolve) { resolve(2) } })").run().result == "2")
  }

  @Test(arguments: [
    "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry", "performance", "navigator", "setTimeout",
    "fetch", "process", "require", "std", "os", "Intl", "WebAssembly", "gc", "print", "Worker", "scriptArgs", "bjson",
  ])
  func lacks(_ global: String) throws {
    #expect(try evaluate("return typeof \(global)") == #""undefined""#)
    #expect(try evaluate("return '\(global)' in globalThis") == "false")
  }

  @Test func hasExactlyTheseGlobalsBeyondTheLanguage() throws {
    let language: Set = [
      "Object", "Function", "Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError",
      "URIError",
      "InternalError", "AggregateError", "SuppressedError", "Iterator", "Array", "parseInt", "parseFloat", "isNaN",
      "isFinite", "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "unescape",
      "Infinity",
      "NaN", "undefined", "eval", "Number", "Boolean", "String", "Math", "Reflect", "Symbol", "DisposableStack",
      "globalThis", "BigInt", "Date", "RegExp", "JSON", "Proxy", "Map", "Set", "WeakMap", "WeakSet", "ArrayBuffer",
      "Uint8ClampedArray", "Int8Array", "Uint8Array", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
      "BigInt64Array", "BigUint64Array", "Float16Array", "Float32Array", "Float64Array", "DataView", "Promise",
      "AsyncDisposableStack",
    ]
    let ours: Set = [
      "Protocol", "ProtocolError", "console", "btoa", "atob", "DOMException", "TextEncoder", "TextDecoder",
      "queueMicrotask",
    ]
    let names = try evaluate("return Object.getOwnPropertyNames(globalThis).join()").dropFirst().dropLast()
    #expect(Set(names.split(separator: ",").map(String.init)) == language.union(ours))
  }

  @Test(arguments: [
    "export default async function () { return 1", "export const x = 1", "export default 5",
    "import x from 'std'; export default () => 1", "import 'os'; export default () => 1",
    "export * from './other.js'; export default () => 1", "import self from 'tool'; export default () => 1",
    "export { missing as default }", "return 1", "", "await 1; export default await import",
    "\u{0} export default () => 1",
  ])
  func refusesSources(_ source: String) throws {
    let run = try Tool(source).run()
    #expect(run.kind == .source, "\(run.state)")
  }

  @Test func refusesBytesThatAreNoText() {
    var program = Tool.body("return 1").program
    program.source = [0x65, 0xFF]
    #expect(throws: MachineFailure(.source, "the source is not UTF-8")) { try Machine(program) }
    program.source = [UInt8](repeating: 0x20, count: MachineLimits.maxValueBytes + 1)
    #expect(throws: MachineFailure(.source, "the source is too large")) { try Machine(program) }
  }

  @Test(arguments: ["std", "./a.js", "tool", "prelude", "data:text/javascript,1"])
  func refusesToImport(_ name: String) throws {
    #expect(
      try evaluate("return import('\(name)').catch(e => e.name + ': ' + e.message)").contains("a tool is one module"))
  }

  @Test func encodesAndDecodesText() throws {
    #expect(
      try evaluate("return Array.from(new TextEncoder().encode('a\\ud800é€😀'))")
        == "[97,239,191,189,195,169,226,130,172,240,159,152,128]")
    #expect(
      try evaluate("return new TextDecoder().decode(new Uint8Array([239,187,191,97,195,169,255,226,130,65]))")
        == "\"aé\u{FFFD}\u{FFFD}A\"")
    #expect(
      try evaluate("return new TextDecoder().decode(new DataView(new Uint8Array([1, 65, 66, 2]).buffer, 1, 2))")
        == #""AB""#)
    #expect(try evaluate("return new TextDecoder().decode(new Uint16Array([0x4241]))") == #""AB""#)
    #expect(try evaluate("return new TextDecoder().decode(new Uint8Array([65, 66]).buffer)") == #""AB""#)
    #expect(try evaluate("return new TextDecoder().decode()") == #""""#)
    for body in [
      "new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([0xed, 0xa0, 0x80]))",
      "new TextDecoder('utf-16')", "new TextDecoder().decode('text')", "new TextDecoder().decode({length: 1})",
    ] {
      #expect(try evaluate("try { \(body); return 0 } catch (e) { return e instanceof Error }") == "true", "\(body)")
    }
  }

  @Test func writesToTheConsole() throws {
    let run = try Tool.body(
      """
      console.log("a", 1, {b: [2]}, null, undefined, 3n, Symbol("s"), () => 1);
      console.warn(); console.error(new TypeError("bad"));
      const circle = {}; circle.self = circle; console.info(circle);
      console.debug({toString() { throw 1 }, toJSON() { throw 2 }});
      console.log("\\ud800");
      """
    ).run()
    #expect(
      run.logs == [
        #"a 1 {"b":[2]} null undefined 3 Symbol(s) () => 1"#, "warn: ", "error: TypeError: bad",
        "info: [object Object]",
        "debug: (cannot be shown)", "\u{FFFD}\u{FFFD}\u{FFFD}",
      ])
    #expect(run.result == "null")
  }
}
