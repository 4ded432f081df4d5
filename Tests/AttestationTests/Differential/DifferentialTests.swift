import AttestationMint
import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Attestation

/// Two readers of one format differ where nobody thought to look: whatever random changes make of evidence, this package and the
/// page say the same of it. `SAFEBOX_MUTATIONS` asks for more of each kind, `SAFEBOX_SEED` for others.
@Suite(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence)) struct DifferentialTests {
  static func setting(_ name: String, _ otherwise: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? otherwise
  }

  struct Source: Sendable, CustomStringConvertible {
    let description: String
    /// Makes what the cases of one run share, then one case after the other.
    let prepare: @Sendable () throws -> (inout Mutator) throws -> BrowserVerifier.Case
  }

  /// Bytes with one change, or with several.
  static func changed(_ bytes: [UInt8], _ random: inout Mutator) -> [UInt8] {
    var bytes = random.bytes(bytes)
    while random.once(in: 4) { bytes = random.bytes(bytes) }
    return bytes
  }

  /// A certificate or a revocation list with changes in what is signed, and signed with them.
  static func resigned(_ der: [UInt8], _ key: CertificateSigningKey, _ random: inout Mutator) throws -> [UInt8] {
    guard let outer = DERNode.read(der), var tbs = outer.children?.first,
      let algorithm = outer.children?.dropFirst().first
    else { return der }
    repeat { tbs = tbs.mutated(&random) } while random.once(in: 4)
    var stated = algorithm.encoded
    if random.once(in: 10) { stated = algorithm.mutated(&random).encoded }
    if random.once(in: 20) {
      // The change inside, too: else the two differ.
      let place = tbs.children?.firstIndex { $0.encoded == algorithm.encoded }
      if let place, let node = DERNode.read(stated) { tbs.children?[place] = node }
    }
    let signed = tbs.encoded
    return DERWriter.sequence(signed, stated, DERWriter.bitString(try key.sign(signed)))
  }

  static func base(_ name: String, _ make: @escaping @Sendable () throws -> [BrowserVerifier.Case]) -> Source {
    Source(description: name) {
      let cases = try make()
      return { random in
        var item = random.pick(cases)
        switch random.below(20) {
        case 0:
          item.policy = random.json(item.policy)
          item.name += ", policy"
        case 1:
          item.at += random.pick([-1, 1, 3_600_000, -3_600_000, 400_000_000_000, -400_000_000_000])
          item.name += ", time"
        default:
          repeat { item.evidence = random.json(item.evidence) } while random.once(in: 5)
        }
        return item
      }
    }
  }

  static let sources: [Source] = [
    base("tpm") { try [.p256(), .rsa()].map { (scenario: TPMScenario) in scenario.browserCase("tpm") } },
    base("gcp") {
      var cases = [try GCPScenario().browserCase("gcp")]
      if Vectors.available {
        cases.append(
          BrowserVerifier.Case(
            name: "gcp of a machine", evidence: try GCPVectorTests.evidence("gce-cos-85-nonce9009.pb").json,
            policy: GCPVectorTests.policy, at: GCPVectorTests.at, binding: .bytes(GCPVectorTests.nonce)))
      }
      return cases
    },
    base("snp") { try SNPMutationTests.valid().map { $0.item("snp", $0.evidence) } },
    base("azure") { try AzureMutationTests.valid().map { $0.item("azure", $0.evidence) } },
    base("tdx") {
      let mint = try TDXMint()
      var cases = [
        BrowserVerifier.Case(
          name: "tdx", evidence: Evidence(try mint.evidence()).json,
          policy: TDXSamples.policyJSON(anchors: [mint.anchorJSON]), at: TDXMint.time, binding: .any)
      ]
      if Vectors.available {
        cases.append(
          BrowserVerifier.Case(
            name: "tdx of a machine", evidence: Evidence(try TDXSamples.complete()).json,
            policy: TDXSamples.policyJSON(), at: TDXSamples.collateralTime, binding: .any))
      }
      return cases
    },
    base("nitro") {
      let mint = try NitroMint()
      let anchors = NitroPolicies.anchors(mint.root.certificate)
      let nonce = NitroMintTests.nonce
      var cases = [
        BrowserVerifier.Case(
          name: "nitro", evidence: Evidence(NitroEvidence(document: try mint.sign(mint.enclave(nonce: nonce)))).json,
          policy: SNPPolicies.appraisal("nitro-enclave", NitroPolicies.enclave, anchors: anchors),
          at: NitroMintTests.at, binding: .bytes(nonce)),
        BrowserVerifier.Case(
          name: "nitrotpm", evidence: Evidence(try mint.instanceEvidence(try .rsa(), nonce: nonce)).json,
          policy: SNPPolicies.appraisal("nitrotpm", NitroPolicies.instance, anchors: anchors),
          at: NitroMintTests.at, binding: .bytes(nonce)),
      ]
      if Vectors.available {
        cases.append(
          BrowserVerifier.Case(
            name: "nitro of a machine",
            evidence: Evidence(
              NitroEvidence(document: try NitroVectors.document(NitroVectors.production + "doc.cose"))
            ).json,
            policy: SNPPolicies.appraisal("nitro-enclave", NitroPolicies.enclave), at: NitroVectors.productionTime,
            binding: .any))
        cases.append(
          BrowserVerifier.Case(
            name: "nitrotpm of a machine", evidence: Evidence(try NitroVectors.instanceEvidence()).json,
            policy: SNPPolicies.appraisal("nitrotpm", NitroPolicies.instance), at: NitroVectors.instanceTime,
            binding: .bytes(NitroVectors.nonce)))
      }
      return cases
    },
    base("combined") { try CombinedEvidenceTests.scenarios().map { $0.item("combined \($0.kinds)") } },
    Source(description: "certificates") {
      let keys = [
        MintKeys.p256, MintKeys.p384, .rsaPKCS1(try MintKeys.otherRSA2048(), .sha256),
        .rsaPSS(try MintKeys.otherRSA2048(), .sha384),
      ]
      let scenario = try TPMScenario.p256()
      let rsa = try TPMScenario.rsa()
      return { random in
        var item = random.once(in: 4) ? rsa : scenario
        let (above, below) = (random.pick(keys), random.pick(keys))
        let root = try CertificateMint.root("Root", key: above)
        let issuer = try root.authority("Issuer", key: below, serialNumber: [9])
        var chain = [try item.mint.certificate(by: issuer).der, issuer.certificate.der, root.certificate.der]
        let index = random.pick([0, 0, 1, 2])
        chain[index] = try resigned(chain[index], [issuer.key, root.key, root.key][index], &random)
        item.evidence.certificates = [chain[0], chain[1]]
        var policy = item.policy
        if case .object(var object) = policy {
          object["anchors"] = [
            [
              "name": "test root", "purpose": "tpm", "certificate": .string(Base64.encode(chain[2])),
              "assurance": "software",
            ]
          ]
          policy = .object(object)
        }
        item.policy = policy
        return item.browserCase("certificate \(index)")
      }
    },
    Source(description: "paths") {
      // The one kind whose evidence may carry more certificates than the path has.
      let genuine = try GCPScenario(banks: [.sha256])
      let keys = [MintKeys.p256, MintKeys.otherP256, MintKeys.p384, MintKeys.otherP384]
      let names = ["A", "B", "C", "D"]
      return { random in
        var item = genuine.browserCase("path")
        func end(_ random: inout Mutator) -> Int64 {
          random.pick([
            CertificateMint.notAfter, CertificateMint.notAfter - 86_400_000, GCPScenario.at - 1000, GCPScenario.at,
            GCPScenario.at + 5000,
          ])
        }
        func authority(_ random: inout Mutator) throws -> Certificate {
          let (subject, issuer) = (random.below(4), random.below(4))
          // The key goes with the name, most times.
          let key = keys[random.once(in: 20) ? random.below(4) : subject]
          let signer = keys[random.once(in: 20) ? random.below(4) : issuer]
          var extensions: [CertificateExtension] = []
          if !random.once(in: 20) {
            let isAuthority = !random.once(in: 20)
            let limit = isAuthority && random.once(in: 4) ? UInt8(random.below(3)) : nil
            extensions.append(.basicConstraints(isAuthority: isAuthority, pathLength: limit))
          }
          if !random.once(in: 4) {
            extensions.append(.keyUsage(random.once(in: 20) ? .digitalSignature : [.keyCertSign]))
          }
          if random.once(in: 20) {
            extensions.append(CertificateExtension(OID(1, 2, 3), isCritical: random.once(in: 2), value: [5, 0]))
          }
          let draft = CertificateDraft(
            serialNumber: [UInt8(1 + random.below(120))], subject: DistinguishedName(commonName: names[subject]),
            publicKey: key.publicKey, notBefore: CertificateMint.notBefore + (random.once(in: 20) ? 2000 : 0),
            notAfter: random.once(in: 4) ? end(&random) : CertificateMint.notAfter, extensions: extensions)
          return try draft.signed(by: signer, issuer: DistinguishedName(commonName: names[issuer]))
        }
        let count = random.once(in: 30) ? 17 : 1 + random.below(6)
        var pool: [Certificate] = []
        while pool.count < count {
          if let made = try? authority(&random) { pool.append(made) }
        }
        var anchors: [Certificate] = []
        while anchors.count < 1 + random.below(2) {
          if let made = try? authority(&random) { anchors.append(made) }
        }
        if random.once(in: 3), let first = pool.first { anchors.append(first) }
        if random.once(in: 3), let first = pool.first { pool.append(first) }
        pool.shuffle(using: &random)
        let issuer = random.below(4)
        let leaf = try CertificateDraft(
          serialNumber: [1], subject: DistinguishedName(commonName: random.pick(names + ["Leaf"])),
          publicKey: genuine.mint.mint.publicKey, notBefore: CertificateMint.notBefore,
          notAfter: CertificateMint.notAfter,
          extensions: [
            CertificateExtension(GCPMint.extensionIdentifier, isCritical: false, value: genuine.mint.extensionValue)
          ] + (random.once(in: 3) ? [.keyUsage(random.once(in: 2) ? .keyAgreement : .digitalSignature)] : [])
        ).signed(by: keys[issuer], issuer: DistinguishedName(commonName: names[issuer]))
        let certificates = ([leaf.der] + pool.map(\.der)).map { JSON.string(Base64.encode($0)) }
        item.evidence = item.evidence.setting("akCertificates", to: .array(certificates))
        let roots = anchors.enumerated().map { index, anchor -> JSON in
          [
            "name": .string("root \(index)"), "purpose": "google-vtpm",
            "certificate": .string(Base64.encode(anchor.der)),
            "assurance": index == 0 ? "software" : "hardware",
          ]
        }
        item.policy = item.policy.setting("anchors", to: .array(roots))
          .setting("assurance", to: random.once(in: 2) ? "any" : "hardware")
        return item
      }
    },
    Source(description: "collateral") {
      let genuine = try TDXMint()
      let chain = try genuine.chain()
      let collateral = try genuine.collateral()
      let authority = try genuine.authority()
      let strict = TDXSamples.policyJSON(
        ["collateral": "required", "evaluationNumber": 17, "advisories": ["INTEL-SA-00001"]],
        anchors: [genuine.anchorJSON])
      let lenient = TDXSamples.policyJSON(anchors: [genuine.anchorJSON])
      return { random in
        var mint = genuine
        var anchor = mint.anchorJSON
        let kind = random.below(9)
        switch kind {
        case 0: mint.rootCRL = try resigned(collateral.rootCRL, mint.root.key, &random)
        case 1:
          mint.pckCRL = try resigned(
            try authority.revocationList(
              revoking: [[5], [6], [7]], extensions: [.authorityKeyIdentifier(of: authority.key.publicKey)]
            ).der, authority.key, &random)
        case 2: mint.certificates = [try resigned(chain[0], authority.key, &random), chain[1], chain[2]]
        case 3: mint.certificates = [chain[0], try resigned(chain[1], mint.root.key, &random), chain[2]]
        case 4: mint.signerCertificate = try resigned(collateral.tcbInfoChain[0], mint.root.key, &random)
        case 5:
          mint.tcbInfoText =
            random.once(in: 4)
            ? random.raw(collateral.tcbInfo.document)
            : random.json(try JSON(parsing: collateral.tcbInfo.document, limits: Mutator.limits)).canonicalBytes()
        case 6:
          mint.qeIdentityText =
            random.once(in: 4)
            ? random.raw(collateral.qeIdentity.document)
            : random.json(try JSON(parsing: collateral.qeIdentity.document, limits: Mutator.limits)).canonicalBytes()
        case 7:
          mint.certificates = chain
          let root = try resigned(chain[2], mint.root.key, &random)
          mint.certificates?[2] = root
          if case .object(var object) = anchor {
            object["certificate"] = .string(Base64.encode(root))
            anchor = .object(object)
          }
        default:
          let name = random.pick(TDXMint.layout.map(\.name))
          mint.bodyType = random.pick([2, 2, 3])
          mint.version = random.pick([4, 5])
          if let size = TDXMint.layout.first(where: { $0.name == name })?.count {
            mint.report[name] = (0..<size).map { _ in UInt8(random.below(256)) & UInt8(random.pick([1, 255, 0])) }
          }
          if random.once(in: 3) { mint.components = (0..<16).map { _ in UInt8(random.below(4)) } }
          if random.once(in: 3) { mint.enclaveAttributes[random.below(16)] ^= 1 << UInt8(random.below(8)) }
          mint.pceSVN = UInt8(random.pick([11, 5, 4]))
          mint.enclaveVersion = UInt8(random.below(8))
        }
        var policy = random.once(in: 2) ? strict : lenient
        if kind == 7, case .object(var object) = policy {
          object["anchors"] = [anchor]
          policy = .object(object)
        }
        return BrowserVerifier.Case(
          name: "collateral \(kind)", evidence: Evidence(try mint.evidence()).json, policy: policy, at: TDXMint.time,
          binding: .any)
      }
    },
    Source(description: "PCK extension") {
      let genuine = try TDXMint()
      let tree = DERNode.read(genuine.encodedPlatform())
      return { random in
        var mint = genuine
        if var tree {
          repeat { tree = tree.mutated(&random) } while random.once(in: 4)
          mint.sgxExtension = tree.encoded
        }
        return BrowserVerifier.Case(
          name: "PCK extension", evidence: Evidence(try mint.evidence()).json,
          policy: TDXSamples.policyJSON(anchors: [genuine.anchorJSON]), at: TDXMint.time, binding: .any)
      }
    },
    Source(description: "VCEK") {
      let mints = try [SNPProduct.milan, .genoa, .turin].flatMap { product in
        try [SNPReport.SigningKey.vcek, .vlek].map { try SNPMint(product: product, signingKey: $0) }
      }
      let key = try MintKeys.otherRSA4096PSS()
      return { random in
        let mint = random.pick(mints)
        let version = UInt32(random.pick([3, 4, 5]))
        let report = try mint.report(SNPMint.Fields(binding: [1, 2, 3]) { $0.version = version }) { bytes in
          if random.once(in: 2) { bytes[random.below(0x2A0)] ^= 1 << UInt8(random.below(8)) }
        }
        var certificates = mint.certificates
        if random.once(in: 3) { certificates[0] = try resigned(certificates[0], key, &random) }
        return BrowserVerifier.Case(
          name: "VCEK", evidence: Evidence(SNPEvidence(report: report, certificates: certificates)).json,
          policy: SNPPolicies.appraisal(anchors: SNPMinted.anchors(mint)), at: SNPMinted.at, binding: .bytes([1, 2, 3]))
      }
    },
    Source(description: "quotes") {
      let scenarios = [try TPMScenario.p256(), try TPMScenario.rsa()]
      return { random in
        var item = random.pick(scenarios)
        item.evidence.quote = changed(item.evidence.quote, &random)
        item.evidence.signature = try item.mint.sign(item.evidence.quote)
        return item.browserCase("quote")
      }
    },
    Source(description: "instances of Google") {
      let value = DERNode.read(GCPMint().extensionValue)
      return { random in
        var tree = value
        repeat { tree = tree?.mutated(&random) } while random.once(in: 4)
        return try GCPScenario(banks: [.sha256], value: tree?.encoded).browserCase("instance")
      }
    },
    Source(description: "runtime data") {
      let hardware = try SNPMint()
      return { random in
        var mint = try AzureMint(hardware: hardware, extraData: AzureMutationTests.nonce)
        mint.runtimeData =
          random.once(in: 4)
          ? random.raw(mint.runtimeData)
          : random.json(try JSON(parsing: mint.runtimeData, limits: Mutator.limits)).canonicalBytes()
        let valid = AzureMutationTests.Valid(
          description: "minted", evidence: try mint.evidence(), at: SNPMinted.at, anchors: SNPMinted.anchors(hardware))
        return valid.item("runtime data", valid.evidence)
      }
    },
    Source(description: "documents") {
      let mint = try NitroMint()
      let anchors = NitroPolicies.anchors(mint.root.certificate)
      let nonce = NitroMintTests.nonce
      return { random in
        var mint = mint
        if random.once(in: 6) {
          mint.leaf = (try? Certificate(der: resigned(mint.leaf.der, mint.authority.key, &random))) ?? mint.leaf
        }
        let whole = mint.enclave(nonce: nonce, userData: [1], publicKey: [2])
        let document = try mint.sign(whole) { message in
          if !random.once(in: 6), var tree = CBORNode.read(message.payload) {
            repeat { tree = tree.mutated(&random) } while random.once(in: 4)
            message.payload = tree.encoded
          } else {
            message.payload = random.raw(message.payload)
          }
        }
        return BrowserVerifier.Case(
          name: "document", evidence: Evidence(NitroEvidence(document: document)).json,
          policy: SNPPolicies.appraisal("nitro-enclave", NitroPolicies.enclave, anchors: anchors),
          at: NitroMintTests.at, binding: .bytes(nonce))
      }
    },
  ]

  @Test(arguments: sources) func bothSaidTheSame(_ source: Source) throws {
    var random = Mutator(seed: UInt64(Self.setting("SAFEBOX_SEED", 1)))
    let make = try source.prepare()
    var left = Self.setting("SAFEBOX_MUTATIONS", 15)
    var differing = 0
    while left > 0 {
      let cases = try (0..<min(left, 500)).map { _ in try make(&random) }
      left -= cases.count
      for (item, page) in zip(cases, try BrowserVerifier.page(cases)) {
        let ours = BrowserVerifier.ours(item)
        guard page != ours else { continue }
        differing += 1
        if let path = ProcessInfo.processInfo.environment["SAFEBOX_DIFFERENCES"] {
          let record: JSON = [
            "name": .string(item.name), "source": .string(source.description), "evidence": item.evidence,
            "policy": item.policy, "at": .integer(item.at), "ours": ours, "page": page,
            "nonce": .string({ if case .bytes(let bytes) = item.binding { Hex.encode(bytes) } else { "any" } }()),
          ]
          let name = "\(path)/\(source.description.replacingOccurrences(of: " ", with: "-"))-\(differing).json"
          try Data(record.canonicalBytes()).write(to: URL(fileURLWithPath: name))
        }
      }
    }
    #expect(differing == 0, "\(source)")
  }
}
