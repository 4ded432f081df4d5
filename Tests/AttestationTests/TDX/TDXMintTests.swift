import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// What no machine's evidence shows: each rule with a quote that meets it and one that does not.
@Suite struct TDXMintTests {
  static func report(
    of mint: TDXMint, _ changes: JSONObject = ["collateral": "required"], binding: Binding = .any,
    at: Int64 = TDXMint.time
  ) throws -> AttestationReport {
    let policy = try TDXSamples.policy(changes, anchors: [mint.anchorJSON])
    return Evidence(try mint.evidence()).appraised(by: policy, binding: binding, at: at)
  }

  @Test(arguments: [(4 as UInt16, 2 as UInt16), (5, 2), (5, 3)])
  func mintedEvidenceIsAccepted(version: UInt16, body: UInt16) throws {
    var mint = try TDXMint()
    mint.version = version
    mint.bodyType = body
    let nonce = SHA256.hash(utf8: "nonce").bytes
    mint.report["report-data"] = nonce + [UInt8](repeating: 0, count: 32)
    let report = try Self.report(of: mint, binding: .bytes(nonce))
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.claims?.assurance == .software(name: "mint"))
    // TCB info ends first, at 2025-01-14.
    #expect(report.deadline == 1_736_812_800_000)
    let stranger = Evidence(try mint.evidence()).appraised(
      by: try TDXSamples.policy(), binding: .any, at: TDXMint.time)
    #expect(stranger.failed.first == "tdx.pck-chain", "no root but Intel's is carried")
  }

  /// What is changed, and the first check that says so.
  static let refusals: [(String, String, @Sendable (inout TDXMint) -> Void)] = [
    ("name of the leaf", "tdx.pck-profile", { $0.leafName = "Intel SGX TCB Signing" }),
    // The sign of kelvin is no K, whatever Unicode says.
    ("name of the leaf in other bytes", "tdx.pck-profile", { $0.leafName = "Intel SGX PC\u{212A} Certificate" }),
    ("name of the CA in other bytes", "tdx.pck-profile", { $0.authorityName = "Intel SGX PC\u{212A} Platform CA" }),
    ("name of the CA", "tdx.pck-profile", { $0.authorityName = "Intel SGX PCK Another CA" }),
    ("no SGX extension", "tdx.pck-profile", { $0.sgxExtension = [] }),
    ("SGX extension with bytes after it", "tdx.pck-profile", { $0.sgxExtension = $0.encodedPlatform() + [0] }),
    ("an empty SGX extension", "tdx.pck-profile", { $0.sgxExtension = [0x30, 0] }),
    ("15 components", "tdx.pck-profile", { $0.components.removeLast() }),
    ("a short FMSPC", "tdx.pck-profile", { $0.fmspc.removeLast() }),
    ("name of the signer", "tdx.tcb-signer", { $0.signerName = "Intel SGX PCK Certificate" }),
    ("another FMSPC", "tdx.tcb-info-platform", { $0.fmspc[0] = 0x51 }),
    ("another PCEID", "tdx.tcb-info-platform", { $0.pceID = [1, 0] }),
    ("TCB info of SGX", "tdx.tcb-info", { $0.tcbInfo["id"] = "SGX" }),
    ("TCB info of version 2", "tdx.tcb-info", { $0.tcbInfo["version"] = 2 }),
    (
      "a status that nobody knows", "tdx.tcb-info",
      { $0.tcbInfo["tcbLevels"] = [TDXMint.level(sgx: 0, tdx: [], pce: 0, "Fine")] }
    ),
    ("a time without zone", "tdx.tcb-info", { $0.tcbInfo["nextUpdate"] = "2025-01-14T00:00:00" }),
    ("a day that is none", "tdx.tcb-info", { $0.tcbInfo["nextUpdate"] = "2025-02-29T00:00:00Z" }),
    ("TCB info without modules' signer", "tdx.tcb-info", { $0.tcbInfo["tdxModule"] = nil }),
    ("TCB info that ended", "tdx.tcb-info-current", { $0.tcbInfo["nextUpdate"] = "2024-12-31T23:59:59Z" }),
    ("TCB info of tomorrow", "tdx.tcb-info-current", { $0.tcbInfo["issueDate"] = "2025-01-02T00:00:00Z" }),
    ("identity of the SGX enclave", "tdx.qe-document", { $0.qeIdentity["id"] = "QE" }),
    ("identity of version 1", "tdx.qe-document", { $0.qeIdentity["version"] = 1 }),
    ("identity that ended", "tdx.qe-document-current", { $0.qeIdentity["nextUpdate"] = "2024-12-31T23:59:59Z" }),
    ("a CA that is revoked", "tdx.revocation", { $0.revokedByRoot = [TDXMint.authoritySerial] }),
    ("a signer that is revoked", "tdx.revocation", { $0.revokedByRoot = [TDXMint.signerSerial] }),
    ("a platform that is revoked", "tdx.revocation", { $0.revokedByAuthority = [TDXMint.leafSerial] }),
    ("an enclave of another signer", "tdx.qe-identity", { $0.enclaveSigner[0] = 0 }),
    ("another enclave of the signer", "tdx.qe-identity", { $0.enclaveProduct = 1 }),
    ("an enclave under debug", "tdx.qe-identity", { $0.enclaveAttributes[0] |= 2 }),
    ("an enclave with other attributes", "tdx.qe-identity", { $0.enclaveAttributes[0] |= 0x20 }),
    ("a module of another signer", "tdx.module", { $0.report["mrsignerseam"] = [UInt8](repeating: 1, count: 48) }),
    ("a module with attributes", "tdx.module", { $0.report["seam-attributes"] = [1, 0, 0, 0, 0, 0, 0, 0] }),
    ("a module that Intel does not know", "tdx.module", { $0.report["tee-tcb-svn"]?[1] = 2 }),
    ("a module below all levels", "tdx.tcb-level", { $0.report["tee-tcb-svn"]?[0] = 1 }),
    ("a platform below all levels", "tdx.tcb-level", { $0.components[7] = 0 }),
    ("a PCE below all levels", "tdx.tcb-level", { $0.pceSVN = 4 }),
    ("an enclave below all levels", "tdx.tcb-level", { $0.enclaveVersion = 3 }),
    ("the domain under debug", "tdx.debug", { $0.report["attributes"]?[0] = 1 }),
    ("a reserved debug bit", "tdx.debug", { $0.report["attributes"]?[0] = 0x80 }),
  ]

  @Test func eachDefectIsNamed() throws {
    for (name, check, change) in Self.refusals {
      var mint = try TDXMint()
      change(&mint)
      let report = try Self.report(of: mint)
      #expect(report.verdict == .rejected, "\(name)")
      #expect(report.failed.first == check, "\(name): \(report.failed)")
    }
  }

  /// The attributes' bit 0x04 (64-bit mode) is masked out: an identity matches with and without it.
  /// Intel's quoting library announces so many bytes more, however long a platform's certificates are.
  @Test func seventyZerosMayFollowAQuoteOfAnyLength() throws {
    let mint = try TDXMint()
    let whole = try mint.evidence()
    for count in 65...75 {
      let size = whole.quote.count + count
      guard count == 70 || !([5006, 5010].contains(size) || size.isMultiple(of: 16)) else { continue }
      for last in [0, 1] as [UInt8] {
        let evidence = TDXEvidence(
          quote: whole.quote + [UInt8](repeating: 0, count: count - 1) + [last], collateral: whole.collateral)
        let report = Evidence(evidence).appraised(
          by: try TDXSamples.policy(anchors: [mint.anchorJSON]), binding: .any, at: TDXMint.time)
        #expect(report.failed == (count == 70 && last == 0 ? [] : ["tdx.length"]), "\(count) \(last)")
      }
    }
  }

  @Test func masksAreRespected() throws {
    var mint = try TDXMint()
    mint.enclaveAttributes[0] = 0x11
    #expect(try Self.report(of: mint).verdict == .accepted)
  }

  /// The enclave's identity is checked without collateral too, or any enclave of the platform's owner could quote.
  @Test func withoutCollateralTheEnclaveAndTheModuleMustBeIntels() throws {
    for (check, change) in [
      ("tdx.qe-identity", { $0.enclaveSigner[0] = 0 }), ("tdx.qe-identity", { $0.enclaveAttributes[0] |= 2 }),
      ("tdx.qe-identity", { $0.enclaveProduct = 1 }),
      ("tdx.module", { $0.report["mrsignerseam"] = [UInt8](repeating: 1, count: 48) }),
      ("tdx.module", { $0.report["seam-attributes"] = [1, 0, 0, 0, 0, 0, 0, 0] }),
    ] as [(String, (inout TDXMint) -> Void)] {
      var mint = try TDXMint()
      mint.hasCollateral = false
      #expect(try Self.report(of: mint, ["collateral": "any"]).verdict == .accepted)
      change(&mint)
      #expect(try Self.report(of: mint, ["collateral": "any"]).failed.first == check)
    }
  }

  /// Status, advisories and number of what was reached, joined over platform, module and quoting enclave.
  @Test(arguments: [
    (4 as UInt8, 5 as UInt8, 6 as UInt8, "UpToDate", [] as [String]),
    (2, 5, 6, "SWHardeningNeeded", ["INTEL-SA-00001"]),
    (4, 2, 6, "OutOfDate", ["INTEL-SA-00002"]),
    (4, 5, 4, "OutOfDate", ["INTEL-SA-00004"]),
    (2, 2, 5, "OutOfDate", ["INTEL-SA-00001", "INTEL-SA-00002", "INTEL-SA-00004"]),
  ]) func levelsAreJoined(microcode: UInt8, module: UInt8, enclave: UInt8, status: String, advisories: [String]) throws
  {
    var mint = try TDXMint()
    mint.report["tee-tcb-svn"] = [module, 1, microcode] + [UInt8](repeating: 0, count: 13)
    mint.enclaveVersion = enclave
    let all: JSON = .array(TCBStatus.allCases.map { .string($0.rawValue) })
    let report = try Self.report(of: mint, ["tcbStatus": all])
    #expect(report.verdict == .accepted, "\(report.failures)")
    let tcb = try #require((report.claims as? TDXClaims)?.quote.tcb)
    #expect(tcb.standing.name == status)
    #expect(tcb.advisories.sorted() == advisories)
    #expect(tcb.evaluationNumber == 17)

    let others = TCBStatus.allCases.map(\.rawValue).filter { $0 != status }.map { JSON.string($0) }
    #expect(try Self.report(of: mint, ["tcbStatus": .array(others)]).failed == ["tdx.tcb-status"])
    let accepted: JSON = .array(advisories.map { .string($0) })
    #expect(try Self.report(of: mint, ["tcbStatus": all, "advisories": accepted]).verdict == .accepted)
    if !advisories.isEmpty {
      let one: JSON = .array(accepted.array?.dropLast().map { $0 } ?? [])
      #expect(try Self.report(of: mint, ["tcbStatus": all, "advisories": one]).failed == ["tdx.advisories"])
    }
  }

  /// The components of the module itself count in levels only for modules of major version 0.
  @Test func modulesOfVersionZeroStandAsTheirLevel() throws {
    var mint = try TDXMint()
    mint.report["tee-tcb-svn"] = [5, 0, 4] + [UInt8](repeating: 0, count: 13)
    #expect(try Self.report(of: mint).verdict == .accepted)
    mint.report["tee-tcb-svn"]?[0] = 4
    let report = try Self.report(of: mint)
    #expect(report.failed == ["tdx.tcb-status"], "version 4 reaches the level that is out of date")
  }

  @Test func aRevokedLevelIsNeverAccepted() throws {
    var mint = try TDXMint()
    mint.tcbInfo["tcbLevels"] = [TDXMint.level(sgx: 0, tdx: [], pce: 0, "Revoked")]
    let all: JSON = .array(TCBStatus.allCases.map { .string($0.rawValue) })
    let report = try Self.report(of: mint, ["tcbStatus": all])
    #expect(report.failed == ["tdx.tcb-status"])
    let error = #expect(throws: FieldError.self) { try TDXSamples.policy(["tcbStatus": ["UpToDate", "Revoked"]]) }
    #expect(error?.field == "platforms.tdx.tcbStatus")
  }

  /// The join is commutative, associative and idempotent, Revoked absorbs, UpToDate is neutral.
  @Test func statusesAreALattice() {
    let all = TCBStatus.allCases.map { TCBStanding.status($0) } + [.revoked]
    for a in all {
      #expect(a.joined(a) == a)
      #expect(a.joined(.status(.upToDate)) == a)
      #expect(a.joined(.revoked) == .revoked)
      for b in all {
        #expect(a.joined(b) == b.joined(a))
        for c in all { #expect(a.joined(b).joined(c) == a.joined(b.joined(c))) }
      }
    }
    #expect(
      TCBStanding.status(.outOfDate).joined(.status(.configurationNeeded)) == .status(.outOfDateConfigurationNeeded))
    #expect(
      TCBStanding.status(.outOfDate).joined(.status(.configurationAndHardeningNeeded))
        == .status(.outOfDateConfigurationNeeded))
    #expect(TCBStanding.status(.outOfDate).joined(.status(.hardeningNeeded)) == .status(.outOfDate))
    #expect(
      TCBStanding.status(.hardeningNeeded).joined(.status(.configurationNeeded))
        == .status(.configurationAndHardeningNeeded))
  }

  /// Another root that is accepted, too, has no say on this one's platforms.
  @Test func collateralComesFromTheRootOfThePlatform() throws {
    let mint = try TDXMint()
    let other = try TDXMint()
    let mixed = TDXEvidence(quote: try mint.quote(), collateral: try other.collateral())
    let policy = try TDXSamples.policy(anchors: [mint.anchorJSON, other.anchorJSON])
    let report = Evidence(mixed).appraised(by: policy, binding: .any, at: TDXMint.time)
    #expect(report.failed.first == "tdx.tcb-signer")
    #expect(report.failed.contains("tdx.root-crl"))
  }
}
