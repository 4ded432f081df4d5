import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Storage
import TransparencyLog

/// The box's directory: what is where, with which mode (docs/operations.md).
public struct DataDirectory: Sendable {
  /// Why the directory cannot be used.
  public enum Failure: Error, CustomStringConvertible {
    case absent(path: String)
    case missing(file: String)
    case notEmpty(path: String)
    case malformed(file: String, reason: String)
    /// Directory and `box.json` say different things of the master key.
    case contradictory(path: String, reason: String)
    /// The released key is not the one with which the directory was made.
    case otherKey(path: String)

    public var description: String {
      switch self {
      case .absent(let path): "there is no box in \(path)"
      case .missing(let file): "\(file) is missing"
      case .notEmpty(let path): "\(path) is not empty"
      case .malformed(let file, let reason): "\(file): \(reason)"
      case .contradictory(let path, let reason): "\(path): \(reason)"
      case .otherKey(let path): "the released key is not the one with which \(path) was made: its check value differs"
      }
    }
  }

  /// The keys with which a box signs. The one with which it opens is another matter: see ``masterKey(_:)``.
  public struct Keys: Sendable {
    public let ed25519: Ed25519.PrivateKey
    public let es256: P256.PrivateKey

    public init(ed25519: Ed25519.PrivateKey, es256: P256.PrivateKey) {
      self.ed25519 = ed25519
      self.es256 = es256
    }
  }

  public let path: String

  public init(path: String) { self.path = path }

  public var configurationPath: String { "\(path)/box.json" }
  public var clientsPath: String { "\(path)/clients.json" }
  public var publicPath: String { "\(path)/public.json" }
  public var keysPath: String { "\(path)/keys" }
  public var ed25519Path: String { "\(path)/keys/log-ed25519.key" }
  public var es256Path: String { "\(path)/keys/log-es256.key" }
  public var masterPath: String { "\(path)/keys/master.key" }
  /// Where the master key comes from, and by what it is known.
  public var masterRecordPath: String { "\(path)/keys/master.json" }
  /// The key by which boxes know this broker.
  public var brokerKeyPath: String { "\(path)/keys/broker-tls.key" }
  public var logPath: String { "\(path)/log" }
  public var blobsPath: String { "\(path)/blobs" }
  public var streamsPath: String { "\(path)/streams" }
  /// Where each export has come to.
  public var exportsPath: String { "\(path)/exports" }
  /// The salts below which communities and tenants have their keys.
  public var communityKeysPath: String { "\(path)/community-keys" }
  public var keychainPath: String { "\(path)/keychain" }
  public var inferenceSocketPath: String { "\(path)/inference.sock" }
  public var inferenceUsagePath: String { "\(path)/inference-usage.json" }
  public var transactionsPath: String { "\(path)/transactions" }

  public func configuration() throws -> BoxConfiguration {
    let bytes = try read(configurationPath, limit: 65536)
    do {
      return try BoxConfiguration(parsing: bytes)
    } catch {
      throw Failure.malformed(file: configurationPath, reason: "\(error)")
    }
  }

  /// The API clients; none where the file is absent.
  public func clients() throws -> APIClients {
    guard let bytes = try WholeFile.read(clientsPath, limit: 1 << 20) else { return APIClients() }
    do {
      return try APIClients(parsing: bytes)
    } catch {
      throw Failure.malformed(file: clientsPath, reason: "\(error)")
    }
  }

  public func write(_ clients: APIClients) throws {
    try WholeFile.replace(clientsPath, with: clients.bytes, mode: 0o600)
  }

  /// Reads the keys; refuses files that others may read.
  public func keys(origin: String) throws -> Keys {
    let ed25519Text = String(decoding: try secret(ed25519Path), as: UTF8.self)
    let ed25519: Ed25519.PrivateKey
    do {
      let (name, key) = try SignerKeyText.decode(ed25519Text.trimmingLineEnd)
      guard name == origin else {
        throw Failure.malformed(file: ed25519Path, reason: "it is the key of \(name), the box is \(origin)")
      }
      ed25519 = key
    } catch let error as VerifierKey.Failure {
      throw Failure.malformed(file: ed25519Path, reason: "\(error)")
    }
    let es256: P256.PrivateKey
    do {
      es256 = try P256.PrivateKey(pkcs8PEM: String(decoding: try secret(es256Path), as: UTF8.self))
    } catch let error as CryptographyError {
      throw Failure.malformed(file: es256Path, reason: "\(error)")
    }
    return Keys(ed25519: ed25519, es256: es256)
  }

  func write(_ keys: Keys, origin: String) throws {
    _ = try Directory.make(keysPath)
    try WholeFile.create(
      ed25519Path, with: Array(try SignerKeyText.encode(name: origin, key: keys.ed25519).utf8) + [10], mode: 0o600)
    try WholeFile.create(es256Path, with: Array(keys.es256.pkcs8PEM.utf8), mode: 0o600)
  }

  private func read(_ path: String, limit: Int) throws -> [UInt8] {
    guard let bytes = try WholeFile.read(path, limit: limit) else {
      if path == configurationPath { throw Failure.absent(path: self.path) }
      throw Failure.missing(file: path)
    }
    return bytes
  }

  func secret(_ path: String) throws -> [UInt8] {
    guard let bytes = try WholeFile.read(path, limit: 65536, secret: true) else { throw Failure.missing(file: path) }
    return bytes
  }
}

extension String {
  var trimmingLineEnd: String { hasSuffix("\n") ? String(dropLast()) : self }
}

/// `public.json`: what everybody may know of a box, and what a verifier pins.
public struct PublicKeys: Sendable, Hashable {
  public var box: String
  /// C2SP verifier key.
  public var ed25519: String
  /// `data:key/es256;base64,...`.
  public var es256: String

  public init(box: String, keys: BoxKeys) {
    self.box = box
    ed25519 = keys.ed25519
    es256 = keys.es256
  }

  public init(parsing bytes: [UInt8]) throws {
    var reader = try ObjectReader(try JSON(parsing: bytes, limits: .document(maxBytes: 65536)))
    let format = try reader.string("format", maxBytes: 64)
    guard format == "safebox-public/v1" else {
      throw FieldError(field: "format", expected: "safebox-public/v1", actual: format)
    }
    box = try reader.string("box", maxBytes: 255)
    ed25519 = try reader.string("ed25519", maxBytes: 512)
    es256 = try reader.string("es256", maxBytes: 512)
    try reader.finish()
  }

  public var bytes: [UInt8] {
    JSON.object([
      "format": "safebox-public/v1", "box": .string(box), "ed25519": .string(ed25519), "es256": .string(es256),
    ]).canonicalBytes() + [10]
  }
}
