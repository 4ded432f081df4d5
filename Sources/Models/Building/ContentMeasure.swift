import CanonicalJSON
import Cryptography
import Synchronization

/// Takes in the bytes of one file as they come, in order, and says how many there were and what their digest is.
public final class ContentMeasure: Sendable {
  private struct State {
    var hasher = SHA256()
    var size: Int64 = 0
  }

  private let state = Mutex(State())

  /// Nothing so far.
  public init() {}

  /// Takes the next bytes.
  ///
  /// - Throws: when the file becomes longer than ``ModelFile/maxBytes``.
  public func append(_ bytes: [UInt8]) throws(FieldError) {
    try state.withLock { (state) throws(FieldError) in
      guard Int64(bytes.count) <= ModelFile.maxBytes - state.size else {
        throw FieldError(field: "sizeBytes", expected: "at most \(ModelFile.maxBytes) bytes", actual: "more")
      }
      state.hasher.update(bytes)
      state.size += Int64(bytes.count)
    }
  }

  /// Size in bytes and digest of what was taken so far.
  public var facts: (size: Int64, sha256: SHA256Digest) { state.withLock { ($0.size, $0.hasher.finalize()) } }
}
