import CanonicalJSON
import Cryptography
import Ethereum
import Foundation
import HTTPClient
import TestSupport

@testable import HostCalls

/// A whole EVM chain in another process (Tests/Chain/node.py): one for all tests, which run one after the other.
final class LocalChain: Sendable {
  static let python = Vectors.packageRoot + "/.build/python/bin/python"
  static var isInstalled: Bool { Subprocess.find(python) != nil }
  static var shared: LocalChain { get async throws { try await started.value } }

  /// `127.0.0.1:PORT`.
  let address: String
  /// The chain's id.
  let id: Int64
  private let node: ChildProcess
  private let client = HTTPClient()
  // On a thread of its own: it takes Python seconds to load the chain, and other tests need those of Swift's pool.
  private static let started = Task {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result { try LocalChain() }) }
    }
  }

  /// The node ended before it said where it listens.
  struct Silent: Error {}

  var url: String { "http://\(address)/rpc" }

  private init() throws {
    // It ends when its input does, and so with the tests.
    node = try ChildProcess(Self.python, [Vectors.packageRoot + "/Tests/Chain/node.py"], input: .pipe, output: .pipe)
    guard let port = node.line(), !port.isEmpty else { throw Silent() }
    address = "127.0.0.1:\(port)"
    // eth-tester's own.
    id = 131_277_322_940_537
  }

  /// Asks the node, faults and all.
  @discardableResult
  func ask(_ method: String, _ params: JSON...) async throws -> JSON {
    let body: JSON = ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": .array(params)]
    let response = try await client.send(
      HTTPClientRequest(method: "POST", url: url, body: body.canonicalBytes()),
      policy: .publicInternet(and: [address]))
    let answer = try JSON(parsing: response.body, limits: .document(maxBytes: 8 << 20))
    guard let result = answer["result"] else { throw EthereumError(method, answer.canonicalString()) }
    return result
  }

  func balance(_ address: EthereumAddress) async throws -> UInt256 {
    let answer = try await ask("eth_getBalance", .string(address.lowercased), "latest")
    return UInt256(answer.string ?? "") ?? .max
  }

  /// How often the node was asked since the test began.
  func count(_ method: String) async throws -> Int {
    try await ask("test_seen").array?.count { $0.string == method } ?? -1
  }

  /// The raw transactions that came in since the test began.
  func raws() async throws -> [String] { try await ask("test_raws").array?.compactMap(\.string) ?? [] }
}

/// A contract that keeps a number: `set(uint256)` logs it with topic 1, `get()` returns it, anything else is undone with
/// "not permitted". Written by hand: 11 bytes that return the other 103.
enum NumberKeeper {
  static let creation =
    "0x6067" + "80600b6000396000f3"
    + "60003560e01c" + "806360fe47b11460" + "48" + "57" + "80636d4ce63c1460" + "5b" + "57"
    + "6308c379a060e01b600052" + "6020600452" + "600d602452" + "6c6e6f74207065726d697474656460981b604452" + "60646000fd"
    + "5b60043580600055600052600160206000a100" + "5b60005460005260206000f3"
}
