import Cryptography

/// Reads the hashes of a log out of its tiles.
///
/// Tiles are fetched as they exist in the tree of `size` leaves, so a partial tile is asked for by the width that this
/// tree gives it. Nothing is trusted: what comes out is only as good as the root against which the result is checked.
/// One instance keeps up to 64 decoded tiles (half a megabyte), enough to make neighbouring proofs cheap; it belongs to
/// one task at a time.
public final class TileHashReader: HashReader {
  public enum Failure: Error, Hashable, CustomStringConvertible {
    /// The tree of `size` leaves has no complete subtree here.
    case outsideTree(level: Int, index: UInt64, size: UInt64)
    /// The tile does not hold the number of hashes that its path says.
    case malformed(TilePath, bytes: Int)

    public var description: String {
      switch self {
      case .outsideTree(let level, let index, let size):
        "no complete subtree \(index) of level \(level) in a tree of size \(size)"
      case .malformed(let path, let bytes): "\(path): expected \(32 * path.width) bytes, found \(bytes)"
      }
    }
  }

  /// Number of leaves of the tree that the tiles describe.
  public let size: UInt64
  private let fetch: (TilePath) throws -> [UInt8]
  private var cache: [TilePath: Tile] = [:]
  private static let cacheLimit = 64

  /// - Parameter fetch: Returns the bytes of a tile. Called once for each tile that is needed and not kept.
  public init(size: UInt64, fetch: @escaping (TilePath) throws -> [UInt8]) {
    self.size = size
    self.fetch = fetch
  }

  public func hash(level: Int, index: UInt64) throws -> SHA256Digest {
    guard (0..<64).contains(level), index < size >> UInt64(level) else {
      throw Failure.outsideTree(level: level, index: index, size: size)
    }
    let (tileLevel, height) = (level / 8, level % 8)
    // Subtrees of this height that one tile holds.
    let perTile = UInt64(TilePath.fullWidth >> height)
    let tileIndex = index / perTile
    let path = TilePath(
      unchecked: .hashes(level: tileLevel), index: tileIndex,
      width: TileLayout.width(level: tileLevel, index: tileIndex, size: size))
    guard let hash = try tile(path).hash(height: height, index: Int(index % perTile)) else {
      throw Failure.outsideTree(level: level, index: index, size: size)
    }
    return hash
  }

  private func tile(_ path: TilePath) throws -> Tile {
    if let tile = cache[path] { return tile }
    let bytes = try fetch(path)
    guard let tile = Tile(bytes, width: path.width) else { throw Failure.malformed(path, bytes: bytes.count) }
    if cache.count >= Self.cacheLimit { cache.removeAll(keepingCapacity: true) }
    cache[path] = tile
    return tile
  }
}
