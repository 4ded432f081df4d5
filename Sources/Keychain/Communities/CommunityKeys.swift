public import Cryptography
public import Governance
import Storage
import Synchronization

/// The keys of communities and tenants, below one root key: the box's own, or one that a broker released to it.
///
///     key = HKDF-SHA256(root, salt of the generation, info = "safebox/community-key/v1" || 0 || holder || 0 || generation
///                       || 0 || purpose), 32 bytes
///
/// The salt of a generation is 32 random bytes that lie in one database and nowhere else. To erase is to destroy the salts:
/// what was sealed below them stays sealed for whoever has all files and the root key (crypto-erasure). To rotate is to make
/// a new generation, seal everything again, and destroy the salts before it.
///
/// SQLite overwrites deleted salts with zeros (`secure_delete`) and truncates its rollback journal. What the medium keeps
/// below the file system, and copies made before, are beyond reach. Calls block while the disk works.
public final class CommunityKeys: Sendable {
  public enum Limits {
    /// Communities and tenants together.
    public static let holders = 65_536
    /// Bytes of the name of a purpose.
    public static let purpose = 64
  }

  public static let saltBytes = 32

  /// Why there is no key.
  public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
    case closed
    /// Erased or rotated away, or never made.
    case noGeneration(KeyHolder, Int64)
    case invalidPurpose(String)
    case tooManyHolders(limit: Int)

    public var description: String {
      switch self {
      case .closed: "the keys of the communities are closed"
      case .noGeneration(let holder, let generation):
        "\(holder) has no keys of generation \(generation): they are erased"
      case .invalidPurpose(let purpose): "\"\(purpose)\" is no purpose of a key: 1-64 of a-z 0-9 . _ -"
      case .tooManyHolders(let limit): "there are keys of \(limit) communities and tenants already"
      }
    }
  }

  private let root: SecretBytes
  private let table: Mutex<Table?>

  /// Opens the keys in the directory `path`, making it when it is absent.
  ///
  /// - Parameter root: the key above all of them, at least 32 bytes.
  /// - Throws: `ProcessLock.Failure.held` when another process has it.
  public init(path: String, root: SecretBytes) throws {
    guard root.count >= 32 else {
      throw CryptographyError.wrongLength(
        of: "root of the communities' keys", expected: "at least 32", actual: root.count)
    }
    let directory = try Directory.make(path)
    let lock = try ProcessLock(directory)
    self.root = root
    table = Mutex(Table(lock: lock, salts: try SaltTable(in: directory)))
  }

  /// Gives the directory free. What is asked for afterwards is `closed`.
  public func close() { table.withLock { $0 = nil } }

  private func withTable<Result>(_ body: (SaltTable) throws -> Result) throws -> Result {
    try table.withLock { held in
      guard let held else { throw Failure.closed }
      return try body(held.salts)
    }
  }

  /// The generation under which to seal now; the first one is made when it is asked for.
  public func current(_ holder: KeyHolder) throws -> Int64 {
    try withTable { salts in
      try salts.transaction {
        if let newest = try salts.newest(of: holder) { return newest }
        return try add(to: holder, in: salts)
      }
    }
  }

  private func add(to holder: KeyHolder, in salts: SaltTable) throws -> Int64 {
    let last = try salts.lastGeneration(of: holder)
    guard try last > 0 || salts.holders() < Limits.holders else { throw Failure.tooManyHolders(limit: Limits.holders) }
    try salts.insert(SecureRandom.bytes(Self.saltBytes), holder: holder, generation: last + 1)
    return last + 1
  }

  /// The key for one purpose, 32 bytes.
  ///
  /// - Parameters:
  ///   - generation: as `current` gave it when something was sealed.
  ///   - purpose: 1-64 of a-z 0-9 . _ -; keys for two purposes have nothing in common.
  /// - Throws: `noGeneration` when it was erased.
  public func key(_ holder: KeyHolder, generation: Int64, purpose: String) throws -> SecretBytes {
    guard Name.isValid(purpose) else { throw Failure.invalidPurpose(purpose) }
    let found = try withTable { try $0.salt(of: holder, generation: generation) }
    guard let salt = found else { throw Failure.noGeneration(holder, generation) }
    var info = Array("safebox/community-key/v1".utf8)
    // Names hold no zero byte, so that no two inputs give one text.
    for part in [holder.description, "\(generation)", purpose] { info += [0] + Array(part.utf8) }
    return try HKDFSHA256.derive(from: root, salt: salt, info: info, count: 32)
  }

  /// Makes a new generation, lets the caller seal everything again below it, and destroys the salts before it.
  ///
  /// A crash before the end leaves both generations: calling again with the same proposal goes on where it was. A second
  /// call after the end changes nothing.
  ///
  /// - Parameters:
  ///   - proposal: the action digest.
  ///   - rewrap: seals what the holder has again, under the generation that it is given. What it leaves out is lost.
  /// - Returns: the new generation.
  @discardableResult
  public func rotate(
    _ holder: KeyHolder, proposal: SHA256Digest, rewrapping rewrap: (Int64) throws -> Void
  ) throws -> Int64 {
    let (generation, isDone) = try withTable { salts in
      try salts.transaction { () -> (Int64, Bool) in
        if let earlier = try salts.performed(proposal) { return earlier }
        let generation = try add(to: holder, in: salts)
        try salts.record(proposal, generation: generation, isDone: false)
        return (generation, false)
      }
    }
    guard !isDone else { return generation }
    // Outside the lock: whoever seals again asks for keys of both generations.
    try rewrap(generation)
    try withTable { salts in
      try salts.transaction {
        try salts.destroy(before: generation, of: holder)
        try salts.record(proposal, generation: generation, isDone: true)
      }
    }
    return generation
  }

  /// Destroys every salt of the holder. What comes later begins with a generation of its own.
  ///
  /// - Returns: how many generations were destroyed; of an erasure that was carried out before, 0.
  @discardableResult
  public func erase(_ holder: KeyHolder, proposal: SHA256Digest) throws -> Int64 {
    try withTable { salts in
      try salts.transaction {
        // Erasing again for one proposal must not destroy what was made since.
        guard try salts.performed(proposal) == nil else { return 0 }
        let count = try salts.destroy(before: .max, of: holder)
        try salts.record(proposal, generation: try salts.lastGeneration(of: holder), isDone: true)
        return count
      }
    }
  }

  /// The table belongs to whoever holds the mutex.
  private struct Table: @unchecked Sendable {
    let lock: ProcessLock
    let salts: SaltTable
  }
}
