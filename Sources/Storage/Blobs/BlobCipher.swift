import Cryptography

/// How a blob and its key are sealed for one community.
///
/// - wrapping key = HKDF-SHA256(master, no salt, info = "safebox/blob-wrap/v1/" || community), 32 bytes;
/// - blob key = 32 random bytes, used for one blob;
/// - file = "SBXB" || 0x01 || AES-256-GCM(blob key, plaintext, aad = "safebox/blob/v1/" || community), the sealed part
///   being IV(12) || ciphertext || tag(16);
/// - blob ID = SHA-256(file);
/// - wrapped key = AES-256-GCM(wrapping key, blob key, aad = "safebox/blob-key/v1/" || community || 0x00 || blob ID),
///   60 bytes.
///
/// The community is in every additional datum, so what one community stored does not open for another even under one
/// master key; the blob ID is in the wrapped key's, so a row of the key table cannot be moved to another blob.
struct BlobCipher {
  static let header: [UInt8] = Array("SBXB".utf8) + [0x01]
  static let overhead = header.count + 28

  let community: String
  private let wrappingKey: SecretBytes

  init(master: SecretBytes, community: String) throws {
    self.community = community
    wrappingKey = try HKDFSHA256.derive(
      from: master, salt: [], info: Array("safebox/blob-wrap/v1/\(community)".utf8), count: 32)
  }

  /// The file, its name, and the wrapped key.
  func seal(_ plaintext: [UInt8]) throws -> (id: BlobID, file: [UInt8], wrappedKey: [UInt8]) {
    let key = SecretBytes.random(count: 32)
    let file = Self.header + (try AESGCM.seal(plaintext, key: key, aad: contentData))
    let id = BlobID(SHA256.hash(file))
    let wrapped = try key.withUnsafeBytes { raw in
      try AESGCM.seal([UInt8](raw), key: wrappingKey, aad: keyData(id))
    }
    return (id, file, wrapped)
  }

  /// The plaintext of a file whose digest was checked.
  func open(_ file: [UInt8], id: BlobID, wrappedKey: [UInt8]) throws -> [UInt8] {
    guard file.starts(with: Self.header) else { throw BlobStore.Failure.unknownFormat(id) }
    do {
      let key = SecretBytes(copying: try AESGCM.open(wrappedKey, key: wrappingKey, aad: keyData(id)))
      return try AESGCM.open(Array(file.dropFirst(Self.header.count)), key: key, aad: contentData)
    } catch {
      // A wrong master key, another community, or a row or file that was tampered with: AES-GCM does not tell.
      throw BlobStore.Failure.doesNotOpen(id)
    }
  }

  private var contentData: [UInt8] { Array("safebox/blob/v1/\(community)".utf8) }

  private func keyData(_ id: BlobID) -> [UInt8] {
    Array("safebox/blob-key/v1/\(community)".utf8) + [0] + id.digest.bytes
  }
}
