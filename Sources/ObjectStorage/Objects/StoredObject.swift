/// What a put left in the store.
public struct StoredObject: Sendable, Hashable {
  /// Quoted, as the service gave it; not a digest of the content.
  public var entityTag: String
  /// Of a versioned bucket; Object Lock holds versions, not keys.
  public var version: String?
}

/// What a head says of an object.
public struct ObjectFacts: Sendable, Hashable {
  public var bytes: UInt64
  public var entityTag: String
  public var version: String?
  /// Lower-case hexadecimal SHA-256 of the content, where the service keeps it or `put` has written it.
  public var sha256: String?
  /// Such as `COMPLIANCE`; nil without a lock.
  public var lockMode: String?
  /// The end of the lock as the service writes it (RFC 3339).
  public var retainUntil: String?
}

/// A part of a bucket's listing.
public struct ObjectListing: Sendable, Hashable {
  public struct Item: Sendable, Hashable {
    public var key: String
    public var bytes: UInt64
  }

  /// In ascending order of the keys' bytes.
  public var items: [Item]
  /// Asks for the rest; nil at the end.
  public var continuation: String?
}
