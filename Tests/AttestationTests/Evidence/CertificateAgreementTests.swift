import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Certificates above the leaf, paths and revocation lists with one defect each, signed with it: this package and the page decide
/// alike, and as the name of the case says.
@Suite struct CertificateAgreementTests {
  struct Item {
    var item: BrowserVerifier.Case
    var isAccepted: Bool
  }

  static func expect(_ items: [Item]) throws {
    for item in items {
      let verdict = BrowserVerifier.ours(item.item)["verdict"]?.string
      #expect(verdict == (item.isAccepted ? "accepted" : "rejected"), "\(item.item.name)")
    }
  }

  // MARK: Issuers

  static func oid(_ numbers: UInt64...) -> [UInt8] {
    var bytes = [UInt8(numbers[0] * 40 + numbers[1])]
    for number in numbers.dropFirst(2) {
      var digits = [UInt8(number & 0x7F)]
      var rest = number >> 7
      while rest > 0 {
        digits.insert(UInt8(rest & 0x7F) | 0x80, at: 0)
        rest >>= 7
      }
      bytes += digits
    }
    return DERWriter.objectIdentifier(bytes)
  }

  static let rsaEncryption = oid(1, 2, 840, 113549, 1, 1, 1)

  static func rsaKey(
    _ modulus: [UInt8], _ exponent: [UInt8] = DERWriter.integer([1, 0, 1]), parameters: [UInt8] = DERWriter.null,
    inNumbers: [UInt8] = [], inKey: [UInt8] = [], inFields: [UInt8] = [], unused: UInt8 = 0
  ) -> [UInt8] {
    let numbers = DERWriter.sequence(modulus, exponent, inNumbers) + inKey
    return DERWriter.sequence(
      DERWriter.sequence(rsaEncryption, parameters), DERWriter.element(0x03, [unused] + numbers), inFields)
  }

  static func modulus(_ bits: Int) -> [UInt8] {
    let count = (bits + 7) / 8
    var bytes = [UInt8](repeating: 0xFF, count: count)
    bytes[0] = 0xFF >> UInt8(count * 8 - bits)
    return DERWriter.integer(bytes)
  }

  /// Keys of certificates that stand beside the path: reading them decides.
  static let keys: [(String, Bool, [UInt8])] = [
    ("2048 bits", true, rsaKey(modulus(2048))), ("8192 bits", true, rsaKey(modulus(8192))),
    ("2047 bits", false, rsaKey(modulus(2047))), ("8193 bits", false, rsaKey(modulus(8193))),
    ("an exponent of 2^32 - 1", true, rsaKey(modulus(2048), DERWriter.integer([0xFF, 0xFF, 0xFF, 0xFF]))),
    ("an exponent of five bytes", false, rsaKey(modulus(2048), DERWriter.integer([1, 0, 0, 0, 1]))),
    ("the exponent 3", false, rsaKey(modulus(2048), DERWriter.integer([3]))),
    ("the exponent 1", false, rsaKey(modulus(2048), DERWriter.integer([1]))),
    ("the exponent 65539", true, rsaKey(modulus(2048), DERWriter.integer([1, 0, 3]))),
    ("an even exponent", false, rsaKey(modulus(2048), DERWriter.integer([1, 0, 2]))),
    ("a negative modulus", false, rsaKey(DERWriter.element(0x02, [0x80] + [UInt8](repeating: 1, count: 255)))),
    ("a modulus with padding", false, rsaKey(DERWriter.element(0x02, [0, 0] + [UInt8](repeating: 0xFF, count: 256)))),
    ("no parameters", false, rsaKey(modulus(2048), parameters: [])),
    ("parameters that are not NULL", false, rsaKey(modulus(2048), parameters: DERWriter.octetString([]))),
    ("a NULL with content", false, rsaKey(modulus(2048), parameters: [5, 1, 0])),
    ("something after the parameters", false, rsaKey(modulus(2048), parameters: DERWriter.null + DERWriter.null)),
    ("something after the numbers", false, rsaKey(modulus(2048), inNumbers: DERWriter.null)),
    ("something after the key", false, rsaKey(modulus(2048), inKey: DERWriter.null)),
    ("something after the fields", false, rsaKey(modulus(2048), inFields: DERWriter.null)),
    ("unused bits", false, rsaKey(modulus(2048), unused: 1)),
  ]

