public import CanonicalJSON
import Cryptography

/// What a genuine attestation document says about an enclave.
public struct NitroClaims: EvidenceClaims {
  public let assurance: Assurance
  public let document: NitroDocument
  /// How old the document was when it was judged, in milliseconds.
  public let age: Int64
  /// Members that carry what the caller asked for; nil where the caller did not ask.
  let bound: Set<NitroField>?

  init(assurance: Assurance, document: NitroDocument, age: Int64, bound: Set<NitroField>?) {
    self.assurance = assurance
    self.document = document
    self.age = age
    self.bound = bound
  }

  /// Whether the enclave runs in debug mode: the module then reports zeros for image, kernel and application, whatever runs.
  public var isDebug: Bool {
    (0...2).allSatisfy { document.pcrs[$0]?.allSatisfy { $0 == 0 } ?? true }
  }

  public var registers: [String: [UInt8]] { Self.registers(document) }

  static func registers(_ document: NitroDocument) -> [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: document.pcrs.map { ("pcr\($0.key)", $0.value) })
  }

  public var json: JSON {
    var object = document.claims
    object["debug"] = .bool(isDebug)
    object["pcrs"] = .object(JSONObject(document.pcrs.map { (String($0.key), .string(Hex.encode($0.value))) }))
    return .object(object)
  }
}

extension NitroDocument {
  /// The members that both kinds of documents have, for people and programs.
  var claims: JSONObject {
    [
      "module": .string(moduleID), "instance": .string(instanceID), "timestamp": .integer(timestamp),
      "nonce": nonce.map { .string(Hex.encode($0)) } ?? .null,
      "userData": userData.map { .string(Hex.encode($0)) } ?? .null,
      "publicKey": publicKey.map { .string(Hex.encode($0)) } ?? .null,
    ]
  }
}
