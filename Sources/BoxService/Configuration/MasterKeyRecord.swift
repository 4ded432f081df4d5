import CanonicalJSON
import Cryptography
import Storage

/// `keys/master.json`: where the key of the data comes from, and by what it is known. It is no secret: the check is derived from
/// the key and leads back to nothing.
///
/// Without it a directory could be opened with another key: what lies in it would not open, and what is put into it would lie
/// under a key that nobody expects.
struct MasterKeyRecord: Sendable, Hashable {
  enum Source: String, Sendable, Hashable, CaseIterable {
    /// `keys/master.key`.
    case file
    /// Released at each start; never a file.
    case broker
  }

  var source: Source
  /// Nil until a broker released the key for the first time: nothing was sealed before.
  var check: SHA256Digest?

  init(source: Source, check: SHA256Digest?) {
    self.source = source
    self.check = check
  }

  init(parsing bytes: [UInt8]) throws {
    var reader = try ObjectReader(try JSON(parsing: bytes, limits: .document(maxBytes: 4096)))
    let format = try reader.string("format", maxBytes: 64)
    guard format == "safebox-master-key/v1" else {
      throw FieldError(field: "format", expected: "safebox-master-key/v1", actual: format)
    }
    let word = try reader.string("source", maxBytes: 16)
    guard let source = Source(rawValue: word) else {
      throw FieldError(field: "source", expected: "file or broker", actual: JSON.string(word).summary)
    }
    self.source = source
    check = try reader.optionalString("check", maxBytes: 64).map { text throws(FieldError) in
      guard let digest = SHA256Digest(hex: text) else {
        throw FieldError(field: "check", expected: "64 hexadecimal digits", actual: JSON.string(text).summary)
      }
      return digest
    }
    try reader.finish()
  }

  var bytes: [UInt8] {
    var object: JSONObject = ["format": "safebox-master-key/v1", "source": .string(source.rawValue)]
    object["check"] = check.map { .string($0.hex) }
    return JSON.object(object).canonicalBytes() + [10]
  }

  /// What a key is known by: HKDF-SHA256 of it, with an `info` that no key of the data has.
  static func check(of key: SecretBytes) throws(CryptographyError) -> SHA256Digest {
    let derived = try HKDFSHA256.derive(from: key, salt: [], info: Array("safebox/master-check/v1".utf8), count: 32)
    // Hashed once more, so that not even a derived key is written down.
    return derived.withUnsafeBytes { SHA256.hash(Array($0)) }
  }
}

extension DataDirectory {
  /// The master key where it is a file; nil where a broker releases it. Throws where directory and configuration are not of
  /// one mind about it: neither is then believed.
  @discardableResult
  public func masterKey(_ configuration: BoxConfiguration) throws -> SecretBytes? {
    let isFile = WholeFile.exists(masterPath)
    let record = try masterRecord()
    guard configuration.keyRelease != nil else {
      if record?.source == .broker {
        throw Failure.contradictory(
          path: path,
          reason:
            "its data lies under a key that a broker releases, and box.json names none: restore its \"keyRelease\"")
      }
      return try masterFile(record)
    }
    if isFile {
      throw Failure.contradictory(
        path: path,
        reason: "box.json has its key released by a broker, and keys/master.key is there: one of the two is wrong")
    }
    guard record?.source == .broker else {
      throw Failure.contradictory(
        path: path,
        reason: "it was not made with a released key (keys/master.json does not say so), and box.json names a broker: "
          + "restore keys/ from the backup, or make a new box with `safebox init --broker`")
    }
    return nil
  }

  private func masterFile(_ record: MasterKeyRecord?) throws -> SecretBytes {
    let hex = String(decoding: try secret(masterPath), as: UTF8.self).trimmingLineEnd
    guard let bytes = Hex.decode(hex), bytes.count == 32 else {
      throw Failure.malformed(file: masterPath, reason: "expected 64 hexadecimal digits")
    }
    let key = SecretBytes(copying: bytes)
    if let check = record?.check, try MasterKeyRecord.check(of: key) != check {
      throw Failure.malformed(file: masterPath, reason: "it is not the key with which this directory was made")
    }
    return key
  }

  private func masterRecord() throws -> MasterKeyRecord? {
    // A directory from before this file was written has none, and has its key in a file.
    guard let bytes = try WholeFile.read(masterRecordPath, limit: 4096) else { return nil }
    do {
      return try MasterKeyRecord(parsing: bytes)
    } catch {
      throw Failure.malformed(file: masterRecordPath, reason: "\(error)")
    }
  }

  /// Holds a released key against the one with which the directory was made. At the first release it is that one, which is
  /// durable before anything is sealed.
  func admit(_ key: SecretBytes) throws {
    let check = try MasterKeyRecord.check(of: key)
    guard let record = try masterRecord(), record.source == .broker else {
      throw Failure.malformed(file: masterRecordPath, reason: "it does not say that a broker releases the key")
    }
    if let expected = record.check {
      guard expected == check else { throw Failure.otherKey(path: path) }
      return
    }
    // An older copy of the record beside data: which key that data wants, nobody can say.
    guard ![keychainPath, blobsPath, communityKeysPath].contains(where: WholeFile.exists) else {
      throw Failure.malformed(
        file: masterRecordPath, reason: "it is older than the data: restore the one with a \"check\" from the backup")
    }
    try WholeFile.replace(masterRecordPath, with: MasterKeyRecord(source: .broker, check: check).bytes, mode: 0o600)
  }

  /// For a new box: the key, where it is a file, and the record.
  func write(master: SecretBytes?) throws {
    if let master {
      let hex = master.withUnsafeBytes { Hex.encode(Array($0)) }
      try WholeFile.create(masterPath, with: Array(hex.utf8) + [10], mode: 0o600)
    }
    let record = MasterKeyRecord(
      source: master == nil ? .broker : .file, check: try master.map { try MasterKeyRecord.check(of: $0) })
    try WholeFile.create(masterRecordPath, with: record.bytes, mode: 0o600)
  }
}
