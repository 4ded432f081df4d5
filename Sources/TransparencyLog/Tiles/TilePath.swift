/// The address of one resource of a tiled log (C2SP tlog-tiles): a tile of hashes, or a bundle of entries.
public struct TilePath: Sendable, Hashable, CustomStringConvertible {
  /// Number of hashes in a full tile, and of entries in a full bundle.
  public static let fullWidth = 256

  public enum Content: Sendable, Hashable {
    /// Hashes of complete subtrees of 256^level leaves; 0...63.
    case hashes(level: Int)
    /// The entries themselves.
    case entries
  }

  public let content: Content
  /// Zero-based position among the tiles of this level.
  public let index: UInt64
  /// Number of hashes or entries: 256 for a full tile, 1...255 for a partial one.
  public let width: Int

  /// - Returns: nil when level or width is out of range.
  public init?(_ content: Content, index: UInt64, width: Int = TilePath.fullWidth) {
    if case .hashes(let level) = content, !(0...63).contains(level) { return nil }
    guard (1...TilePath.fullWidth).contains(width) else { return nil }
    self.init(unchecked: content, index: index, width: width)
  }

  init(unchecked content: Content, index: UInt64, width: Int) {
    self.content = content
    self.index = index
    self.width = width
  }

  /// Whether this is a tile at the growing edge.
  public var isPartial: Bool { width < TilePath.fullWidth }

  /// The path below the log's prefix, such as `tile/0/x001/x234/067.p/8`. No leading slash.
  public var path: String {
    var path =
      switch content {
      case .hashes(let level): "tile/\(level)/"
      case .entries: "tile/entries/"
      }
    path += TilePath.encode(index: index)
    return isPartial ? "\(path).p/\(width)" : path
  }

  public var description: String { path }

  /// Reads `path`. Every address has one spelling: other digits, case, slashes or zeros are refused.
  public init?(parsing path: some StringProtocol) {
    guard path.utf8.count <= 64 else { return nil }
    var elements = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)[...]
    guard let root = elements.popFirst(), root.elementsEqual("tile".utf8), let kind = elements.popFirst() else {
      return nil
    }
    if kind.elementsEqual("entries".utf8) {
      content = .entries
    } else {
      guard let level = UInt64(strictDecimal: kind), level <= 63 else { return nil }
      content = .hashes(level: Int(level))
    }
    var width = TilePath.fullWidth
    if elements.count >= 2, elements[elements.endIndex - 2].suffix(2).elementsEqual(".p".utf8) {
      guard let given = UInt64(strictDecimal: elements.removeLast()), (1...255).contains(given),
        let stem = elements.popLast()
      else { return nil }
      width = Int(given)
      elements.append(stem.dropLast(2))
    }
    guard let last = elements.popLast(), var index = UInt64(threeDigits: last) else { return nil }
    var scale: UInt64 = 1
    for element in elements.reversed() {
      guard element.first == UInt8(ascii: "x"), let digits = UInt64(threeDigits: element.dropFirst()) else {
        return nil
      }
      let (nextScale, scaleOverflow) = scale.multipliedReportingOverflow(by: 1000)
      let (part, partOverflow) = digits.multipliedReportingOverflow(by: nextScale)
      let (sum, sumOverflow) = index.addingReportingOverflow(part)
      guard !scaleOverflow, !partOverflow, !sumOverflow else { return nil }
      (scale, index) = (nextScale, sum)
    }
    // A leading `x000` would be a second spelling.
    if let first = elements.first, first.elementsEqual("x000".utf8) { return nil }
    self.index = index
    self.width = width
  }

  /// `1234067` as `x001/x234/067`.
  static func encode(index: UInt64) -> String {
    var rest = index
    var path = threeDigits(rest % 1000)
    while rest >= 1000 {
      rest /= 1000
      path = "x\(threeDigits(rest % 1000))/\(path)"
    }
    return path
  }

  private static func threeDigits(_ value: UInt64) -> String {
    let digits = String(value)
    return String(repeating: "0", count: 3 - digits.utf8.count) + digits
  }
}

extension UInt64 {
  fileprivate init?(threeDigits: some Sequence<UInt8>) {
    var value: UInt64 = 0
    var count = 0
    for digit in threeDigits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + UInt64(digit - UInt8(ascii: "0"))
      count += 1
      guard count <= 3 else { return nil }
    }
    guard count == 3 else { return nil }
    self = value
  }
}
