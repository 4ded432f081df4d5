public import Attestation
public import Cryptography

/// A Nitro security module of tests: makes attestation documents of enclaves and of instances with NitroTPM, as AWS's would
/// or as none would.
public struct NitroMint: Sendable {
  /// When documents are made, Unix milliseconds.
  public static let timestamp: Int64 = 1_750_000_000_000

  public let root: CertificateMint
  public let authority: CertificateMint
  public var leaf: Certificate
  public var key: P384.PrivateKey

  public init() throws {
    root = try .root("aws.nitro-enclaves", key: MintKeys.p384)
    authority = try root.authority("i-0123456789abcdef0.aws.nitro-enclaves", key: MintKeys.otherP384, pathLength: 0)
    key = MintKeys.machineP384
    leaf = try authority.leaf("i-0123456789abcdef0-enc", publicKey: .p384(key.publicKey))
  }

  /// The members of a document, in order; every one can be made wrong.
  public struct Document: Sendable {
    public var members: [(name: String, value: CBORItem)]
    /// AWS's documents end with a break instead of beginning with their size.
    public var isIndefinite = true

    /// Sets a member, or takes it out.
    public subscript(name: String) -> CBORItem? {
      get { members.first { $0.name == name }?.value }
      set {
        let index = members.firstIndex { $0.name == name }
        switch (index, newValue) {
        case (let index?, let value?): members[index].value = value
        case (let index?, nil): members.remove(at: index)
        case (nil, let value?): members.append((name, value))
        case (nil, nil): break
        }
      }
    }

    public var bytes: [UInt8] {
      let content = members.flatMap { CBORItem.text($0.name).encoded + $0.value.encoded }
      return isIndefinite ? [0xBF] + content + [0xFF] : CBORItem.head(5, UInt64(members.count)) + content
    }
  }

  /// A document of an enclave with registers 0 to 15, the first three measured.
  public func enclave(nonce: [UInt8]? = nil, userData: [UInt8]? = nil, publicKey: [UInt8]? = nil) -> Document {
    let pcrs = (0..<16).map { index in
      [UInt8](repeating: index < 3 ? UInt8(index + 1) : 0, count: 48)
    }
    return document(
      module: "i-0123456789abcdef0-enc0123456789abcdef", registers: "pcrs", pcrs, nonce, userData, publicKey)
  }

  /// A document of an instance with all 24 registers of bank SHA-384.
  public func instance(pcrs: [[UInt8]], nonce: [UInt8]?, publicKey: [UInt8]?) -> Document {
    document(
      module: "i-0123456789abcdef0-tpm0000000000000000", registers: "nitrotpm_pcrs", pcrs, nonce, nil, publicKey)
  }

  private func document(
    module: String, registers: String, _ pcrs: [[UInt8]], _ nonce: [UInt8]?, _ userData: [UInt8]?,
    _ publicKey: [UInt8]?
  ) -> Document {
    let pairs = pcrs.enumerated().map { CBORItem.Pair(.unsigned(UInt64($0.offset)), .bytes($0.element)) }
    return Document(members: [
      ("module_id", .text(module)), ("digest", .text("SHA384")), ("timestamp", .unsigned(UInt64(Self.timestamp))),
      (registers, .map(pairs)), ("certificate", .bytes(leaf.der)),
      ("cabundle", .array([.bytes(root.certificate.der), .bytes(authority.certificate.der)])),
      ("public_key", publicKey.map { .bytes($0) } ?? .null), ("user_data", userData.map { .bytes($0) } ?? .null),
      ("nonce", nonce.map { .bytes($0) } ?? .null),
    ])
  }

  /// The parts of a signed message; every one can be made wrong.
  public struct Message: Sendable {
    public var tag: UInt64?
    public var protectedHeader: [UInt8] = [0xA1, 0x01, 0x38, 0x22]
    public var unprotected: CBORItem = .map([])
    public var externalData: [UInt8] = []
    public var payload: [UInt8]
  }

  /// COSE_Sign1 over the document.
  public func sign(_ document: Document, change: (inout Message) -> Void = { _ in }) throws -> [UInt8] {
    var message = Message(payload: document.bytes)
    change(&message)
    let signed = CBORItem.array([
      .text("Signature1"), .bytes(message.protectedHeader), .bytes(message.externalData), .bytes(message.payload),
    ])
    let signature = try key.sign(signed.encoded, hash: .sha384).p1363
    let array = CBORItem.array([
      .bytes(message.protectedHeader), message.unprotected, .bytes(message.payload), .bytes(signature),
    ])
    return (message.tag.map { CBORItem.tagged($0, array) } ?? array).encoded
  }

  /// Document and quote of an instance whose attestation key is the one of the TPM.
  public func instanceEvidence(
    _ tpm: TPMMint, nonce: [UInt8], pcrs: [[UInt8]] = NitroMint.pcrs, logs: MeasurementLogs = MeasurementLogs(),
    document change: (inout Document) -> Void = { _ in }, quote changeQuote: (inout TPMMint.Quote) -> Void = { _ in }
  ) throws -> NitroTPMEvidence {
    let bank = try PCRBank(
      algorithm: .sha384, values: Dictionary(uniqueKeysWithValues: pcrs.enumerated().map { ($0, $1) }))
    var document = instance(pcrs: pcrs, nonce: nonce, publicKey: try tpm.area())
    change(&document)
    let quoted = try tpm.evidence([bank], extraData: nonce, change: changeQuote)
    return NitroTPMEvidence(
      document: try sign(document), quote: quoted.quote, signature: quoted.signature, pcrs: [bank], logs: logs)
  }

  /// Values of 24 registers.
  public static let pcrs = (0..<24).map { index in [UInt8](repeating: index < 8 ? UInt8(index + 1) : 0, count: 48) }
}

extension CBORItem {
  /// In the shortest form.
  public var encoded: [UInt8] {
    switch self {
    case .unsigned(let value): Self.head(0, value)
    case .negative(let value): Self.head(1, value)
    case .bytes(let bytes): Self.head(2, UInt64(bytes.count)) + bytes
    case .text(let text): Self.head(3, UInt64(text.utf8.count)) + [UInt8](text.utf8)
    case .array(let items): Self.head(4, UInt64(items.count)) + items.flatMap(\.encoded)
    case .map(let pairs): Self.head(5, UInt64(pairs.count)) + pairs.flatMap { $0.key.encoded + $0.value.encoded }
    case .tagged(let tag, let item): Self.head(6, tag) + item.encoded
    case .bool(let value): [value ? 0xF5 : 0xF4]
    case .null: [0xF6]
    }
  }

  public static func head(_ major: UInt8, _ value: UInt64) -> [UInt8] {
    let first = major << 5
    func bytes(_ count: Int) -> [UInt8] {
      (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
    switch value {
    case ..<24: return [first | UInt8(value)]
    case ..<0x100: return [first | 24] + bytes(1)
    case ..<0x1_0000: return [first | 25] + bytes(2)
    case ..<0x1_0000_0000: return [first | 26] + bytes(4)
    default: return [first | 27] + bytes(8)
    }
  }
}
