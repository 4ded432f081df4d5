import CanonicalJSON
import Cryptography
import Governance
import Storage
import Synchronization

/// The secrets of a box: sealed for each community, versioned, bound to hosts (docs/secrets.md).
///
/// The directory holds `keychain.sqlite` and a process lock; ``SecretCipher`` says how values are sealed. A rotation
/// overwrites the value before it in the same transaction: nothing reads an old version, and what was rotated because it
/// leaked should not lie about. Calls block while the disk works.
public final class Keychain: Sendable {
  /// Bytes of a value.
  public static let maxValueBytes = 64 << 10
  /// What is shorter cannot be told from ordinary text, so it could not be redacted from what comes back.
  public static let minValueBytes = 8
  /// Secrets of one community.
  public static let maxSecrets = 1024
  /// Hosts of one secret.
  public static let maxHosts = 32

  private let master: SecretBytes
  private let communities: CommunityKeys?
  private let table: Mutex<Table?>

  /// Opens the keychain in the directory `path`, making it when it is absent.
  ///
  /// - Parameters:
  ///   - master: The secret from which the keys of values sealed without `communities` are derived, at least 32 bytes.
  ///   - communities: whose keys seal what is put from now on; with them a community's keys are rotated and erased.
  /// - Throws: `ProcessLock.Failure.held` when another process has it.
  public init(path: String, master: SecretBytes, communities: CommunityKeys? = nil) throws {
    guard master.count >= 32 else {
      throw CryptographyError.wrongLength(of: "keychain master key", expected: "at least 32", actual: master.count)
    }
    let directory = try Directory.make(path)
    let lock = try ProcessLock(directory)
    self.master = master
    self.communities = communities
    table = Mutex(Table(lock: lock, table: try SecretTable(in: directory)))
  }

  /// Gives the directory free. What is asked for afterwards is `unavailable`.
  public func close() { table.withLock { $0 = nil } }

  private func withTable<Result>(_ body: (SecretTable) throws -> Result) throws -> Result {
    try table.withLock { held in
      guard let held else { throw SecretFailure.unavailable }
      return try body(held.table)
    }
  }

  /// Stores a value durably as the next version of the name, in the place of the one before.
  ///
  /// - Parameters:
  ///   - value: 8 bytes to 64 KiB, as the peer will read them: for kind `text` UTF-8.
  ///   - hosts: 1 to 32, each once; see ``SecretHost``.
  ///   - at: Unix milliseconds, for ``SecretInfo``.
  ///   - proposal: the action digest. Storing again for the same proposal changes nothing and gives the version of then.
  /// - Returns: the version.
  /// - Throws: `SecretFailure`, or what the storage throws.
  @discardableResult
  public func put(
    community: String, name: String, value: SecretBytes, hosts: [String], kind: SecretKind, at: Int64,
    proposal: SHA256Digest? = nil
  ) throws -> Int64 {
    try Self.check(community, "community")
    try Self.check(name, "name")
    try Self.check(value, kind: kind)
    let bound = try Self.hosts(hosts)
    return try withTable { table in
      // Asked while the table is held: a rotation in between would leave this value under keys that are gone.
      let generation = try communities?.current(.community(community)) ?? 0
      let cipher = try cipher(community, generation: generation)
      return try table.transaction {
        if let proposal, let done = try table.performed(proposal) { return done }
        let earlier = try table.row(community: community, name: name)?.info
        guard try earlier != nil || table.count(community: community) < Self.maxSecrets else {
          throw SecretFailure.tooManySecrets(limit: Self.maxSecrets)
        }
        let info = SecretInfo(
          name: name, version: try table.lastVersion(community: community, name: name) + 1, kind: kind, hosts: bound,
          createdAt: earlier?.createdAt ?? at, rotatedAt: at)
        try table.replace(
          info, community: community, generation: generation, sealed: try cipher.seal(value, of: info))
        if let proposal { try table.record(proposal, version: info.version) }
        return info.version
      }
    }
  }

  /// Removes a secret: its value is overwritten in the file. Its versions go on counting if the name is put again.
  ///
  /// - Parameter proposal: as of `put`: removing again for the same proposal changes nothing.
  /// - Returns: the version that was removed; nil when there was no such secret.
  @discardableResult
  public func remove(community: String, name: String, proposal: SHA256Digest? = nil) throws -> Int64? {
    try withTable { table in
      try table.transaction {
        if let proposal, let done = try table.performed(proposal) { return done }
        guard let info = try table.row(community: community, name: name)?.info else { return nil }
        try table.delete(community: community, name: name)
        if let proposal { try table.record(proposal, version: info.version) }
        return info.version
      }
    }
  }

