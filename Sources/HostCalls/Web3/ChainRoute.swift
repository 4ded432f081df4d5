import CanonicalJSON
import Ethereum
import Governance
import HTTPClient
import Keychain

/// How a community's calls reach one chain: an element of `chains` in its settings (docs/host-calls-web3.md).
///
///     {"id": 1, "url": "https://rpc.example/v3/{{keychain:rpc}}", "authorization": "Bearer {{keychain:rpc}}",
///      "accounts": [{"name": "treasury", "secret": "treasury-key", "address": "0x..."}],
///      "limits": {"value": "WEI", "fee": "WEI"}, "wait": 120}
public struct ChainRoute: Sendable, Hashable {
  /// An account that the box can sign for.
  public struct Account: Sendable, Hashable {
    public var name: String
    /// The secret in the keychain: 32 bytes, or 64 hexadecimal digits. Bound to ``ChainRoute/keyHost`` or to the node's host.
    public var secret: String
    public var address: EthereumAddress
  }

  /// The chain's id (EIP-155). The node must say the same.
  public var id: Int64
  /// The node's JSON-RPC over HTTP. Placeholders may stand in path and query.
  public var url: String
  /// Value of the header `Authorization`; may have placeholders.
  public var authorization: String?
  public var accounts: [Account]
  /// The most that one transaction may send, in wei.
  public var maxValue: UInt256
  /// The most that the gas of one transaction may cost, in wei.
  public var maxFee: UInt256
  /// Seconds to wait for a transaction to be mined.
  public var wait: Int64

  /// `http://` or nothing, and the host with its port: what secrets are bound to.
  let destination: String

  public static let maxAccounts = 64
  public static let idRange: ClosedRange<Int64> = 1...JSON.maxSafeInteger

  /// The host, in the keychain's words, of a key that is bound to a chain and not to the node that happens to serve it. A key
  /// never goes to any host.
  public var keyHost: String { "chain-\(id)" }

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    id = try reader.integer("id", in: Self.idRange)
    let url = try reader.string("url", maxBytes: 2048)
    self.url = url
    // The place where the request goes must not depend on a secret.
    let fixed = String(Substring(url.utf8.prefix(Self.offset(of: "{{", in: url))))
    guard let start = try? HTTPURL(fixed), let authority = URLAuthority(url: fixed),
      start.scheme == .https || start.literal != nil,
      fixed == url || fixed.utf8.count(where: { $0 == UInt8(ascii: "/") }) > 2
    else {
      throw FieldError(
        field: reader.pathOf("url"),
        expected: "an https URL, or http to an address literal; placeholders only in path and query",
        actual: "another text")
    }
    destination = start.scheme == .http ? "http://\(authority.text)" : authority.text
    authorization = try reader.optionalString("authorization", maxBytes: 2048)
    var accounts: [Account] = []
    for (index, value) in (try reader.optionalArray("accounts", maxCount: Self.maxAccounts) ?? []).enumerated() {
      var object = try ObjectReader(value, path: "\(reader.pathOf("accounts"))[\(index)]")
      let account = Account(
        name: try object.checkedName("name"), secret: try object.checkedName("secret"),
        address: try object.address("address"))
      try object.finish()
      guard !accounts.contains(where: { $0.name == account.name }) else {
        throw FieldError(field: object.pathOf("name"), expected: "a name given once", actual: account.name)
      }
      accounts.append(account)
    }
    self.accounts = accounts
    maxValue = .zero
    maxFee = .zero
    // Without limits nothing can be sent: how much is too much is for the owners to say.
    if var limits = try reader.optionalObject("limits") {
      maxValue = try limits.wei("value")
      maxFee = try limits.wei("fee")
      try limits.finish()
    }
    wait = try reader.optionalInteger("wait", in: 1...3600) ?? 120
    try reader.finish()
  }

  private static func offset(of needle: String, in text: String) -> Int {
    let bytes = Array(text.utf8)
    let needle = Array(needle.utf8)
    guard bytes.count >= needle.count else { return bytes.count }
    return (0...(bytes.count - needle.count)).first { bytes[$0...].starts(with: needle) } ?? bytes.count
  }
}

extension ObjectReader {
  /// A name as those of secrets are: 1-64 of `a-z 0-9 . _ -`.
  mutating func checkedName(_ member: String) throws(FieldError) -> String {
    let text = try string(member, maxBytes: 256)
    guard Name.isValid(text) else {
      throw FieldError(
        field: pathOf(member), expected: "1-64 of a-z 0-9 . _ -, beginning with a letter or digit",
        actual: JSON.string(text).summary)
    }
    return text
  }

  /// An address: lower case, or with its checksum.
  mutating func address(_ name: String) throws(FieldError) -> EthereumAddress {
    try EthereumAddress(json: try json(name), path: pathOf(name))
  }

  /// As ``address(_:)``, or nil when the member is absent.
  mutating func optionalAddress(_ name: String) throws(FieldError) -> EthereumAddress? {
    guard let value = optionalJSON(name) else { return nil }
    return try EthereumAddress(json: value, path: pathOf(name))
  }

  /// An amount in wei, as decimal text.
  mutating func wei(_ name: String) throws(FieldError) -> UInt256 {
    guard let value = try optionalWei(name) else {
      throw FieldError(field: pathOf(name), expected: "wei, as decimal text", actual: "nothing")
    }
    return value
  }

  /// As ``wei(_:)``, or nil when the member is absent.
  mutating func optionalWei(_ name: String) throws(FieldError) -> UInt256? {
    guard let text = try optionalString(name, maxBytes: 80) else { return nil }
    guard !text.hasPrefix("0x"), let value = UInt256(text) else {
      throw FieldError(field: pathOf(name), expected: "wei, as decimal text", actual: JSON.string(text).summary)
    }
    return value
  }

  /// `0x` and pairs of digits, or nil when the member is absent.
  mutating func optionalData(_ name: String, maxBytes: Int) throws(FieldError) -> [UInt8]? {
    guard let text = try optionalString(name, maxBytes: 2 + maxBytes * 2) else { return nil }
    guard let bytes = HexText.decode(text) else {
      throw FieldError(field: pathOf(name), expected: "0x and pairs of hexadecimal digits", actual: "another text")
    }
    return bytes
  }
}

extension EthereumAddress {
  init(json: JSON, path: String) throws(FieldError) {
    guard let text = json.string else {
      throw FieldError(field: path, expected: "an address", actual: json.summary)
    }
    do {
      self = try EthereumAddress(text)
    } catch {
      throw FieldError(field: path, expected: "an address: \(error.reason)", actual: json.summary)
    }
  }
}
