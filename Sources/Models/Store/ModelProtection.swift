import CanonicalJSON
import Cryptography

/// What keeps the bytes of an installed model from changing.
public enum ModelProtection: Sendable, Hashable {
  /// fs-verity on every file: the kernel lets nobody write, and checks each block that it reads from the disk.
  case verity
  /// Modes alone: root can write, and the next verification finds out. `reason` says in the system's words why there is no
  /// fs-verity.
  case permissions(reason: String)
}

/// What the kernel measured when a model was installed: the fs-verity digest of each of its files.
///
/// It is kept beside the models and never inside one. It is as good as the directory that it lies in: who can write there
/// and to the models as root can put a file and its record in the place of both, which only reading every byte finds out.
struct VerityRecord: Sendable, Hashable {
  static let maxBytes = 256 << 10

  let manifest: SHA256Digest
  let digests: [String: SHA256Digest]

  init(manifest: SHA256Digest, digests: [String: SHA256Digest]) {
    self.manifest = manifest
    self.digests = digests
  }

  /// nil for anything that was not written by ``bytes`` for this manifest: then every byte is read.
  init?(parsing bytes: [UInt8], for manifest: SHA256Digest) {
    guard let json = try? JSON(parsing: bytes, limits: .document(maxBytes: Self.maxBytes)),
      json["manifest"]?.string == manifest.hex, let files = json["verity"]?.object
    else { return nil }
    var digests: [String: SHA256Digest] = [:]
    for (path, digest) in files {
      guard let digest = digest.string.flatMap({ SHA256Digest(hex: $0) }) else { return nil }
      digests[path] = digest
    }
    self.init(manifest: manifest, digests: digests)
  }

  var bytes: [UInt8] {
    let files = JSONObject(digests.map { ($0.key, JSON.string($0.value.hex)) })
    return JSON.object(["manifest": .string(manifest.hex), "verity": .object(files)]).canonicalBytes()
  }
}
