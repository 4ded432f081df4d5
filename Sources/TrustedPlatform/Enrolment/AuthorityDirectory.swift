import CanonicalJSON
public import Cryptography
import Glibc

/// Where an authority is kept: `key.pem`, which only its owner reads, `certificate.pem`, `roots.pem` with the makers of TPMs
/// that it trusts, `pending/` with the challenges that wait for their answers, and `issued/` with what it certified.
public struct AuthorityDirectory: Sendable {
  /// What a file operation failed with.
  public enum Failure: Error, Sendable, Hashable {
    case exists(path: String)
    case system(call: String, path: String, errno: Int32)
    case unreadable(path: String, CryptographyError)
    case authority(EnrolmentFailure)
    /// No maker of TPMs is trusted, or more than the limit.
    case roots(limit: Int, actual: Int)
    /// As many challenges wait as may.
    case full(limit: Int)
    /// No challenge of this name waits: it was answered before, it is too old, or another authority made it.
    case notPending(id: [UInt8])
    case malformed(path: String, reason: String)
  }

  public enum Limits {
    /// Makers of TPMs that are trusted.
    public static let roots = 64
    /// Challenges that wait for their answers.
    public static let pending = 256
    /// Bytes of any file.
    static let fileBytes = 1 << 20
  }

  public let path: String

  public init(_ path: String) { self.path = path }

  /// Where the certificate is that verifiers name as an anchor.
  public var certificatePath: String { path + "/certificate.pem" }
  private var keyPath: String { path + "/key.pem" }
  private var rootsPath: String { path + "/roots.pem" }

  /// Makes an authority and keeps it. The directory is made if it is not there.
  ///
  /// - Parameters:
  ///   - at: Unix milliseconds.
  ///   - validity: milliseconds.
  ///   - roots: makers of TPMs that it trusts.
  /// - Throws: `exists` when it holds an authority already: nothing is overwritten.
  public func make(
    name: String, at: Int64, validity: Int64, roots: [Certificate]
  ) throws(Failure) -> AttestationAuthority {
    try Self.check(roots)
    for path in [path, path + "/pending", path + "/issued"] {
      guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
        throw .system(call: "mkdir", path: path, errno: errno)
      }
    }
    guard access(keyPath, F_OK) != 0 else { throw .exists(path: keyPath) }
    let authority: AttestationAuthority
    do { authority = try .make(name: name, at: at, validity: validity) } catch { throw .authority(error) }
    // The key last: with a key but nothing else there would be an authority that nothing can use.
    try write(roots.map { PEM.encode($0.der, label: "CERTIFICATE") }.joined(), to: rootsPath, mode: 0o644)
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

  /// The makers of TPMs that it trusts.
  public func roots() throws(Failure) -> [Certificate] {
    let text = try read(rootsPath)
    let roots: [Certificate]
    do { roots = try Self.certificates(pem: text) } catch { throw .unreadable(path: rootsPath, error) }
    try Self.check(roots)
    return roots
  }

  private static func certificates(pem: String) throws(CryptographyError) -> [Certificate] {
    var all: [Certificate] = []
    for der in try PEM.decodeAll(pem, label: "CERTIFICATE") {
      all.append(try Certificate(der: der))
    }
    return all
  }

  private static func check(_ roots: [Certificate]) throws(Failure) {
    guard (1...Limits.roots).contains(roots.count) else { throw .roots(limit: Limits.roots, actual: roots.count) }
  }

  // MARK: Challenges and certificates

  /// Keeps a challenge until it is answered; what is too old goes.
  ///
  /// - Parameter at: Unix milliseconds.
  public func keep(_ pending: PendingEnrolment, at: Int64) throws(Failure) {
    var waiting = 0
    for id in try pendingIDs() {
      // A file that cannot be read counts: it is not ours to delete.
      if let other = try? self.pending(id), other.until < at { unlink(pendingPath(id)) } else { waiting += 1 }
    }
    guard waiting < Limits.pending else { throw .full(limit: Limits.pending) }
    try write(pending.json.canonicalString(), to: pendingPath(pending.id), mode: 0o600)
  }

  /// The challenge of this name.
  public func pending(_ id: [UInt8]) throws(Failure) -> PendingEnrolment {
    let path = pendingPath(id)
    guard access(path, F_OK) == 0 else { throw .notPending(id: id) }
    let text = try read(path)
    do {
      return try PendingEnrolment(
        json: try JSON(parsing: Array(text.utf8), limits: .document(maxBytes: Limits.fileBytes)))
    } catch {
      throw .malformed(path: path, reason: "\(error)")
    }
  }

  /// Certifies the key whose challenge was answered.
  ///
  /// A wrong answer leaves the challenge as it is: a stranger cannot use it up. The right one uses it up first, so that of two
  /// who bring it one gets a certificate; a crash here costs the box another request.
  ///
  /// - Parameters:
  ///   - at: Unix milliseconds.
  ///   - validity: milliseconds; cut at the end of the authority's own certificate.
  public func certify(_ answer: EnrolmentAnswer, at: Int64, validity: Int64) throws(Failure) -> Certificate {
    let pending = try pending(answer.id)
    let authority = try load()
    let certificate: Certificate
    do {
      certificate = try authority.certify(pending, answer: answer.secret, at: at, validity: validity)
    } catch { throw .authority(error) }
    let path = pendingPath(answer.id)
    guard unlink(path) == 0 else {
      if errno == ENOENT { throw .notPending(id: answer.id) }
      throw .system(call: "unlink", path: path, errno: errno)
    }
    // Durable before the certificate is shown: after a power cut the challenge must not be back.
    try sync(self.path + "/pending")
    try write(
      PEM.encode(certificate.der, label: "CERTIFICATE"),
      to: "\(self.path)/issued/\(Hex.encode(certificate.serialNumber)).pem", mode: 0o644)
    return certificate
  }

  private func pendingPath(_ id: [UInt8]) -> String { "\(path)/pending/\(Hex.encode(id)).json" }

  private func pendingIDs() throws(Failure) -> [[UInt8]] {
    guard let directory = opendir(path + "/pending") else {
      throw .system(call: "opendir", path: path + "/pending", errno: errno)
    }
    defer { closedir(directory) }
    var ids: [[UInt8]] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasSuffix(".json"), let id = Hex.decode(String(name.dropLast(5))) { ids.append(id) }
    }
    return ids
  }

  // MARK: Files

  private func read(_ path: String) throws(Failure) -> String {
    do {
      return String(decoding: try SystemFiles().read(path, limit: Limits.fileBytes), as: UTF8.self)
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
    try sync(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
  }

  private func sync(_ path: String) throws(Failure) {
    let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw .system(call: "open", path: path, errno: errno) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw .system(call: "fsync", path: path, errno: errno) }
  }
}

extension AuthorityDirectory.Failure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .exists(let path): "\(path) exists: there is an authority already"
    case .system(let call, let path, let errno): "\(call) \(path): \(SystemFiles.text(errno))"
    case .unreadable(let path, let error): "\(path): \(error)"
    case .authority(let failure): "\(failure)"
    case .roots(let limit, let actual): "1 to \(limit) makers of TPMs are to be trusted, found \(actual)"
    case .full(let limit): "\(limit) challenges wait for their answers, and no more may"
    case .notPending: "the challenge was answered before, is too old, or is another authority's"
    case .malformed(let path, let reason): "\(path): \(reason)"
    }
  }
}
