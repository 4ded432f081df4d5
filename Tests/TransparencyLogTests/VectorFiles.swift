import Cryptography
import Foundation
import TestSupport
import Testing
import TransparencyLog

/// Reads `tlog/<name>` into a type of its shape; exact for 64-bit numbers.
func vector<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  return try decoder.decode(type, from: Data(Vectors.bytes("tlog/" + name)))
}

/// Base64 of 32 octets. Some negative probes hold other lengths, which no `SHA256Digest` can be: nil.
func digest(_ base64: String) -> SHA256Digest? { Base64.decode(base64).flatMap { SHA256Digest($0) } }

/// All digests, or nil when one of them has not 32 octets.
func digests(_ base64: [String]?) -> [SHA256Digest]? {
  let found = (base64 ?? []).map(digest)
  return found.contains { $0 == nil } ? nil : found.compactMap { $0 }
}

/// The keys of the generated vectors: fixed seeds, for tests only.
struct TestKeys: Decodable {
  struct Witness: Decodable {
    let name: String
    let seedHex: String
    let vkey: String
  }
  struct Cosignature: Decodable {
    let witness: String
    let timestamp: UInt64
    let signedMessage: String
    let line: String
  }
  struct Note: Decodable {
    let size: UInt64
    let text: String
    let ed25519Line: String
    let es256Line: String
    let es256DerHex: String
    let es256P1363Hex: String
    let cosignatures: [Cosignature]
    let checkpoint: String
  }
  let origin: String
  let logEd25519SeedHex: String
  let logEd25519Vkey: String
  let logEs256SpkiDerHex: String
  let logEs256Vkey: String
  let witnesses: [Witness]
  let notes: [Note]

  static func load() throws -> TestKeys { try vector("generated/notes.json", as: TestKeys.self) }

  func logKeys() throws -> LogKeys {
    try LogKeys(
      origin: origin, keys: [VerifierKey(parsing: logEd25519Vkey), VerifierKey(parsing: logEs256Vkey)])
  }

  func witnessKeys() throws -> [VerifierKey] { try witnesses.map { try VerifierKey(parsing: $0.vkey) } }

  func ed25519Signer() throws -> NoteSigner {
    let seed = try #require(Hex.decode(logEd25519SeedHex))
    return try NoteSigner(name: origin, ed25519: Ed25519.PrivateKey(seed: seed))
  }
}

/// The entry that all generated logs hold at an index.
func generatedEntry(_ index: UInt64) -> [UInt8] {
  let digits = String(index)
  return Array("entry-\(String(repeating: "0", count: 7 - digits.count))\(digits)".utf8)
}
