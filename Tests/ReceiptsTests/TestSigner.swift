import CanonicalJSON
import Cryptography

/// A person of the stories, with the device that holds their key. Keys follow from names, so that a story told twice has
/// the same people.
struct TestSigner {
  enum Device: Equatable { case key, passkey }

  let name: String
  let device: Device
  let privateKey: P256.PrivateKey

  init(_ name: String, device: Device = .key, generation: Int = 1) throws {
    self.name = name
    self.device = device
    privateKey = try P256.PrivateKey(rawScalar: SHA256.hash(Array("\(name) \(generation) of the tests".utf8)).bytes)
  }

  /// Somebody who uses another's key under their own name.
  init(named name: String, with other: TestSigner) {
    self.name = name
    device = other.device
    privateKey = other.privateKey
  }

  var keyText: String {
    let kind = device == .key ? "es256" : "webauthn"
    return "data:key/\(kind);base64,\(Base64.encode(privateKey.publicKey.spkiDER))"
  }

  /// How the passkey of this signer answers; the stories about bad passkeys change it.
  struct Assertion {
    var type = "webauthn.get"
    var origin = "https://approve.safebox.example"
    var relyingParty = "safebox.example"
    var flags: UInt8 = 0x05
    var challenge: String?
    var crossOrigin: JSON = false
  }

  /// A `sig` value over a message.
  func sign(_ message: [UInt8], assertion: Assertion = Assertion()) throws -> String {
    switch device {
    case .key: return Base64.encode(try privateKey.sign(message).der)
    case .passkey:
      let client: JSON = [
        "type": .string(assertion.type),
        "challenge": .string(assertion.challenge ?? Base64.encodeURL(SHA256.hash(message).bytes)),
        "origin": .string(assertion.origin), "crossOrigin": assertion.crossOrigin,
      ]
      let authenticator =
        SHA256.hash(Array(assertion.relyingParty.utf8)).bytes + [assertion.flags, 0, 0, 0, 9]
      let signed = authenticator + SHA256.hash(client.canonicalBytes()).bytes
      let signature = try privateKey.sign(signed)
      let parts: JSON = [
        "authenticatorData": .string(Base64.encodeURL(authenticator)),
        "clientDataJSON": .string(Base64.encodeURL(client.canonicalBytes())),
        "signature": .string(Base64.encodeURL(signature.der)),
      ]
      return Base64.encode(parts.canonicalBytes())
    }
  }

  /// The claim of these members, signed by this signer's key.
  func claim(_ members: JSONObject, assertion: Assertion = Assertion()) throws -> JSON {
    var claim = members
    claim["key"] = [.string(keyText)]
    claim["sig"] = [.string(try sign(JSON.object(claim).canonicalBytes(), assertion: assertion))]
    return .object(claim)
  }

  /// The signer's entry in a constitution of `box`.
  func registration(box: String) throws -> JSON {
    let possession: JSONObject = [
      "iss": .string(name), "key": [.string(keyText)], "ocp": 1, "sub": .string(box),
      "stm": ["box": .string(box), "purpose": "possession", "signer": .string(name)],
    ]
    let sig = try sign(JSON.object(possession).canonicalBytes())
    return ["key": .string(keyText), "possession": .string(sig)]
  }
}

extension TestSigner {
  /// The claim without `sig` is what is signed: `claim` above adds `sig` after signing.
  static func verdict(
    _ decision: String, by name: String, on statement: JSON, at milliseconds: Int64, nonce: Int
  ) -> JSONObject {
    [
      "ocp": 1, "iss": .string(name), "sub": statement["box"] ?? "", "nce": .string("nonce-\(nonce)"),
      "exp": .integer(milliseconds / 1000 + 86_400),
      "stm": [
        "action": .string(digest(of: statement)), "box": statement["box"] ?? "", "decision": .string(decision),
        "epoch": statement["epoch"] ?? 0, "policy": statement["policy"] ?? "",
      ],
    ]
  }
}

/// Lower-case hexadecimal SHA-256 of the canonical bytes.
func digest(of json: JSON) -> String { SHA256.hash(json.canonicalBytes()).hex }

extension JSON {
  /// This document with the value at a dotted path replaced, or removed where `value` is nil. Numbers index arrays.
  func setting(_ path: String, to value: JSON?) -> JSON {
    let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
    let rest = parts.count > 1 ? parts[1] : nil
    switch self {
    case .object(var object):
      object[parts[0]] = rest.map { (object[parts[0]] ?? [:]).setting($0, to: value) } ?? value
      return .object(object)
    case .array(var elements):
      guard let index = Int(parts[0]) else { return self }
      if let rest {
        elements[index] = elements[index].setting(rest, to: value)
      } else if let value {
        elements[index] = value
      } else {
        elements.remove(at: index)
      }
      return .array(elements)
    default: return self
    }
  }

  /// The value at a dotted path.
  func at(_ path: String) -> JSON? {
    path.split(separator: ".").reduce(JSON?.some(self)) { value, part in
      if let index = Int(part), let elements = value?.array {
        return elements.indices.contains(index) ? elements[index] : nil
      }
      return value?[String(part)]
    }
  }
}