  /// The community's secrets by name, never their values.
  public func list(community: String) throws -> [SecretInfo] {
    try withTable { try $0.list(community: community) }
  }

  /// The version that the proposal put or removed; nil when it was not carried out.
  public func version(of proposal: SHA256Digest) throws -> Int64? {
    try withTable { try $0.performed(proposal) }
  }

  /// What reads the community's secrets for one call. Make one for each call: it reads every name once, so that all of a
  /// call uses one version, and it remembers what it gave out, for the ``Redactor``.
  public func resolver(community: String) -> SecretResolver { SecretResolver(keychain: self, community: community) }

  /// What an executor holds against the params before anybody is asked to approve them.
  public static func hosts(_ texts: [String], path: String = "hosts") throws(SecretFailure) -> [SecretHost] {
    guard (1...maxHosts).contains(texts.count) else {
      throw .invalidHosts("\(path): expected 1 to \(maxHosts) hosts, found \(texts.count)")
    }
    var hosts: [SecretHost] = []
    for (index, text) in texts.enumerated() {
      do {
        hosts.append(try SecretHost(parsing: text, path: "\(path)[\(index)]"))
      } catch {
        throw .invalidHosts("\(error)")
      }
    }
    guard Set(hosts).count == hosts.count else { throw .invalidHosts("\(path): expected each host once") }
    return hosts
  }

  /// Holds a value against the limits.
  public static func check(_ value: SecretBytes, kind: SecretKind) throws(SecretFailure) {
    guard value.count >= minValueBytes else { throw .valueTooShort(bytes: value.count, minimum: minValueBytes) }
    guard value.count <= maxValueBytes else { throw .valueTooLong(bytes: value.count, limit: maxValueBytes) }
    guard kind == .key || value.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) != nil else {
      throw .valueIsNoText
    }
  }

  private static func check(_ name: String, _ field: String) throws(SecretFailure) {
    guard Name.isValid(name) else { throw .invalidName(field: field, JSON.string(name).summary) }
  }

  /// The newest value with what is known of it.
  func open(community: String, name: String) throws(SecretFailure) -> (info: SecretInfo, value: SecretBytes) {
    let row: SecretTable.Sealed?
    do {
      row = try withTable { try $0.row(community: community, name: name) }
    } catch {
      throw .unavailable
    }
    guard let row else { throw .unknown(name: name) }
    do {
      return (row.info, try cipher(community, generation: row.generation).open(row.sealed, of: row.info))
    } catch {
      throw .doesNotOpen(reference: row.info.reference)
    }
  }

  /// Generation 0 is what was sealed before communities had keys of their own.
  private func cipher(_ community: String, generation: Int64) throws -> SecretCipher {
    guard generation > 0 else { return try SecretCipher(master: master, community: community) }
    guard let communities else { throw SecretFailure.unavailable }
    return SecretCipher(
      community: community,
      key: try communities.key(.community(community), generation: generation, purpose: "keychain"))
  }

  /// Seals everything that a community has under another generation of its keys, in one transaction. For ``CommunityKeys``
  /// while it rotates; a tenant has no secrets here.
  public func reseal(_ holder: KeyHolder, generation: Int64) throws {
    guard case .community(let community) = holder else { return }
    let new = try cipher(community, generation: generation)
    try withTable { table in
      try table.transaction {
        for info in try table.list(community: community) {
          guard let row = try table.row(community: community, name: info.name), row.generation != generation else {
            continue
          }
          let value = try cipher(community, generation: row.generation).open(row.sealed, of: row.info)
          try table.replace(
            row.info, community: community, generation: generation, sealed: try new.seal(value, of: row.info))
        }
      }
    }
  }

  /// Removes all secrets of a community; their values are overwritten in the file.
  public func removeAll(community: String) throws {
    try withTable { table in
      try table.transaction {
        for info in try table.list(community: community) { try table.delete(community: community, name: info.name) }
      }
    }
  }

  /// The table belongs to whoever holds the mutex.
  private struct Table: @unchecked Sendable {
    let lock: ProcessLock
    let table: SecretTable
  }
}
