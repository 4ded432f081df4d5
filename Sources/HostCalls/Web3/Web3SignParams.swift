import CanonicalJSON
import Ethereum
import Governance

/// The params of `web3.sign`: typed data in its parts, so that a policy can check all of it but the message, which stands for a
/// commitment.
struct Web3SignParams: Sendable {
  var community: String
  var chain: Int64
  var account: String
  var address: EthereumAddress
  var types: JSON
  var primaryType: String
  var domain: JSONObject
  /// nil while it is committed to and not opened.
  var message: JSON?
  /// The whole, where the message is known.
  var typedData: TypedData?
  var verifyingContract: EthereumAddress?

  /// Of typed data that has been read.
  init(
    community: String, chain: Int64, account: String, address: EthereumAddress, typedData json: JSONObject,
    verified typedData: TypedData
  ) {
    self.community = community
    self.chain = chain
    self.account = account
    self.address = address
    types = json["types"] ?? [:]
    primaryType = typedData.primaryType
    domain = typedData.domain
    message = json["message"]
    self.typedData = typedData
    verifyingContract = domain["verifyingContract"]?.string.flatMap { try? EthereumAddress($0) }
  }

  /// Reads params as they were proposed, with `message` committed, or as they were opened.
  init(json: JSON, path: String = "action.params") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    community = try reader.checkedName("community")
    chain = try reader.integer("chain", in: ChainRoute.idRange)
    account = try reader.checkedName("account")
    address = try reader.address("address")
    types = try reader.json("types")
    primaryType = try reader.string("primaryType", maxBytes: 256)
    let domainJSON = try reader.json("domain")
    guard let domain = domainJSON.object else {
      throw FieldError(field: reader.pathOf("domain"), expected: "an object", actual: domainJSON.summary)
    }
    self.domain = domain
    let given = try reader.json("message")
    message = Commitment(json: given) == nil ? given : nil
    let summary = try reader.string("summary")
    try reader.finish()
    verifyingContract = try domain["verifyingContract"].map { json throws(FieldError) in
      try EthereumAddress(json: json, path: "\(path).domain.verifyingContract")
    }
    try Self.check(domain: domain, chain: chain, path: path)
    if let message {
      typedData = try TypedData(
        json: ["types": types, "primaryType": .string(primaryType), "domain": domainJSON, "message": message],
        path: path)
    }
    guard summary == self.summary else {
      throw FieldError(
        field: reader.pathOf("summary"), expected: self.summary, actual: JSON.string(summary).summary)
    }
  }

  /// A signature without a chain would hold on every one, and this account is for one.
  static func check(_ typedData: TypedData, chain: Int64?, path: String) throws(FieldError) {
    guard let chain else { return }
    try check(domain: typedData.domain, chain: chain, path: path)
  }

  private static func check(domain: JSONObject, chain: Int64, path: String) throws(FieldError) {
    let given = domain["chainId"]
    let id = given?.integer.map { UInt256(UInt64(clamping: $0)) } ?? given?.string.flatMap { UInt256($0) }
    guard id == UInt256(UInt64(chain)) else {
      throw FieldError(field: "\(path).domain.chainId", expected: "\(chain)", actual: given?.summary ?? "nothing")
    }
  }

  var summary: String {
    let contract = verifyingContract.map { " of the contract \($0)" } ?? ""
    return
      "On chain \(chain), \(address) signs a \(primaryType) for \(JSON.string(domain["name"]?.string ?? "").summary)"
      + "\(contract). Whoever has the signature can use it."
  }

  var json: JSONObject {
    var object: JSONObject = [
      "community": .string(community), "chain": .integer(chain), "account": .string(account),
      "address": .string(address.checksummed), "types": types, "primaryType": .string(primaryType),
      "domain": .object(domain), "summary": .string(summary),
    ]
    object["message"] = message
    return object
  }
}
