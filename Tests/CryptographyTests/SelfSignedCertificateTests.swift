import Cryptography
import Foundation
import TestSupport
import Testing

@Suite struct SelfSignedCertificateTests {
  let key = P256.PrivateKey.generate()

  @Test(.enabled(if: Subprocess.find("openssl") != nil, "the openssl command is absent"))
  func theCommandLineToolReadsWhatWasMeant() throws {
    let tool = try #require(Subprocess.find("openssl"))
    let certificate = try SelfSignedCertificate.make(
      commonName: "A box, \"quoted\" = é", dnsNames: ["box.example", "*.box.example"],
      ipAddresses: ["192.0.2.7", "2001:db8::1"], privateKey: key, notBefore: 0, notAfter: 253_402_300_799)
    let directory = try TemporaryDirectory()
    let path = try directory.write(Array(certificate.pem.utf8), to: "certificate.pem")
    let text = String(
      decoding: try Subprocess.run(
        tool, ["x509", "-in", path, "-noout", "-text", "-nameopt", "utf8,sep_comma_plus"]
      ).output, as: UTF8.self)
    for expected in [
      "Version: 3 (0x2)", "CN=A box, \"quoted\" = é", "Signature Algorithm: ecdsa-with-SHA256",
      "DNS:box.example, DNS:*.box.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1", "CA:FALSE",
      "Digital Signature", "TLS Web Server Authentication, TLS Web Client Authentication",
      "Not Before: Jan  1 00:00:00 1970 GMT", "Not After : Dec 31 23:59:59 9999 GMT",
    ] {
      #expect(text.contains(expected), "\(expected)\n\(text)")
    }
    let verified = try Subprocess.run(tool, ["verify", "-check_ss_sig", "-CAfile", path, path])
    #expect(verified.status == 0, "\(verified.errors)")
    let der = try Subprocess.run(tool, ["x509", "-in", path, "-outform", "DER"]).output
    #expect(der == certificate.der)
  }

  /// Leap days, ends of centuries and the change of format in 2050, against the calendar of Foundation.
  @Test func timesAreTheCalendars() throws {
    let calendar = Calendar(identifier: .gregorian)
    let utc = try #require(TimeZone(identifier: "UTC"))
    var moments: [Int64] = [
      -631_152_000, -1, 0, 951_782_400, 951_868_800, 1_709_251_199, 1_709_251_200, 2_524_607_999, 2_524_608_000,
      4_107_455_999, 4_107_542_400, 253_402_300_798,
    ]
    for step in 0..<500 { moments.append(-600_000_000 + Int64(step) * 508_123_457) }
    for moment in moments {
      let date = Date(timeIntervalSince1970: TimeInterval(moment))
      let parts = calendar.dateComponents(in: utc, from: date)
      let fields = [parts.month, parts.day, parts.hour, parts.minute, parts.second].map {
        String(format: "%02d", $0 ?? -1)
      }
      let year = parts.year ?? 0
      let text =
        (year < 2050 ? String(format: "%02d", year % 100) : String(format: "%04d", year)) + fields.joined() + "Z"
      let element = [year < 2050 ? 0x17 : 0x18, UInt8(text.utf8.count)] + Array(text.utf8)
      let certificate = try SelfSignedCertificate.make(
        commonName: "x", privateKey: key, notBefore: moment, notAfter: 253_402_300_799)
      #expect(certificate.der.firstRange(of: element) != nil, "\(moment) is not \(text)")
    }
    for moment: Int64 in [-631_152_001, .min] {
      #expect(throws: CryptographyError.self) {
        _ = try SelfSignedCertificate.make(commonName: "x", privateKey: key, notBefore: moment, notAfter: 0)
      }
    }
    #expect(throws: CryptographyError.self) {
      _ = try SelfSignedCertificate.make(commonName: "x", privateKey: key, notBefore: 0, notAfter: 253_402_300_800)
    }
  }

  @Test func serialsDiffer() throws {
    let certificates = try (0..<20).map { _ in
      try SelfSignedCertificate.make(commonName: "x", privateKey: key, notBefore: 0, notAfter: 1).der
    }
    #expect(Set(certificates.map { Array($0[..<40]) }).count == 20)
  }

  @Test func namesThatAreNotNamesAreRefused() throws {
    for host in ["", "a b", "a..b", "-.\u{0}", "*", "*.", "ä.example", String(repeating: "a", count: 64)] {
      #expect(throws: CryptographyError.malformed("DNS name", reason: "\"\(host)\" is not a host name")) {
        _ = try SelfSignedCertificate.make(
          commonName: "x", dnsNames: [host], privateKey: key, notBefore: 0, notAfter: 1)
      }
    }
    for address in ["", "127.0.0", "127.0.0.256", "::1::", "localhost", "127.0.0.1\u{0}"] {
      #expect(throws: CryptographyError.malformed("IP address", reason: "\"\(address)\" is not an address")) {
        _ = try SelfSignedCertificate.make(
          commonName: "x", ipAddresses: [address], privateKey: key, notBefore: 0, notAfter: 1)
      }
    }
    for name in ["", "a\n", "a\u{0}b", String(repeating: "a", count: 65)] {
      #expect(throws: CryptographyError.malformed("common name", reason: "expected 1 to 64 bytes of printable text")) {
        _ = try SelfSignedCertificate.make(commonName: name, privateKey: key, notBefore: 0, notAfter: 1)
      }
    }
    #expect(throws: CryptographyError.malformed("validity", reason: "ends before it begins")) {
      _ = try SelfSignedCertificate.make(commonName: "x", privateKey: key, notBefore: 1, notAfter: 1)
    }
  }
}
