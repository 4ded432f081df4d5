import CanonicalJSON
import Cryptography
import Testing

@testable import OpenClaims

@Suite struct ClaimTests {
  let claim: Claim
  let key: ClaimKey

  init() throws {
    key = try Fixtures.signer(1).key
    claim = try Fixtures.approval(keys: [key])
  }

  @Test func signedBytesAreTheCanonicalFormWithoutSig() throws {
    #expect(
      String(decoding: claim.signedBytes(), as: UTF8.self)
        == #"{"exp":1700003600,"iss":"alice","key":["\#(key.text)"],"nce":"b7f1","ocp":1,"stm":{"action":"9f86d081884c7d65"#
        + #"9a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","box":"box.example","decision":"approve","epoch":1,"policy":"60"#
        + #"303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"},"sub":"box.example"}"#)
    #expect(claim.digest == SHA256.hash(claim.signedBytes()))
    #expect(claim.stm["decision"] == "approve")
    let signed = try claim.signed(by: Fixtures.signer(1))
    #expect(signed.signedBytes() == claim.signedBytes())
    #expect(signed.digest == claim.digest)
    #expect(signed != claim)
  }

  /// A field name and a value that it must not have. Every row is refused by the rule for that field alone.
  @Test(
    arguments: [
      ("ocp", nil, "ocp"), ("ocp", 2, "ocp"), ("ocp", "1", "ocp"), ("iss", nil, "iss"), ("iss", 1, "iss"),
      ("iss", .string(String(repeating: "x", count: 1025)), "iss"), ("sub", nil, "sub"), ("sub", nil as JSON, "sub"),
      ("stm", nil, "stm"), ("nbf", "5", "nbf"), ("nbf", -1, "nbf"), ("nbf", .double(1.5), "nbf"),
      ("exp", nil as JSON, "exp"),
      ("exp", .double(1e20), "exp"), ("nce", 5, "nce"), ("nce", .string(String(repeating: "x", count: 257)), "nce"),
      ("fmt", "EIP712", "fmt"), ("fmt", "HS256", "fmt"), ("fmt", "es256", "fmt"), ("fmt", nil as JSON, "fmt"),
      ("fmt", "none", "fmt"),
      ("key", nil, "key"), ("key", [], "key"), ("key", 5, "key[0]"), ("key", [nil], "key[0]"), ("key", "", "key[0]"),
      ("key", .array(Array(repeating: "x", count: 65)), "key"), ("sig", "text", "sig"), ("sig", [nil, nil], "sig"),
      ("sig", nil as JSON, "sig"), ("sig", [5], "sig[0]"),
      ("sig", [.string(String(repeating: "A", count: 8193))], "sig[0]"),
    ] as [(String, JSON?, String)])
  func fieldsThatAreRefused(name: String, value: JSON?, field: String) {
    let error = Fixtures.error { () throws(ClaimError) in _ = try Claim(json: Fixtures.json(claim, name, value)) }
    guard case .field(let fieldError)? = error else {
      Issue.record("\(name): \(String(describing: error))")
      return
    }
    #expect(fieldError.field == field)
  }

  @Test func formsThatAreAccepted() throws {
    #expect(try Claim(json: Fixtures.json(claim, "key", .string(key.text))) == claim)
    #expect(try Claim(json: Fixtures.json(claim, "sig", nil)) == claim)
    #expect(try Claim(json: Fixtures.json(claim, "sig", [])) == claim)
    #expect(try Claim(json: Fixtures.json(claim, "fmt", "ES256")).fmt == "ES256")
    #expect(try Claim(json: Fixtures.json(claim, "stm", nil as JSON)).stm.isNull)
    #expect(throws: ClaimError.self) { try Claim(json: [1]) }
    #expect(throws: ClaimError.self) { try Claim(json: nil) }
  }

  @Test func numbersInOurClaimsAreIntegers() throws {
    let text = Fixtures.json(claim, "x", .double(0.5)).canonicalBytes()
    let error = Fixtures.error { () throws(ClaimError) in _ = try Claim(parsing: text) }
    guard case .json(let jsonError)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(jsonError.kind == .numberNotSafeInteger)
    #expect(throws: Never.self) { try Claim(parsing: text, limits: .publishedClaim) }
  }

  @Test func keysAreSortedWithTheirSignatures() throws {
    let signers = try (1...4).map(Fixtures.signer)
    let claim = try Fixtures.approval(keys: signers.map(\.key).reversed()).signed(by: signers[2])
    #expect(claim.keys.map(\.text) == claim.keys.map(\.text).sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) })
    var pairs = Array(
      zip(claim.keys.map { JSON.string($0.text) }, claim.signatures.map { $0.map(JSON.string) ?? .null }))
    pairs.swapAt(0, 3)
    pairs.swapAt(1, 2)
    let object = Fixtures.json(claim, "key", .array(pairs.map(\.0)))
    var shuffled = try #require(object.object)
    shuffled["sig"] = .array(pairs.map(\.1))
    let read = try Claim(json: .object(shuffled))
    #expect(read == claim)
    #expect(try ClaimVerifier().verify(read, at: Fixtures.now).validKeys == [signers[2].key])
  }

