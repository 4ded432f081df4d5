import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Ethereum

@Suite struct TypedDataTests {
  /// The example of EIP-712.
  static let mail: JSON = [
    "types": [
      "EIP712Domain": [
        ["name": "name", "type": "string"], ["name": "version", "type": "string"],
        ["name": "chainId", "type": "uint256"], ["name": "verifyingContract", "type": "address"],
      ],
      "Person": [["name": "name", "type": "string"], ["name": "wallet", "type": "address"]],
      "Mail": [
        ["name": "from", "type": "Person"], ["name": "to", "type": "Person"], ["name": "contents", "type": "string"],
      ],
    ],
    "primaryType": "Mail",
    "domain": [
      "name": "Ether Mail", "version": "1", "chainId": 1,
      "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    ],
    "message": [
      "from": ["name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"],
      "to": ["name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"], "contents": "Hello, Bob!",
    ],
  ]

  @Test func exampleOfEIP712() throws {
    let data = try TypedData(json: Self.mail)
    #expect(data.encodeType("Mail") == "Mail(Person from,Person to,string contents)Person(string name,address wallet)")
    #expect(
      HexText.encode(data.typeHash("Mail")) == "0xa0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2")
    #expect(
      HexText.encode(data.domainSeparator) == "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f")
    #expect(HexText.encode(data.structHash) == "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e")
    #expect(HexText.encode(data.digest) == "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2")
    let key = try Secp256k1.PrivateKey(scalar: SecretBytes(copying: Keccak256.hash([UInt8]("cow".utf8))))
    let signature = try key.sign(digest: data.digest)
    #expect(
      HexText.encode(signature.signature.p1363)
        == "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562"
    )
    #expect(signature.recoveryID == 1)
  }

  private static func changed(_ path: [String], _ value: JSON?) -> JSON {
    func change(_ json: JSON, _ path: ArraySlice<String>) -> JSON? {
      guard let name = path.first else { return value }
      var object = json.object ?? [:]
      object[name] = change(object[name] ?? .null, path.dropFirst())
      return .object(object)
    }
    return change(mail, path[...]) ?? .null
  }

  @Test(
    arguments: [
      (["message", "more"], "shown and not signed"), (["message", "contents"], nil), (["message", "contents"], 5),
      (["message", "from"], nil), (["message", "from", "wallet"], "0xcd2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"),
      (["message", "from"], .null), (["domain", "more"], 1), (["domain", "salt"], "0x"), (["domain", "chainId"], -1),
      (["domain", "name"], nil), (["types", "Unused"], [["name": "a", "type": "bool"]]), (["primaryType"], "Nothing"),
      (["primaryType"], "EIP712Domain"), (["types", "Person"], nil),
      (["types", "Person"], [["name": "name", "type": "uint"]]),
      (["types", "Person"], [["name": "name", "type": "bool"], ["name": "name", "type": "bool"]]),
      (["types", "bool"], [["name": "a", "type": "bool"]]),
      (["types", "Mail"], [["name": "from", "type": "Person[0]"]]),
      (["types", "EIP712Domain"], [["name": "name", "type": "string"]]), (["types", "Mail"], 1), (["more"], 1),
      (["types", "EIP712Domain"], [["name": "chainId", "type": "uint256"], ["name": "name", "type": "string"]]),
    ] as [([String], JSON?)])
  func whatDoesNotFitIsRefused(path: [String], value: JSON?) {
    #expect(throws: FieldError.self) { try TypedData(json: Self.changed(path, value)) }
  }

  @Test func anAbsentDomainTypeFollowsFromTheDomain() throws {
    let data = try TypedData(json: Self.changed(["types", "EIP712Domain"], nil))
    #expect(HexText.encode(data.digest) == "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2")
  }

  @Test func aTypeMayReferToItself() throws {
    let types: JSON = ["Node": [["name": "children", "type": "Node[]"]]]
    func nested(_ depth: Int) -> JSON { ["children": depth == 0 ? [] : [nested(depth - 1)]] }
    func data(_ depth: Int) throws -> TypedData {
      try TypedData(json: ["types": types, "primaryType": "Node", "domain": ["name": "x"], "message": nested(depth)])
    }
    #expect(try data(3).digest != data(4).digest)
    #expect(throws: FieldError.self) { try data(40) }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func claimsOfTheContractsAgree() throws {
    let file = try Vectors.json("openclaim/eip712.json")
    let recipients = try (file["recipients"]?.array ?? []).map {
      try ABIValue(json: $0, as: .address, path: "recipients")
    }
    let list = [ABIParameter(type: .array(.address))]
    for (values, name) in [(recipients, "recipientsHash_abiEncode"), ([], "recipientsHash_abiEncode_empty")] {
      #expect(HexText.encode(Keccak256.hash(try ABIEncoder.encode([.list(values)], as: list))) == file[name]?.string)
    }
    let vectors = file["vectors"]?.array ?? []
    #expect(vectors.count == 7)
    for vector in vectors {
      let (domain, message) = (vector["domain"] ?? .null, vector["value"] ?? .null)
      let signature = try FunctionSignature(try #require(vector["encodeType"]?.string))
      let members = signature.inputs.map { JSON.object(["name": .string($0.name), "type": .string("\($0.type)")]) }
      let data = try TypedData(
        json: [
          "types": .object([signature.name: .array(members)]), "primaryType": .string(signature.name), "domain": domain,
          "message": message,
        ])
      #expect(data.encodeType(signature.name) == vector["encodeType"]?.string)
      #expect(HexText.encode(data.typeHash(signature.name)) == vector["typeHash"]?.string)
      #expect(HexText.encode(data.domainSeparator) == vector["domainSeparator"]?.string)
      #expect(HexText.encode(data.structHash) == vector["structHash"]?.string)
      #expect(HexText.encode(data.digest) == vector["digest"]?.string)
      for (index, signed) in (vector["signatures"]?.array ?? []).enumerated() {
        let scalar = try #require(HexText.decode(file["keys"]?.array?[index]["privateKey"]?.string ?? ""))
        let made = try Secp256k1.PrivateKey(scalar: SecretBytes(copying: scalar)).sign(digest: data.digest)
        #expect(HexText.encode(made.signature.p1363 + [27 + made.recoveryID]) == signed["sig"]?.string)
      }
    }
  }
}
