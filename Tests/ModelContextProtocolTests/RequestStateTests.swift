import CanonicalJSON
import Cryptography
import Testing

@testable import ModelContextProtocol

@Suite struct RequestStateTests {
  private let state = RequestState(
    run: String(repeating: "a", count: 64), tool: "pay", arguments: SHA256.hash([1]),
    told: [String(repeating: "b", count: 64)])
  private let key = RequestState.key(token: "sbx_agent_0123456789")

  @Test func anyProcessWithTheTokenOpensIt() {
    #expect(RequestState(state.sealed(key), key: RequestState.key(token: "sbx_agent_0123456789")) == state)
  }

  @Test func nobodyElseDoes() {
    #expect(RequestState(state.sealed(key), key: RequestState.key(token: "sbx_agent_0123456788")) == nil)
    #expect(RequestState(state.sealed(RequestState.key(token: nil)), key: RequestState.key(token: nil)) == nil)
  }

  @Test func everyChangedByteIsNoticed() {
    let sealed = Array(state.sealed(key).utf8)
    for index in sealed.indices {
      var changed = sealed
      changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(RequestState(String(decoding: changed, as: UTF8.self), key: key) == nil, "byte \(index)")
    }
  }

  @Test func halfOfItIsNothing() {
    let sealed = state.sealed(key)
    let halves = sealed.split(separator: ".")
    for text in ["", ".", String(halves[0]), "\(halves[0]).", ".\(halves[1])", sealed + ".", sealed + "." + halves[1]] {
      #expect(RequestState(text, key: key) == nil)
    }
    #expect(RequestState(String(repeating: "x", count: 20_000), key: key) == nil)
  }
}
