public import Cryptography
import Glibc

/// Where an authority is kept: `key.pem`, which only its owner reads, and `certificate.pem`.
public struct AuthorityDirectory: Sendable {
  /// What a file operation failed with.
  public enum Failure: Error, Sendable, Hashable {
    case exists(path: String)
    case system(call: String, path: String, errno: Int32)
    case unreadable(path: String, CryptographyError)
    case authority(EnrolmentFailure)
  }

  public let path: String

  public init(_ path: String) { self.path = path }

  /// Where the certificate is that verifiers name as an anchor.
  public var certificatePath: String { path + "/certificate.pem" }
  private var keyPath: String { path + "/key.pem" }

  /// Makes an authority and keeps it. The directory is made if it is not there.
  ///
  /// - Parameters:
  ///   - at: Unix milliseconds.
  ///   - validity: milliseconds.
  /// - Throws: `exists` when it holds an authority already: nothing is overwritten.
  public func make(name: String, at: Int64, validity: Int64) throws(Failure) -> AttestationAuthority {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw .system(call: "mkdir", path: path, errno: errno)
    }
    guard access(keyPath, F_OK) != 0 else { throw .exists(path: keyPath) }
    let authority: AttestationAuthority
    do { authority = try .make(name: name, at: at, validity: validity) } catch { throw .authority(error) }
    // The certificate first: with a key but no certificate there would be an authority that nothing can use.
    try write(PEM.encode(authority.certificate.der, label: "CERTIFICATE"), to: certificatePath, mode: 0o644)
    try write(authority.privateKeyPEM, to: keyPath, mode: 0o600)
    return authority
  }

  /// The authority that is kept here.
  public func load() throws(Failure) -> AttestationAuthority {
    let key: P256.PrivateKey
    let certificate: Certificate
    do { key = try P256.PrivateKey(pkcs8PEM: try read(keyPath)) } catch let error as CryptographyError {
      throw .unreadable(path: keyPath, error)
    } catch let error as Failure { throw error } catch { throw .system(call: "read", path: keyPath, errno: EIO) }
    do {
      let all = try Certificate.all(pem: try read(certificatePath))
      guard let first = all.first, all.count == 1 else { throw Failure.authority(.notOurs) }
      certificate = first
    } catch let error as CryptographyError {
      throw .unreadable(path: certificatePath, error)
    } catch let error as Failure { throw error } catch {
      throw .system(call: "read", path: certificatePath, errno: EIO)
    }
    do { return try AttestationAuthority(key: key, certificate: certificate) } catch { throw .authority(error) }
  }

  private func read(_ path: String) throws(Failure) -> String {
    do {
      return String(decoding: try SystemFiles().read(path, limit: 64 << 10), as: UTF8.self)
    } catch {
      if case .system(let call, let path, let errno) = error { throw .system(call: call, path: path, errno: errno) }
      throw .system(call: "open", path: path, errno: ENOENT)
    }
  }

  /// Writes a new file under another name, syncs it and gives it its own: a crash leaves all of it or nothing.
  private func write(_ text: String, to path: String, mode: mode_t) throws(Failure) {
    let draft = path + ".new"
    unlink(draft)
    let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    guard file >= 0 else { throw .system(call: "open", path: draft, errno: errno) }
    let bytes = Array(text.utf8)
    let isWritten = Glibc.write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
    let code = errno
    close(file)
    guard isWritten else { throw .system(call: "write", path: draft, errno: code) }
    guard rename(draft, path) == 0 else { throw .system(call: "rename", path: path, errno: errno) }
    let directory = open(self.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw .system(call: "open", path: self.path, errno: errno) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw .system(call: "fsync", path: self.path, errno: errno) }
  }
}
