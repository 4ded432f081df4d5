import CanonicalJSON
import Cryptography
import Ethereum
import HTTPClient
import Keychain

/// JSON-RPC 2.0 over HTTP with one chain's node (Ethereum JSON-RPC, execution-apis). Made for one call or order.
///
/// Everything that is asked may be asked again: what changes the chain is a signed transaction, and a second copy of its bytes
/// is the same transaction.
struct ChainClient: Sendable {
  static let maxResponseBytes = 8 << 20

  let route: ChainRoute
  private let client: HTTPClient
  private let resolver: SecretResolver
  private let policy: EgressPolicy
  private let deadline: Duration

  init(
    route: ChainRoute, services: HostServices, community: String, egress: [String], deadline: Duration = .seconds(30)
  ) {
    self.route = route
    client = services.client
    resolver = services.keychain.resolver(community: community)
    policy = .publicInternet(and: egress)
    self.deadline = deadline
  }

  /// Which secrets were used, as `NAME@VERSION`.
  var secretsUsed: [String] { resolver.used }

  /// The key of an account, checked against its address. It stays in the box: the hosts that it is bound to say for which chain
  /// or node it may sign.
  func key(of account: ChainRoute.Account) throws(Web3Refusal) -> Secp256k1.PrivateKey {
    let value: SecretBytes
    do throws(SecretFailure) {
      do throws(SecretFailure) {
        value = try resolver.value(account.secret, for: route.keyHost)
      } catch {
        guard case .unboundHost = error else { throw error }
        value = try resolver.value(account.secret, for: route.destination)
      }
    } catch {
      throw Web3Refusal(error.code, error.description)
    }
    guard let key = try? Secp256k1.PrivateKey(scalar: Self.scalar(value)) else {
      throw Web3Refusal("no_secret", "the secret \(account.secret) is no key: expected 32 bytes or 64 digits")
    }
    guard EthereumAddress(key.publicKey) == account.address else {
      throw Web3Refusal("no_secret", "the secret \(account.secret) is not the key of \(account.address)")
    }
    return key
  }

  /// 32 bytes as they are, or out of 64 hexadecimal digits with or without `0x`.
  private static func scalar(_ value: SecretBytes) -> SecretBytes {
    value.withUnsafeBytes { bytes in
      let digits = bytes.starts(with: "0x".utf8) ? bytes.dropFirst(2) : bytes[...]
      guard digits.count == 64 else { return value }
      return SecretBytes(count: 32) { scalar in
        for (index, digit) in digits.enumerated() {
          let nibble = HexText.nibble(digit) ?? 0
          scalar[index / 2] |= index.isMultiple(of: 2) ? nibble << 4 : nibble
        }
      }
    }
  }

  /// The result of one method.
  func call(_ method: String, _ params: [JSON] = []) async throws(ChainError) -> JSON {
    let request: HTTPClientRequest
    do {
      var headers = [HTTPClientHeader("Content-Type", "application/json")]
      if let authorization = route.authorization {
        headers.append(
          HTTPClientHeader("Authorization", try resolver.substitute(authorization, for: route.destination).text))
      }
      let body: JSON = ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": .array(params)]
      request = HTTPClientRequest(
        method: "POST", url: try resolver.substitute(route.url, for: route.destination).text, headers: headers,
        body: body.canonicalBytes(), deadline: deadline, maxResponseBytes: Self.maxResponseBytes, mayRepeat: true)
    } catch let failure {
      throw .secret(failure)
    }
    let response: HTTPClientResponse
    do {
      response = try await client.send(request, policy: policy)
    } catch {
      throw .transport(error)
    }
    // Nodes answer faults of the request itself with 400 and the JSON-RPC error.
    guard response.status == 200 || response.status == 400 else {
      throw .status(response.status, retryAfter: Self.retryAfter(response))
    }
    let answer: JSON
    do {
      let parsed = try JSON(parsing: response.body, limits: .document(maxBytes: Self.maxResponseBytes))
      answer = Redactor(resolver).redact(parsed)
    } catch {
      guard response.status == 200 else { throw .status(response.status, retryAfter: nil) }
      throw .malformed("it is no JSON")
    }
    guard answer["jsonrpc"] == "2.0", answer["id"] == 1 || answer["error"] != nil else {
      guard response.status == 200 else { throw .status(response.status, retryAfter: nil) }
      throw .malformed("version or id differ")
    }
    if let error = answer["error"], !error.isNull { throw Self.nodeError(error) }
    guard let result = answer["result"] else { throw .malformed("it has neither result nor error") }
    return result
  }

  /// Refuses a node that serves another chain than the settings say.
  func checkChain() async throws(ChainError) {
    let answer = try await call("eth_chainId")
    guard let id = answer.string.flatMap({ UInt256($0) }) else { throw .malformed("eth_chainId") }
    guard id == UInt256(UInt64(route.id)) else { throw .wrongChain(expected: route.id, actual: "\(id)") }
  }

  private static func nodeError(_ error: JSON) -> ChainError {
    let text = error["message"]?.string ?? ""
    let shown = String(decoding: text.utf8.prefix(ChainError.maxTextBytes), as: UTF8.self)
    // Where a call was undone, geth and its kin give the contract's words here, others one level down.
    let data = error["data"]?.string ?? error["data"]?["data"]?.string
    return .node(code: error["code"]?.integer ?? 0, message: shown, data: data.flatMap(HexText.decode))
  }

  private static func retryAfter(_ response: HTTPClientResponse) -> Int64? {
    response.header("Retry-After").flatMap(Int64.init).flatMap { (0...86_400).contains($0) ? $0 : nil }
  }
}