  /// RSASSA-PSS parameters as an authority states them.
  static func pss(
    hash: [UInt8] = sha256, mgf: [UInt8] = oid(1, 2, 840, 113549, 1, 1, 8), maskHash: [UInt8] = sha256,
    salt: [UInt8] = DERWriter.integer([32]), trailer: [UInt8] = [], inHash: [UInt8] = [], inMask: [UInt8] = [],
    inMaskField: [UInt8] = [], inSalt: [UInt8] = [], behind: [UInt8] = [], outside: [UInt8] = []
  ) -> [UInt8] {
    DERWriter.sequence(
      oid(1, 2, 840, 113549, 1, 1, 10),
      DERWriter.sequence(
        DERWriter.element(0xA0, hash + inHash),
        DERWriter.element(0xA1, DERWriter.sequence(mgf, maskHash, inMask) + inMaskField),
        DERWriter.element(0xA2, salt + inSalt), trailer, behind), outside)
  }

  static let sha256 = DERWriter.sequence(oid(2, 16, 840, 1, 101, 3, 4, 2, 1), DERWriter.null)
  static let sha384 = DERWriter.sequence(oid(2, 16, 840, 1, 101, 3, 4, 2, 2), DERWriter.null)
  static let sha1 = DERWriter.sequence(oid(1, 3, 14, 3, 2, 26), DERWriter.null)

  /// What a certificate says of how it is signed; signed by RSASSA-PSS with SHA-256 in fact.
  static let algorithms: [(String, Bool, [UInt8])] = {
    let null = DERWriter.null
    let bare = DERWriter.sequence(oid(2, 16, 840, 1, 101, 3, 4, 2, 1))
    let odd = DERWriter.sequence(oid(2, 16, 840, 1, 101, 3, 4, 2, 1), DERWriter.octetString([]))
    let long = DERWriter.sequence(oid(2, 16, 840, 1, 101, 3, 4, 2, 1), null, null)
    return [
      ("plain", true, pss()), ("hashes without parameters", true, pss(hash: bare, maskHash: bare)),
      ("a hash with odd parameters", false, pss(hash: odd)), ("a hash with more", false, pss(hash: long)),
      ("SHA-1", false, pss(hash: sha1, maskHash: sha1, salt: DERWriter.integer([20]))),
      ("another mask", false, pss(mgf: oid(1, 2, 840, 113549, 1, 1, 9))),
      ("another hash for the mask", false, pss(maskHash: sha384)),
      ("another hash than the signature's", false, pss(hash: sha384, maskHash: sha384, salt: DERWriter.integer([48]))),
      ("a shorter salt", false, pss(salt: DERWriter.integer([31]))),
      ("a longer salt", false, pss(salt: DERWriter.integer([33]))),
      ("an empty salt", false, pss(salt: [2, 0])),
      ("a salt of eight bytes", false, pss(salt: DERWriter.integer([1, 0, 0, 0, 0, 0, 0, 32]))),
      ("the trailer written out", true, pss(trailer: DERWriter.element(0xA3, DERWriter.integer([1])))),
      ("another trailer", false, pss(trailer: DERWriter.element(0xA3, DERWriter.integer([2])))),
      ("more in the trailer", false, pss(trailer: DERWriter.element(0xA3, DERWriter.integer([1]) + null))),
      ("more in the hash", false, pss(inHash: null)), ("more in the mask", false, pss(inMask: null)),
      ("more behind the mask", false, pss(inMaskField: null)), ("more in the salt", false, pss(inSalt: null)),
      ("more behind the parameters", false, pss(outside: null)), ("more in the parameters", false, pss(behind: null)),
      ("PKCS #1", false, CertificateSignatureAlgorithm.rsaPKCS1(.sha256).der),
      ("PKCS #1 without parameters", false, DERWriter.sequence(oid(1, 2, 840, 113549, 1, 1, 11))),
      ("ECDSA", false, CertificateSignatureAlgorithm.ecdsa(.sha256).der),
      ("no algorithm that anybody knows", false, DERWriter.sequence(oid(1, 2, 3))),
    ]
  }()

