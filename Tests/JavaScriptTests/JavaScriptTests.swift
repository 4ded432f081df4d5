import JavaScript
import Testing

@Suite struct FirstTests {
  @Test func adds() throws {
    let machine = try Machine(
      MachineProgram(
        source: Array(
          """
          export default async function (input, context) {
            console.log("hello", input, Object.getOwnPropertyNames(globalThis).join(" "));
            const r = await Protocol.HTTP.request({url: "https://a.example/", method: "get"});
            return {n: input.n + r.x, r: Math.random(), d: new Date().toString(), c: context, s: Math.sin(1)};
          }
          """.utf8), input: Array(#"{"n":1}"#.utf8), context: Array(#"{"tool":"t"}"#.utf8),
        seed: [UInt8](repeating: 0, count: 32), startedAt: 1_700_000_000_000, limits: .standard))
    let turn = machine.start()
    print(turn, turn.calls.map { String(decoding: $0.arguments, as: UTF8.self) })
    let end = machine.answer(MachineAnswer(call: 0, isError: false, value: Array(#"{"x":41}"#.utf8), at: 1_700_000_000_001))
    print(end)
    if case .finished(let bytes) = end.state { print(String(decoding: bytes, as: UTF8.self)) }
  }
}
