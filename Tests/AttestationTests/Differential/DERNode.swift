import Cryptography

/// An element of DER to be changed and written again, in ways that DER does not have if need be.
struct DERNode: Sendable {
  var tag: UInt8
  /// Where it is not primitive, or wraps another encoding.
  var children: [DERNode]?
  var content: [UInt8] = []
  /// Before the children: the number of unused bits.
  var prefix: [UInt8] = []
  var form = Form.shortest

  enum Form: Sendable { case shortest, longer, muchLonger, indefinite, short, long }

  /// The one element that the bytes are, however deep.
  static func read(_ bytes: [UInt8], depth: Int = 0) -> DERNode? {
    guard let list = list(bytes[...], depth: depth), list.count == 1 else { return nil }
    return list[0]
  }

  private static func list(_ bytes: ArraySlice<UInt8>, depth: Int) -> [DERNode]? {
    guard depth < 24, var reader = try? DERReader(bytes) else { return nil }
    var nodes: [DERNode] = []
    while !reader.isAtEnd {
      guard let element = try? reader.anyElement("element") else { return nil }
      var node = DERNode(tag: element.tag.byte)
      let inner: [DERNode]? =
        switch element.tag.byte {
        case 0x04 where element.content.count > 1: list(element.content, depth: depth + 1)
        case 0x03 where element.content.first == 0 && element.content.count > 2:
          list(element.content.dropFirst(), depth: depth + 1)
        case let tag where tag & 0x20 != 0: list(element.content, depth: depth + 1)
        default: nil
        }
      if let inner {
        node.children = inner
        if element.tag.byte == 0x03 { node.prefix = [0] }
      } else {
        node.content = Array(element.content)
      }
      nodes.append(node)
    }
    return nodes
  }

  var encoded: [UInt8] {
    let body = prefix + (children.map { $0.flatMap(\.encoded) } ?? content)
    func big(_ least: Int) -> [UInt8] {
      var digits: [UInt8] = []
      var rest = body.count
      while rest > 0 || digits.count < least {
        digits.insert(UInt8(rest & 0xFF), at: 0)
        rest >>= 8
      }
      return [0x80 | UInt8(digits.count)] + digits
    }
    let needed = big(0).count - 1
    switch form {
    case .shortest: return [tag] + (body.count < 0x80 ? [UInt8(body.count)] : big(0)) + body
    case .longer: return [tag] + big(body.count < 0x80 ? 1 : needed + 1) + body
    case .muchLonger: return [tag] + big(5) + body
    case .indefinite: return [tag, 0x80] + body + [0, 0]
    case .short: return [tag] + big(4) + body.dropLast()
    case .long: return [tag, UInt8(min(body.count + 1, 0x7F))] + body
    }
  }

  // MARK: Changes

  private static func element(_ tag: UInt8, _ content: [UInt8]) -> DERNode { DERNode(tag: tag, content: content) }

  private static func item(_ oid: OID, _ critical: Bool, _ value: [UInt8]) -> [DERNode] {
    read(CertificateExtension(oid, isCritical: critical, value: value).der).map { [$0] } ?? []
  }