  static func issuers() throws -> [Item] {
    var items: [Item] = []
    let scenario = try GCPScenario(banks: [.sha256])
    let root = scenario.root
    let leaf = try scenario.mint.certificate(by: scenario.issuer)
    func add(_ name: String, _ isAccepted: Bool, _ certificates: [[UInt8]], anchor: Certificate? = nil) {
      var item = scenario.browserCase(name)
      item.evidence = item.evidence.setting(
        "akCertificates", to: .array(certificates.map { .string(Base64.encode($0)) }))
      if let anchor { item.policy = GCPScenario.policy(anchor: anchor, GCPScenario.demands) }
      items.append(Item(item: item, isAccepted: isAccepted))
    }
    for (name, isAccepted, key) in keys {
      var parts = try X509Parts(issuer: root, publicKey: scenario.issuer.key.publicKey)
      parts.publicKey = key
      add(
        "a key with \(name)", isAccepted, [leaf.der, scenario.issuer.certificate.der, try parts.signed(by: root.key)])
    }
    // Who signed is decided by the signature, whatever name and number stand there.
    var named = try X509Parts(issuer: root, publicKey: scenario.issuer.key.publicKey)
    let identifier = DERWriter.sequence(
      DERWriter.element(0x80, [1]), DERWriter.element(0xA1, []), DERWriter.element(0x82, [7]))
    named.extensions.append(
      CertificateExtension(.authorityKeyIdentifier, isCritical: false, value: identifier).der)
    add(
      "an issuer's name and number", true, [leaf.der, scenario.issuer.certificate.der, try named.signed(by: root.key)])
    let key = CertificateSigningKey.rsaPSS(try MintKeys.rsa2048(), .sha256)
    let authority = try CertificateMint.root("PSS", key: key)
    let own = try scenario.mint.certificate(by: authority)
    for (name, isAccepted, algorithm) in algorithms {
      var parts = try X509Parts(issuer: authority, publicKey: scenario.mint.mint.publicKey)
      parts.extensions.append(
        CertificateExtension(
          GCPMint.extensionIdentifier, isCritical: false, value: scenario.mint.extensionValue
        ).der)
      parts.innerAlgorithm = algorithm
      parts.outerAlgorithm = algorithm
      add("signed with \(name)", isAccepted, [try parts.signed(by: key)], anchor: authority.certificate)
    }
    add("signed by its mint", true, [own.der], anchor: authority.certificate)
    return items
  }

  // MARK: Paths

