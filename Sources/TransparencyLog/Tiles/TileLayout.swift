/// Which tiles a tree of a given size has (C2SP tlog-tiles, "Partial Tiles"). Pure arithmetic.
public enum TileLayout {
  /// Number of hashes that exist on a tile level of a tree: floor(size / 256^level).
  public static func hashCount(level: Int, size: UInt64) -> UInt64 {
    level >= 8 ? 0 : size >> UInt64(8 * level)
  }

  /// Number of full tiles on a level.
  public static func fullTiles(level: Int, size: UInt64) -> UInt64 {
    hashCount(level: level, size: size) / UInt64(TilePath.fullWidth)
  }

  /// Width of the partial tile on a level; 0 when there is none.
  public static func partialWidth(level: Int, size: UInt64) -> Int {
    Int(hashCount(level: level, size: size) % UInt64(TilePath.fullWidth))
  }

  /// Width of tile `index` on a level: 256, less at the right edge, 0 beyond it.
  public static func width(level: Int, index: UInt64, size: UInt64) -> Int {
    let full = fullTiles(level: level, size: size)
    if index < full { return TilePath.fullWidth }
    return index == full ? partialWidth(level: level, size: size) : 0
  }

  /// Every resource that a log of `newSize` has and a log of `oldSize` had not, bundles before tiles, lower levels first:
  /// what must be written when the log grows. With `oldSize` 0 it is the whole log.
  ///
  /// A partial tile that grew is listed under its new width. The list holds (newSize - oldSize) / 128 paths and a few
  /// more; a caller that rebuilds a large log goes in steps.
  public static func resources(growingFrom oldSize: UInt64, to newSize: UInt64) -> [TilePath] {
    guard oldSize < newSize else { return [] }
    var paths: [TilePath] = []
    appendLevel(.entries, level: 0, from: oldSize, to: newSize, into: &paths)
    for level in 0..<8 where hashCount(level: level, size: newSize) > hashCount(level: level, size: oldSize) {
      appendLevel(.hashes(level: level), level: level, from: oldSize, to: newSize, into: &paths)
    }
    return paths
  }

  private static func appendLevel(
    _ content: TilePath.Content, level: Int, from oldSize: UInt64, to newSize: UInt64, into paths: inout [TilePath]
  ) {
    let full = fullTiles(level: level, size: newSize)
    for index in fullTiles(level: level, size: oldSize)..<full {
      paths.append(TilePath(unchecked: content, index: index, width: TilePath.fullWidth))
    }
    let partial = partialWidth(level: level, size: newSize)
    if partial > 0 { paths.append(TilePath(unchecked: content, index: full, width: partial)) }
  }
}