  /// Whole extensions, which a reader understands or does not.
  static let extensions: [DERNode] = {
    let unknown = OID(1, 3, 6, 1, 4, 1, 99999, 1)
    var all: [DERNode] = []
    for critical in [true, false] {
      all += item(unknown, critical, [5, 0]) + item(OID(2, 5, 29, 30), critical, [0x30, 0])
      for value: [UInt8] in [
        [], [0x30, 0], [0x30, 3, 1, 1, 0xFF], [0x30, 3, 1, 1, 0], [0x30, 3, 1, 1, 1], [0x30, 6, 1, 1, 0xFF, 2, 1, 0],
        [0x30, 6, 1, 1, 0xFF, 2, 1, 1], [0x30, 6, 1, 1, 0xFF, 2, 1, 0xFF], [0x30, 3, 2, 1, 0],
        [0x30, 7, 1, 1, 0xFF, 2, 2, 0, 0xFF], [0x30, 7, 1, 1, 0xFF, 2, 2, 1, 0],
      ] { all += item(.basicConstraints, critical, value) }
      for value: [UInt8] in [
        [3, 2, 7, 0x80], [3, 2, 2, 4], [3, 2, 1, 6], [3, 2, 1, 0x86], [3, 2, 0, 0x80], [3, 2, 7, 0xFF], [3, 1, 0],
        [3, 1, 1], [3, 3, 7, 0, 0x80], [3, 3, 6, 0, 0x40], [3, 2, 8, 0x80], [3, 0], [3, 2, 6, 0x40], [3, 2, 0, 0],
        [3, 6, 0, 0x80, 0, 0, 0, 0], [3, 5, 0, 0x80, 0, 0, 0],
      ] { all += item(.keyUsage, critical, value) }
      for purposes in [[], [OID(2, 23, 133, 8, 3)], [OID(2, 23, 133, 8, 1)], [OID(2, 5, 29, 37, 0)]] as [[OID]] {
        all += item(
          .extendedKeyUsage, critical, DERWriter.element(0x30, purposes.flatMap { DERWriter.objectIdentifier($0) }))
      }
      all += item(.subjectAlternativeName, critical, [0x30, 0])
      all += item(.subjectKeyIdentifier, critical, [4, 0]) + item(.subjectKeyIdentifier, critical, [5, 0])
      for value: [UInt8] in [
        [0x30, 0], [0x30, 3, 0x80, 1, 1], [0x30, 2, 0xA1, 0], [0x30, 5, 0xA1, 0, 0x82, 1, 1], [0x30, 3, 0x82, 1, 1],
        [0x30, 8, 0x80, 1, 1, 0xA1, 0, 0x82, 1, 1],
      ] { all += item(.authorityKeyIdentifier, critical, value) }
      for value: [UInt8] in [[2, 1, 1], [2, 1, 0x80], [2, 0], [2, 2, 0, 1]] {
        all += item(.crlNumber, critical, value)
      }
      // Of revocation lists: what makes them partial, indirect, and their entries another issuer's.
      all += item(OID(2, 5, 29, 27), critical, [2, 1, 1]) + item(OID(2, 5, 29, 28), critical, [0x30, 0])
      all +=
        item(OID(2, 5, 29, 29), critical, [0x30, 0]) + item(OID(2, 5, 29, 21), critical, [0x0A, 1, 1])
    }
    return all
  }()

  private static let times: [DERNode] =
    [
      "240101000000Z", "2401010000Z", "240101000000+0100", "240101000000", "240230000000Z", "240229000000Z",
      "230229000000Z", "240101240000Z", "240101006000Z", "240101000060Z", "500101000000Z", "490101000000Z",
      "341231235959Z", "240101000000.5Z", "241301000000Z", "240001000000Z", "240100000000Z", "2401010000Z0",
      "２40101000000Z", "24010100000 Z", "-40101000000Z", "240101000001Z",
    ].map { element(0x17, Array($0.utf8)) }
    + [
      "20240101000000Z", "20500101000000Z", "20491231235959Z", "99991231235959Z", "19500101000000Z", "19491231235959Z",
      "00000101000000Z", "00010101000000Z", "20500101000000.5Z", "20500101000000", "20500101000000+0000",
      "205001010000Z", "20500101Z", "21000229000000Z", "24000229000000Z", "19000101000000Z", "20500101000000ZZ",
      "00990101000000Z", "00491231000000Z",
    ].map { element(0x18, Array($0.utf8)) }

  private static let integers: [[UInt8]] = [
    [], [0], [1], [2], [3], [0x7F], [0x80], [0xFF], [0, 0x80], [0, 0xFF], [0, 1], [0xFF, 0x80], [0xFF, 0x7F],
    [1, 0, 0], [1, 0, 1], [0, 1, 0, 1], [0x7F, 0xFF, 0xFF, 0xFF], [0, 0xFF, 0xFF, 0xFF, 0xFF],
    [1, 0, 0, 0, 1], [0x7F] + [UInt8](repeating: 0xFF, count: 7), [0, 0x80] + [UInt8](repeating: 0, count: 7),
    [UInt8](repeating: 0x55, count: 20), [UInt8](repeating: 0x55, count: 21), [0] + [UInt8](repeating: 0xFF, count: 20),
    [0] + [UInt8](repeating: 0xFF, count: 21),
  ]

