/// The name of a subject or issuer (RFC 5280 section 4.1.2.4).
///
/// Two names are the same where their bytes are: an issuer that spells its name otherwise in what it signs is another
/// issuer. (RFC 5280 section 7.1 would also let case and spaces differ; no chain that we know needs it.)
public struct DistinguishedName: Sendable, Hashable, CustomStringConvertible {
  /// The greatest number of attributes.
  public static let maxAttributes = 32

  /// One attribute with its value as text; text of unknown kinds in hexadecimal.
  public struct Attribute: Sendable, Hashable {
    public let type: OID
    public let value: String

    public init(type: OID, value: String) {
      self.type = type
      self.value = value
    }
  }

  /// The DER encoding.
  public let der: [UInt8]
  /// In the order of the encoding.
  public let attributes: [Attribute]

  public static func == (left: Self, right: Self) -> Bool { left.der == right.der }
  public func hash(into hasher: inout Hasher) { hasher.combine(der) }

  /// A name of attributes in UTF-8, one in each relative name: ours begin with what is most general.
  public init(_ attributes: [Attribute]) {
    self.attributes = attributes
    der = DERWriter.element(
      0x30,
      attributes.flatMap {
        DERWriter.set(DERWriter.sequence(DERWriter.objectIdentifier($0.type), DERWriter.utf8String($0.value)))
      })
  }

  /// A name of nothing but a common name.
  public init(commonName: String) { self.init([Attribute(type: .commonName, value: commonName)]) }

  init(_ reader: inout DERReader, _ field: String) throws(CryptographyError) {
    let element = try reader.tagged(.sequence, field)
    var names = try reader.inner(element.content, field)
    var attributes: [Attribute] = []
    while !names.isAtEnd {
      var set = try names.constructed(.set, "name")
      guard !set.isAtEnd else { throw set.malformed("attribute", "is missing") }
      while !set.isAtEnd {
        var pair = try set.sequence("attribute")
        let type = try pair.objectIdentifier("type")
        attributes.append(Attribute(type: type, value: Self.text(try pair.anyElement("value"))))
        try pair.finish()
        guard attributes.count <= Self.maxAttributes else {
          throw names.malformed("attribute", "more than \(Self.maxAttributes)")
        }
      }
    }
    der = [UInt8](element.encoded)
    self.attributes = attributes
  }

  private static func text(_ element: DERElement) -> String {
    switch element.tag {
    case .utf8String, .printableString, .ia5String, .teletexString: String(decoding: element.content, as: UTF8.self)
    default: Hex.encode(element.content)
    }
  }

  /// Whether it names nothing: allowed for a subject that its alternative names name.
  public var isEmpty: Bool { attributes.isEmpty }

  /// The values of an attribute, in order.
  public func values(_ type: OID) -> [String] { attributes.filter { $0.type == type }.map(\.value) }

  /// The one common name, or nil where there is none or more than one.
  public var commonName: String? {
    let names = values(.commonName)
    return names.count == 1 ? names[0] : nil
  }

  /// The values with commas between them, for people: `SEV-Milan, Advanced Micro Devices, ...`, the common name first.
  public var description: String {
    let names = attributes.filter { $0.type == .commonName } + attributes.filter { $0.type != .commonName }
    return names.isEmpty ? "(no name)" : names.map(\.value).joined(separator: ", ")
  }
}

extension OID {
  public static let commonName = OID(2, 5, 4, 3)
  public static let serialNumberAttribute = OID(2, 5, 4, 5)
}