  @Test func signaturesAreParallelToKeys() throws {
    let claim = try Fixtures.approval(keys: (1...3).map { try Fixtures.signer($0).key })
    for count in [1, 2, 4] {
      let json = Fixtures.json(claim, "sig", .array(Array(repeating: nil, count: count)))
      let error = Fixtures.error { () throws(ClaimError) in _ = try Claim(json: json) }
      #expect(error?.code == "field sig", "\(count)")
    }
  }

  @Test func extensionsAreSignedAndCannotReplaceMembers() throws {
    let extended = try Claim(
      iss: "a", sub: "b", stm: 1, keys: [key], extensions: ["payments": [["sig": "inner"]]])
    #expect(String(decoding: extended.signedBytes(), as: UTF8.self).contains(#""payments":[{"sig":"inner"}]"#))
    for name in ["ocp", "iss", "sub", "stm", "nbf", "exp", "nce", "fmt", "key", "sig"] {
      #expect(throws: ClaimError.self) { try Claim(iss: "a", sub: "b", stm: 1, keys: [key], extensions: [name: 1]) }
    }
  }

  @Test func aClaimOfOursObeysTheRulesOfReading() throws {
    #expect(throws: ClaimError.self) { try Claim(iss: "a", sub: "b", stm: 1, keys: []) }
    #expect(throws: ClaimError.self) { try Claim(iss: "a", sub: "b", stm: 1, keys: [key, key]) }
    #expect(throws: ClaimError.self) { try Claim(iss: "a", sub: "b", stm: 1, exp: -1, keys: [key]) }
    #expect(throws: ClaimError.self) {
      try Claim(iss: String(repeating: "x", count: 1025), sub: "b", stm: 1, keys: [key])
    }
  }
}

@Suite struct ClaimKeyTests {
  @Test func bothEncodingsAreOneKey() throws {
    let key = try Fixtures.privateKey(3).publicKey
    let usual = ClaimKey(key)
    let urlSafe = try ClaimKey(parsing: "data:key/es256;base64url,\(Base64.encodeURL(key.spkiDER))")
    let passkey = ClaimKey(key, algorithm: .webauthn)
    #expect(usual == urlSafe)
    #expect(usual == passkey)
    #expect(Set([usual, urlSafe, passkey]).count == 1)
    #expect(usual.text != urlSafe.text)
    #expect(usual != ClaimKey(try Fixtures.privateKey(4).publicKey))
    #expect(try ClaimKey(parsing: passkey.text).algorithm == .webauthn)
  }

  @Test func textsThatAreNotKeys() throws {
    let spki = try Fixtures.privateKey(3).publicKey.spkiDER
    let base64 = Base64.encode(spki)
    var compressed = spki
    compressed[26] = 2
    var offCurve = spki
    offCurve[90] ^= 1
    let texts = [
      "", base64, "data:key/es256;base64,", "data:key/es256;base64;\(base64)", "data:key/es256,\(base64)",
      "data:key/ES256;base64,\(base64)", "data:key/es384;base64,\(base64)", "DATA:key/es256;base64,\(base64)",
      " data:key/es256;base64,\(base64)", "data:key/es256;base64,\(base64)\n", "data:key/es256;base64,\(base64)=",
      "data:key/es256;base64,\(base64.dropLast(2))", "data:key/es256;base64url,\(base64)",
      "data:key/es256;base64,\(Base64.encodeURL(spki))", "data:key/es256;hex,\(Hex.encode(spki))",
      "data:key/es256;base64,\(Base64.encode(compressed))", "data:key/es256;base64,\(Base64.encode(offCurve))",
      "data:key/es256;base64,\(Base64.encode(spki + [0]))", "data:key/es256;base64,\(Base64.encode(spki.dropLast()))",
      "https://example.com/keys#alice", "ES256:\(base64)", "0x8ba1f109551bD432803012645Ac136ddd64DBA72",
      "data:key/es256;base64,\(String(repeating: "A", count: 4096))",
    ]
    for text in texts { #expect(throws: FieldError.self, "\(text)") { try ClaimKey(parsing: text) } }
    #expect(throws: Never.self) { try ClaimKey(parsing: "data:key/es256;base64,\(base64)") }
  }

  @Test func messagesStayPrintableAndShort() throws {
    do throws(FieldError) {
      _ = try ClaimKey(parsing: "\u{1B}[2J" + String(repeating: "x", count: 200), path: "key[3]")
      Issue.record("accepted")
    } catch {
      #expect(error.field == "key[3]")
      #expect(error.actual.utf8.allSatisfy { (0x20...0x7E).contains($0) })
      #expect(error.actual.count < 60)
    }
  }

  @Test func rememberedKeysAreBounded() throws {
    let memory = DecodedKeys(capacity: 3)
    for number in 1...10 {
      let key = try Fixtures.privateKey(UInt8(number)).publicKey
      #expect(try memory.key(spkiDER: key.spkiDER) == key)
      #expect(try memory.key(spkiDER: key.spkiDER) == key)
      #expect(memory.count <= 3)
    }
    #expect(throws: CryptographyError.self) { try memory.key(spkiDER: [1, 2, 3]) }
  }
}