  private static let identifiers: [[UInt8]] = [
    [], [0x2A], [0x2A, 0x80, 1], [0x2A, 0x81], [0x80, 1], [0x2A] + [UInt8](repeating: 0xFF, count: 8) + [0x7F],
    [0x2A] + [UInt8](repeating: 0xFF, count: 9) + [0x7F], [UInt8](repeating: 0x2A, count: 64),
    [UInt8](repeating: 0x2A, count: 65), [0x81, 0x34, 1], [0x55, 4, 3], [0x55, 0x1D, 0x0F], [0x55, 0x1D, 0x13],
    [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2], [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3],
    [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 4], [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1],
    [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1], [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 5],
    [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 0x0B], [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 0x0A],
    [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2],
    [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], [0x2B, 0x0E, 3, 2, 0x1A], [0x2B, 0x81, 4, 0, 0x22],
  ]

  private static let stray: [DERNode] = [
    element(0x05, []), element(0x05, [0]), element(0x01, [0xFF]), element(0x01, [0]), element(0x01, [1]),
    element(0x30, []), element(0x31, []), element(0x02, [1]), element(0x04, []), element(0x03, [0]),
    element(0x81, [0, 1]),
    element(0x82, [0, 1]), element(0xA0, []), element(0xA3, [0x02, 1, 1]), element(0x1F, [1]), element(0xBF, [1]),
    element(0x0C, Array("text".utf8)),
  ]

  /// With one change somewhere inside.
  func mutated(_ random: inout Mutator) -> DERNode {
    var copy = self
    if let count = children?.count, count > 0, !random.once(in: 6) {
      let (index, other) = (random.below(count), random.below(count))
      switch random.below(16) {
      case 0: copy.children?.remove(at: index)
      case 1: copy.children?.insert(children?[index] ?? self, at: index)
      case 2: copy.children?.swapAt(index, other)
      case 3: copy.children?.insert(random.pick(Self.stray), at: other)
      case 4: copy.children?[index] = random.pick(Self.stray)
      case 5 where looksLikeExtensions: copy.children?.append(random.pick(Self.extensions))
      case 6...8 where looksLikeExtensions:
        let extra = random.pick(Self.extensions)
        let same = children?.firstIndex { $0.children?.first?.content == extra.children?.first?.content }
        if let same { copy.children?[same] = extra } else { copy.children?.append(extra) }
      default:
        if let inner = children?[index].mutated(&random) { copy.children?[index] = inner }
      }
      return copy
    }
    switch random.below(10) {
    case 0: copy.form = random.pick([.longer, .muchLonger, .indefinite, .short, .long])
    case 1:
      copy.tag = random.pick([0x02, 0x04, 0x0C, 0x13, 0x16, 0x14, 0x1E, 0x30, 0x31, 0x17, 0x18, tag ^ 0x20, 0x80])
    default:
      if copy.children != nil {
        copy.content = random.raw(children?.flatMap(\.encoded) ?? [])
        copy.children = nil
        return copy
      }
      switch tag {
      case 0x17, 0x18: if !random.once(in: 6) { return random.pick(Self.times) }
      case 0x02, 0x0A:
        if !random.once(in: 4) {
          copy.content = random.once(in: 5) ? [0] + content : random.pick(Self.integers)
          return copy
        }
      case 0x06:
        if !random.once(in: 4) {
          copy.content = random.pick(Self.identifiers)
          return copy
        }
      case 0x01:
        copy.content = random.pick([[0], [1], [0xFF], [], [0xFF, 0xFF]])
        return copy
      default: break
      }
      copy.content = random.raw(content)
    }
    return copy
  }

  private var looksLikeExtensions: Bool {
    children?.allSatisfy { $0.tag == 0x30 && $0.children?.first?.tag == 0x06 && $0.children?.last?.tag == 0x04 }
      ?? false
  }
}
