import Attestation
import CanonicalJSON
import Cryptography

/// A release as its owners approved it.
public struct ApprovedRelease: Sendable, Hashable {
  public let release: Release
  /// The proposal that approved it: whoever meets one of its reference values can go back to the signatures.
  public let proposal: SHA256Digest
  /// Index of the entry by which that was executed.
  public let index: UInt64
  /// The proposal that revoked it; nil while it is accepted.
  public internal(set) var revokedBy: SHA256Digest?

  public var isRevoked: Bool { revokedBy != nil }
}

/// The releases that were ever approved. None is overwritten: one name and version is one set of reference values for ever,
/// also after its revocation.
struct ReleaseRegistry: Sendable {
  static let limit = 256

  private(set) var all: [ApprovedRelease] = []

  private func place(_ name: String, _ version: String) -> Int? {
    all.firstIndex { $0.release.name == name && $0.release.version == version }
  }

  func checkApprove(_ release: Release) throws(EffectFault) {
    guard place(release.name, release.version) == nil else {
      throw .releaseExists(name: release.name, version: release.version)
    }
    guard all.count < Self.limit else { throw .releasesFull(limit: Self.limit) }
  }

  func checkRevoke(name: String, version: String) throws(EffectFault) {
    guard let place = place(name, version), !all[place].isRevoked else {
      throw .noRelease(name: name, version: version)
    }
  }

  mutating func approve(_ release: Release, by proposal: SHA256Digest, index: UInt64) {
    all.append(ApprovedRelease(release: release, proposal: proposal, index: index))
  }

  mutating func revoke(name: String, version: String, by proposal: SHA256Digest) {
    guard let place = place(name, version) else { return }
    all[place].revokedBy = proposal
  }
}

extension BoxState {
  /// The releases that were ever approved, in the order of their approval; some may be revoked.
  public var releases: [ApprovedRelease] { releaseRegistry.all }
}