  static func paths() throws -> [Item] {
    let genuine = try GCPScenario(banks: [.sha256])
    let (above, between, below) = (MintKeys.p256, MintKeys.p384, MintKeys.otherP256)
    var items: [Item] = []
    func certificate(
      _ subject: String, _ key: CertificateSigningKey, by issuer: String, _ signer: CertificateSigningKey,
      number: UInt8 = 5, pathLength: UInt8? = nil, from: Int64 = CertificateMint.notBefore,
      until: Int64 = CertificateMint.notAfter, extensions: [CertificateExtension]? = nil
    ) throws -> Certificate {
      try CertificateDraft(
        serialNumber: [number], subject: DistinguishedName(commonName: subject), publicKey: key.publicKey,
        notBefore: from, notAfter: until,
        extensions: extensions ?? [
          .basicConstraints(isAuthority: true, pathLength: pathLength), .keyUsage(.keyCertSign),
        ]
      ).signed(by: signer, issuer: DistinguishedName(commonName: issuer))
    }
    func leaf(by issuer: String, _ signer: CertificateSigningKey, _ usage: KeyUsage? = nil) throws -> Certificate {
      let value = CertificateExtension(
        GCPMint.extensionIdentifier, isCritical: false, value: genuine.mint.extensionValue)
      return try CertificateDraft(
        serialNumber: [1], subject: DistinguishedName(commonName: "Leaf"), publicKey: genuine.mint.mint.publicKey,
        notBefore: CertificateMint.notBefore, notAfter: CertificateMint.notAfter,
        extensions: [value] + (usage.map { [.keyUsage($0)] } ?? [])
      ).signed(by: signer, issuer: DistinguishedName(commonName: issuer))
    }
    func add(_ name: String, _ isAccepted: Bool, _ certificates: [Certificate], _ anchors: [Certificate]) {
      var item = genuine.browserCase(name)
      item.evidence = item.evidence.setting(
        "akCertificates", to: .array(certificates.map { .string(Base64.encode($0.der)) }))
      let list = anchors.enumerated().map { index, anchor -> JSON in
        [
          "name": .string("root \(index)"), "purpose": "google-vtpm", "assurance": "hardware",
          "certificate": .string(Base64.encode(anchor.der)),
        ]
      }
      item.policy = item.policy.setting("anchors", to: .array(list))
      items.append(Item(item: item, isAccepted: isAccepted))
    }
    let root = try certificate("R", above, by: "R", above, number: 1)
    let one = try leaf(by: "A", below)
    func single(_ name: String, _ isAccepted: Bool, _ authority: Certificate, _ anchor: Certificate? = nil) {
      add(name, isAccepted, [one, authority], [anchor ?? root])
    }
    let at = GCPScenario.at
    single("plain", true, try certificate("A", below, by: "R", above))
    single("ends now", true, try certificate("A", below, by: "R", above, until: at))
    single("ended", false, try certificate("A", below, by: "R", above, until: at - 1000))
    single("begins now", true, try certificate("A", below, by: "R", above, from: at))
    single("begins later", false, try certificate("A", below, by: "R", above, from: at + 1000))
    single("another's signature", false, try certificate("A", below, by: "R", between))
    single("another's name", false, try certificate("A", below, by: "S", above))
    single("another key", false, try certificate("A", between, by: "R", above))
    single("no extensions", false, try certificate("A", below, by: "R", above, extensions: []))
    single(
      "no authority", false,
      try certificate("A", below, by: "R", above, extensions: [.basicConstraints(isAuthority: false)]))
    single(
      "an authority that says nothing of its use", true,
      try certificate("A", below, by: "R", above, extensions: [.basicConstraints(isAuthority: true)]))
    single(
      "an authority for other uses", false,
      try certificate(
        "A", below, by: "R", above, extensions: [.basicConstraints(isAuthority: true), .keyUsage(.crlSign)]))
    single(
      "an authority with a critical extension", false,
      try certificate(
        "A", below, by: "R", above,
        extensions: [
          .basicConstraints(isAuthority: true), CertificateExtension(OID(1, 2, 3), isCritical: true, value: [5, 0]),
        ]))
    let plain = try certificate("A", below, by: "R", above)
    single("an anchor that ended", false, plain, try certificate("R", above, by: "R", above, until: at - 1000))
    single("an anchor that ends first", true, plain, try certificate("R", above, by: "R", above, until: at + 5000))
    single("an anchor that is no authority", false, plain, try certificate("R", above, by: "R", above, extensions: []))
    single("an anchor without room", false, plain, try certificate("R", above, by: "R", above, pathLength: 0))
    single("an anchor with room", true, plain, try certificate("R", above, by: "R", above, pathLength: 1))
    add("a leaf for signatures", true, [try leaf(by: "A", below, .digitalSignature), plain], [root])
    add("a leaf for no signatures", false, [try leaf(by: "A", below, .keyAgreement), plain], [root])
    add("an anchor as leaf's issuer", true, [try leaf(by: "R", above)], [root])
    add("no anchor", false, [one, plain], [])
    // Whoever issued itself a certificate of another key does not count against the length.
    let own = try certificate("A", below, by: "A", between, number: 6)
    let owner = try certificate("A", between, by: "R", above, number: 7, pathLength: 0)
    add("self-issued below a length of none", true, [one, own, owner], [root])
    let inner = try certificate("A", below, by: "B", between, number: 8)
    let outer = try certificate("B", between, by: "R", above, number: 9, pathLength: 0)
    add("another below a length of none", false, [one, inner, outer], [root])
    add(
      "two that sign each other", false,
      [one, try certificate("A", below, by: "B", between), try certificate("B", between, by: "A", below)], [root])
    add("the second of a name", true, [one, try certificate("A", between, by: "R", above), plain], [root])
    add(
      "an anchor of the name with another key first", true, [one, plain],
      [try certificate("R", between, by: "R", between), root])
    // Eight in a path are the most: the leaf, six between, the anchor.
    let names = ["A", "B", "C", "D", "E", "F", "G"]
    for count in [6, 7] {
      var chain = [try certificate(names[count - 1], below, by: "R", above)]
      for index in (0..<count - 1).reversed() {
        chain.append(try certificate(names[index], below, by: names[index + 1], below))
      }
      add("\(count) between", count == 6, [one] + chain, [root])
    }
    // Six of two names that issue each other, before the one that leads to the root: the search ends before it comes to that.
    var maze: [Certificate] = []
    for number in UInt8(20)..<23 {
      maze.append(try certificate("A", below, by: "B", below, number: number))
      maze.append(try certificate("B", below, by: "A", below, number: number))
    }
    let exit = try certificate("A", below, by: "R", above, number: 30, pathLength: 0)
    add("a maze whose exit comes first", true, [one, exit] + maze, [root])
    add("a maze whose exit comes last", false, [one] + maze + [exit], [root])
    return items
  }

