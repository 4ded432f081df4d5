/// What a tree may have at most. More is refused, not left out.
public struct TreeLimits: Sendable, Hashable {
  /// Names in the whole tree.
  public var entries: Int
  /// Directories one below the other.
  public var depth: Int
  /// Bytes of a path from the tree's root.
  public var pathBytes: Int

  public init(entries: Int = 1 << 20, depth: Int = 128, pathBytes: Int = 4000) {
    self.entries = entries
    self.depth = depth
    self.pathBytes = pathBytes
  }
}
