import CanonicalJSON
import Cryptography

/// How a secret is sealed for its community.
///
/// - community key = HKDF-SHA256(master, no salt, info = "safebox/keychain/v1/" || community), 32 bytes;
/// - sealed = AES-256-GCM(community key, value, aad = "safebox/secret/v1/" || JCS {"community", and all of the secret's
///   public members}), which is IV(12) || ciphertext || tag(16).
///
/// Whoever can write the database but has no key can neither move a value to another name or community nor bind it to
/// another host: all of that is authenticated with it.
struct SecretCipher {
  private let community: String
  private let key: SecretBytes

  init(master: SecretBytes, community: String) throws(CryptographyError) {
    self.community = community
    key = try HKDFSHA256.derive(
      from: master, salt: [], info: Array("safebox/keychain/v1/\(community)".utf8), count: 32)
  }

  /// Under a key that was derived elsewhere: a generation of ``CommunityKeys``, which stands in the place of the community key.
  init(community: String, key: SecretBytes) {
    self.community = community
    self.key = key
  }

  func seal(_ value: SecretBytes, of info: SecretInfo) throws(CryptographyError) -> [UInt8] {
    try AESGCM.seal(value, key: key, aad: associatedData(info))
  }

  func open(_ sealed: [UInt8], of info: SecretInfo) throws(CryptographyError) -> SecretBytes {
    try AESGCM.openSecret(sealed, key: key, aad: associatedData(info))
  }

  private func associatedData(_ info: SecretInfo) -> [UInt8] {
    var members = info.json.object ?? [:]
    members["community"] = .string(community)
    return Array("safebox/secret/v1/".utf8) + JSON.object(members).canonicalBytes()
  }
}