  // MARK: Revocation lists

  static func list(
    version: [UInt8] = DERWriter.integer([1]), inner: [UInt8]? = nil, issuer: [UInt8]? = nil, this: [UInt8]? = nil,
    next: [UInt8]? = nil, entries: [UInt8] = [], extensions: [UInt8] = [], tail: [UInt8] = [],
    by authority: CertificateMint, key: CertificateSigningKey? = nil
  ) throws -> [UInt8] {
    let key = key ?? authority.key
    let tbs = DERWriter.sequence(
      version, inner ?? key.algorithm.der, issuer ?? authority.certificate.subject.der,
      try this ?? DERWriter.time(CertificateMint.notBefore / 1000),
      try next ?? DERWriter.time(CertificateMint.notAfter / 1000), entries, extensions, tail)
    return DERWriter.sequence(tbs, key.algorithm.der, DERWriter.bitString(try key.sign(tbs)))
  }

  static func lists() throws -> [Item] {
    let mint = try TDXMint()
    let root = mint.root
    var items: [Item] = []
    func add(_ name: String, _ isAccepted: Bool, _ changed: TDXMint) throws {
      items.append(
        Item(
          item: BrowserVerifier.Case(
            name: name, evidence: Evidence(try changed.evidence()).json,
            policy: TDXSamples.policyJSON(["collateral": "required"], anchors: [mint.anchorJSON]), at: TDXMint.time,
            binding: .any), isAccepted: isAccepted))
    }
    func add(_ name: String, _ isAccepted: Bool, _ list: [UInt8]) throws {
      var changed = mint
      changed.rootCRL = list
      try add("list: \(name)", isAccepted, changed)
    }
    let null = DERWriter.null
    let time = try DERWriter.time(TDXMint.time / 1000)
    func entry(_ number: [UInt8], _ rest: [UInt8] = []) -> [UInt8] { DERWriter.sequence(number, time, rest) }
    func entries(_ list: [UInt8]...) -> [UInt8] { DERWriter.element(0x30, list.flatMap { $0 }) }
    func ext(_ oid: OID, _ isCritical: Bool, _ value: [UInt8]) -> [UInt8] {
      CertificateExtension(oid, isCritical: isCritical, value: value).der
    }
    func field(_ list: [UInt8]..., inField: [UInt8] = []) -> [UInt8] {
      DERWriter.element(0xA0, DERWriter.element(0x30, list.flatMap { $0 }) + inField)
    }
    let reason = ext(OID(2, 5, 29, 21), false, [10, 1, 1])
    let number = ext(.crlNumber, false, DERWriter.integer([7]))
    try add("plain", true, try list(by: root))
    try add("version 1", false, try list(version: [], by: root))
    try add("version 3", false, try list(version: DERWriter.integer([2]), by: root))
    try add(
      "another algorithm inside", false, try list(inner: CertificateSignatureAlgorithm.ecdsa(.sha384).der, by: root))
    try add("an issuer without a name", false, try list(issuer: [0x30, 0], by: root))
    try add("another issuer", false, try list(issuer: DistinguishedName(commonName: "Another").der, by: root))
    try add("another's signature", false, try list(by: root, key: MintKeys.p384))
    try add("no next update", false, try list(next: [], by: root))
    try add("begins now", true, try list(this: time, by: root))
    try add("begins later", false, try list(this: try DERWriter.time(TDXMint.time / 1000 + 1), by: root))
    try add("ends now", true, try list(next: time, by: root))
    try add("ended", false, try list(next: try DERWriter.time(TDXMint.time / 1000 - 1), by: root))
    try add(
      "ends before it begins", false,
      try list(this: time, next: try DERWriter.time(CertificateMint.notBefore / 1000), by: root))
    try add(
      "a next update of 2050", true, try list(next: DERWriter.element(0x18, Array("20500101000000Z".utf8)), by: root))
    try add("an empty list of entries", false, try list(entries: [0x30, 0], by: root))
    try add("another entry", true, try list(entries: entries(entry(DERWriter.integer([5]))), by: root))
    try add(
      "the signer", false,
      try list(
        entries: entries(entry(DERWriter.integer([5])), entry(DERWriter.integer(TDXMint.signerSerial))), by: root))
    try add(
      "the authority", false,
      try list(entries: entries(entry(DERWriter.integer(TDXMint.authoritySerial), entries(reason))), by: root))
    try add("a reason", true, try list(entries: entries(entry(DERWriter.integer([5]), entries(reason))), by: root))
    try add(
      "another issuer of an entry", false,
      try list(
        entries: entries(entry(DERWriter.integer([5]), entries(ext(OID(2, 5, 29, 29), true, [0x30, 0])))), by: root))
    try add(
      "something in an entry", false,
      try list(entries: entries(entry(DERWriter.integer([5]), entries(reason) + null)), by: root))
    try add(
      "an entry without a time", false, try list(entries: entries(DERWriter.sequence(DERWriter.integer([5]))), by: root)
    )
    try add(
      "an entry's number of 21 bytes", false,
      try list(entries: entries(entry(DERWriter.integer([UInt8](repeating: 1, count: 21)))), by: root))
    try add("a number", true, try list(extensions: field(number), by: root))
    try add(
      "a number of 20 bytes", true,
      try list(extensions: field(ext(.crlNumber, false, DERWriter.integer([UInt8](repeating: 1, count: 20)))), by: root)
    )
    try add(
      "a number of 21 bytes", false,
      try list(extensions: field(ext(.crlNumber, false, DERWriter.integer([UInt8](repeating: 1, count: 21)))), by: root)
    )
    try add("a negative number", false, try list(extensions: field(ext(.crlNumber, false, [2, 1, 0x80])), by: root))
    try add(
      "something after the number", false,
      try list(extensions: field(ext(.crlNumber, false, DERWriter.integer([7]) + null)), by: root))
    try add(
      "a delta", false,
      try list(extensions: field(number, ext(OID(2, 5, 29, 27), true, DERWriter.integer([6]))), by: root))
    try add(
      "of some reasons only", false, try list(extensions: field(ext(OID(2, 5, 29, 28), true, [0x30, 0])), by: root))
    try add("an extension twice", false, try list(extensions: field(number, number), by: root))
    try add("something after the extensions", false, try list(extensions: field(number, inField: null), by: root))
    try add("something after the fields", false, try list(extensions: field(number), tail: null, by: root))
    // The authority's key, which says nothing of lists.
    let mute = try CertificateDraft(
      serialNumber: TDXMint.authoritySerial, subject: try mint.authority().certificate.subject,
      publicKey: try mint.authority().key.publicKey, notBefore: CertificateMint.notBefore,
      notAfter: CertificateMint.notAfter,
      extensions: [.basicConstraints(isAuthority: true, pathLength: 0), .keyUsage(.keyCertSign)]
    ).signed(by: root.key, issuer: root.certificate.subject)
    var copy = mint
    let chain = try mint.chain()
    copy.certificates = [chain[0], mute.der, chain[2]]
    try add("list of who signs no lists", false, copy)
    return items
  }

  @Test func issuersAreReadStrictly() throws { try Self.expect(try Self.issuers()) }
  @Test func pathsAreFoundWithinTheirLimits() throws { try Self.expect(try Self.paths()) }
  @Test func listsAreReadStrictly() throws { try Self.expect(try Self.lists()) }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence)) func thePageDecidesAlike() throws {
    try BrowserVerifier.expectAgreement((try Self.issuers() + Self.paths() + Self.lists()).map(\.item))
  }
}
