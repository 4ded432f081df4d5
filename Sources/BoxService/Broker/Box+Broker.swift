import Attestation
import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import HTTPServer
import KeyRelease
import ObjectStorage
import Storage

/// What makes a box a broker of keys.
struct BoxBroker: Sendable {
  let vault: KeyVault
  /// By this key boxes know the broker.
  let identity: ChannelIdentity
  let authorities: EnrolmentAuthorities
  let listen: BoxConfiguration.Listener

  /// Nil where the configuration makes the box none.
  init?(
    _ configuration: BrokerConfiguration?, origin: String, directory: DataDirectory, blobs: BlobStore,
    blocking: BlockingWork, sequencer: Sequencer, client: HTTPClient, environment: Box.Environment
  ) throws {
    guard let configuration else { return nil }
    listen = configuration.listen
    vault = KeyVault(
      origin: origin, kek: try Self.kek(configuration.keyEncryption, client: client, clock: environment.clock),
      store: BrokerStore(blobs: blobs, blocking: blocking),
      appraisals: ContentStore(kind: .appraisal, blobs: blobs, blocking: blocking), appraiser: environment.appraiser,
      sequencer: sequencer, blocking: blocking, freshness: configuration.freshness * 1000, clock: environment.clock)
    identity = try Self.identity(in: directory, origin: origin, at: environment.clock())
    authorities = EnrolmentAuthorities(anchors: try configuration.authorities.map(Self.anchor))
  }

  static func anchor(_ authority: BrokerConfiguration.Authority) throws -> TrustAnchor {
    guard let pem = try WholeFile.read(authority.certificate, limit: 65536) else {
      throw DataDirectory.Failure.missing(file: authority.certificate)
    }
    let certificates = try Certificate.all(pem: String(decoding: pem, as: UTF8.self))
    guard certificates.count == 1, let certificate = certificates.first else {
      throw DataDirectory.Failure.malformed(file: authority.certificate, reason: "expected one certificate")
    }
    return TrustAnchor(
      name: authority.name, purpose: .tpm, certificate: certificate,
      assurance: authority.isHardware ? .hardware(vendor: authority.name) : .software(name: authority.name))
  }

  static func kek(
    _ configuration: BrokerConfiguration.KeyEncryption, client: HTTPClient, clock: @escaping @Sendable () -> Int64
  ) throws -> any KeyEncryptionKey {
    switch configuration {
    case .file(let path): return try FileKey(path: path)
    case .pkcs11(let location): return PKCS11Key(location)
    case .awsKMS(let endpoint, let region, let key, let path):
      guard let bytes = try WholeFile.read(path, limit: 4096, secret: true) else {
        throw DataDirectory.Failure.missing(file: path)
      }
      let line = bytes.last == 10 ? bytes.dropLast() : bytes[...]
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
        throw DataDirectory.Failure.malformed(file: path, reason: "expected ACCESS-KEY:SECRET")
      }
      let credentials = try S3Credentials(
        accessKey: String(decoding: line[..<colon], as: UTF8.self),
        secretKey: SecretBytes(copying: line[line.index(after: colon)...]))
      return try AWSKeyManagement(
        .init(endpoint: endpoint, region: region, key: key, credentials: credentials), client: client, clock: clock)
    }
  }

  /// Made once, and then kept: boxes pin it.
  private static func identity(in directory: DataDirectory, origin: String, at: Int64) throws -> ChannelIdentity {
    let path = directory.brokerKeyPath
    if let pem = try WholeFile.read(path, limit: 65536, secret: true) {
      return try ChannelIdentity(
        key: try P256.PrivateKey(pkcs8PEM: String(decoding: pem, as: UTF8.self)), name: origin, at: at)
    }
    let key = P256.PrivateKey.generate()
    try WholeFile.create(path, with: Array(key.pkcs8PEM.utf8), mode: 0o600)
    return try ChannelIdentity(key: key, name: origin, at: at)
  }

  /// The executors of a broker's action types.
  var executors: [KeyExecutor] { KeyExecutor.types.sorted().map { KeyExecutor(type: $0, vault: vault) } }

  /// The broker's own listener.
  func server(
    core: BoxCore, clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void
  ) throws -> HTTPServer {
    guard case .tcp(let address, let port) = listen, let port = UInt16(exactly: port) else {
      throw FieldError(field: "broker.listen", expected: "NUMERIC-ADDRESS:PORT", actual: listen.text)
    }
    let context = try TLSServerContext(
      certificateChainPEM: identity.certificatePEM, privateKeyPEM: identity.privateKeyPEM,
      clientAuthentication: .proofOfKey)
    var configuration = HTTPServerConfiguration(listeners: [.tls(address: address, port: port, context)])
    configuration.limits.body = BrokerMessages.maxRequestBytes
    let broker = KeyBroker(
      core: core, vault: vault, nonces: NonceBook(), enrolments: EnrolmentBook(authorities: authorities), clock: clock)
    return HTTPServer(configuration: configuration, handler: BrokerHandler(broker: broker, report: report))
  }
}
