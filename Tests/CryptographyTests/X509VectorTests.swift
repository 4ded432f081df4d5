import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

/// Every certificate of the evidence of real machines.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct X509VectorTests {
  /// All files below a directory of the vectors, by path from there.
  private static func files(_ directory: String) throws -> [String] {
    let directory = "attestation/\(directory)"
    let root = try Vectors.path(directory)
    let all = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return all.filter {
      var isDirectory: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(root)/\($0)", isDirectory: &isDirectory)
        && !isDirectory.boolValue
    }.sorted().map { "\(directory)/\($0)" }
  }

  /// What looks like a certificate of version 3: in PEM, or in DER anywhere inside.
  static func certificates(in bytes: [UInt8]) -> [[UInt8]] {
    var found: [[UInt8]] = []
    var position = 0
    while position + 16 < bytes.count {
      defer { position += 1 }
      guard bytes[position] == 0x30, bytes[position + 1] == 0x82, bytes[position + 4] == 0x30,
        bytes[position + 5] == 0x82, Array(bytes[position + 8..<position + 13]) == [0xA0, 0x03, 0x02, 0x01, 0x02]
      else { continue }
      let count = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
      guard position + 4 + count <= bytes.count else { continue }
      found.append(Array(bytes[position..<position + 4 + count]))
    }
    let text = String(decoding: bytes, as: UTF8.self).replacingOccurrences(of: "\\n", with: "\n")
    for part in text.components(separatedBy: "-----BEGIN CERTIFICATE-----").dropFirst() {
      let body = part.components(separatedBy: "-----END").first ?? ""
      if let der = Data(base64Encoded: body.filter { !$0.isWhitespace }) { found.append([UInt8](der)) }
    }
    return found
  }

  /// Of one directory: parsed certificates with the file that each was found in.
  private static func all(_ directories: [String]) throws -> [(file: String, certificate: Certificate)] {
    var seen: Set<[UInt8]> = []
    var all: [(String, Certificate)] = []
    for file in try directories.flatMap(files) {
      for der in certificates(in: try Vectors.bytes(file)) where seen.insert(der).inserted {
        do { all.append((file, try Certificate(der: der))) } catch { Issue.record("\(file): \(error)") }
      }
    }
    return all
  }

  @Test(
    arguments: [
      ("aws-nitro-enclave", 10, []), ("aws-nitrotpm", 5, []), ("azure-hcl", 6, []), ("gcp-vtpm", 10, []),
      ("intel-tdx", 8, []), ("nvidia-gpu", 1, []),
      // Two that the vectors keep because they do not verify.
      ("sev-snp", 12, ["vcek-invalid-legacy.der", "vcek-invalid-new.der"]),
    ] as [(String, Int, [String])])
  func certificatesParseAndVerify(directory: String, atLeast count: Int, invalid: [String]) throws {
    let found = try Self.all([directory])
    #expect(found.count >= count, "found \(found.count)")
    // Roots of the neighbours, because Azure's evidence stands on AMD's and Intel's, and NitroTPM's on Nitro's.
    let roots = try Self.all(
      ["aws-nitro-enclave/roots", "gcp-vtpm/roots", "intel-tdx/roots", "nvidia-gpu/roots", "sev-snp/roots"])
    let anchors = roots.map(\.certificate).filter { $0.isSelfIssued && $0.isSigned(by: $0) }
    let intermediates = (roots + found).map(\.certificate).filter { $0.basicConstraints?.isAuthority == true }
    for (file, certificate) in found where !anchors.contains(certificate) {
      // The firmware's databases of keys, which stand in event logs: they lead to roots of their own.
      if certificate.issuer.description.contains("UEFI") { continue }
      let name = (file as NSString).lastPathComponent
      let needed = issuers(of: certificate, among: intermediates)
      let at = max(certificate.notBefore, needed.map(\.notBefore).max() ?? 0)
      let fault = X509PathTests.fault(
        certificate, needed, anchors, at: at, known: [.subjectAlternativeName], usage: [])
      #expect((fault == nil) == !invalid.contains(name), "\(file): \(fault?.description ?? "accepted")")
      // One bit of what is signed, and of the signature.
      for position in [certificate.der.count / 2, certificate.der.count - 1] {
        var changed = certificate.der
        changed[position] ^= 0x10
        guard let changed = try? Certificate(der: changed) else { continue }
        #expect(
          X509PathTests.fault(changed, needed, anchors, at: at, known: [.subjectAlternativeName], usage: []) != nil,
          "\(file): byte \(position)")
      }
    }
  }

  /// Certificates above one, by name.
  private func issuers(of certificate: Certificate, among all: [Certificate]) -> [Certificate] {
    var found: [Certificate] = []
    var names = [certificate.issuer]
    while let name = names.popLast() {
      for issuer in all where issuer.subject == name && !found.contains(issuer) {
        found.append(issuer)
        names.append(issuer.issuer)
      }
    }
    return Array(found.prefix(CertificatePath.maxIntermediates))
  }

  @Test func certificatesOfAMDHaveWhatOthersRefuse() throws {
    let ark = try #require(
      try Self.all(["sev-snp/roots"]).map(\.certificate).first { $0.subject.commonName == "ARK-Milan" })
    #expect(ark.signatureAlgorithm == .rsaPSS(.sha384))
    #expect(ark.keyUsage == [.keyCertSign, .crlSign] || ark.keyUsage == [.keyCertSign])
    let vcek = try Certificate(der: Vectors.bytes("attestation/sev-snp/milan-v2-vcek/vcek.der"))
    #expect(vcek.serialNumber == [0])
    #expect(vcek.extension(OID(1, 3, 6, 1, 4, 1, 3704, 1, 4))?.count == 64)
  }

  @Test func revocationListsOfIntelVerify() throws {
    let found = try Self.all(["intel-tdx"]).map(\.certificate)
    for (file, name) in [("pckcrl", "Intel SGX PCK Platform CA"), ("rootcrl.der", "Intel SGX Root CA")] {
      let list = try CertificateRevocationList(der: Vectors.bytes("attestation/intel-tdx/go-tdx-guest/\(file)"))
      let issuer = try #require(found.first { $0.subject.commonName == name })
      #expect(try list.verify(issuer: issuer, at: list.thisUpdate) == list.nextUpdate)
      #expect(throws: PathFault.self) { try list.verify(issuer: issuer, at: list.nextUpdate + 1) }
    }
  }

  /// Vectors of signatures in the encoding of certificates.
  @Test func signaturesOfWycheproofAreJudged() throws {
    for test in try Wycheproof("ecdsa_secp256r1_sha256").cases {
      let key = try CertificateKey(spkiDER: test.groupBytes("publicKeyDer"))
      let isValid = key.isValid(try test.bytes("sig"), for: try test.bytes("msg"), by: .ecdsa(.sha256))
      #expect(isValid == (test.result == "valid"), test.label)
    }
  }
}
