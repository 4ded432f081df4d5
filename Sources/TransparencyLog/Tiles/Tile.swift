import Cryptography

/// A tile of hashes: up to 256 roots of equal complete subtrees, side by side (C2SP tlog-tiles).
public struct Tile: Sendable, Hashable {
  /// 1...256 hashes.
  public let hashes: [SHA256Digest]

  /// - Returns: nil when there are no hashes, or more than 256.
  public init?(hashes: [SHA256Digest]) {
    guard (1...TilePath.fullWidth).contains(hashes.count) else { return nil }
    self.hashes = hashes
  }

  /// Reads the stored form; nil unless it holds exactly `width` hashes, with 1 <= width <= 256.
  public init?(_ bytes: [UInt8], width: Int) {
    guard (1...TilePath.fullWidth).contains(width), bytes.count == 32 * width else { return nil }
    var hashes: [SHA256Digest] = []
    hashes.reserveCapacity(width)
    for start in stride(from: 0, to: bytes.count, by: 32) {
      guard let hash = SHA256Digest(bytes[start..<start + 32]) else { return nil }
      hashes.append(hash)
    }
    self.hashes = hashes
  }

  /// The hashes, concatenated.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32 * hashes.count)
    for hash in hashes { hash.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    return bytes
  }

  /// The root of the complete subtree over hashes `[index << height, (index + 1) << height)` of this tile; nil when they
  /// are not all here.
  public func hash(height: Int, index: Int) -> SHA256Digest? {
    guard (0...8).contains(height), index >= 0, (index + 1) << height <= hashes.count else { return nil }
    if height == 0 { return hashes[index] }
    var frontier = Frontier()
    for position in (index << height)..<((index + 1) << height) { frontier.append(leafHash: hashes[position]) }
    return frontier.root
  }
}
