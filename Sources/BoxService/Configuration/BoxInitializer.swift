import CanonicalJSON
import Cryptography
import Glibc
import Governance
import OpenClaims
import Storage
import TransparencyLog

/// `safebox init`: makes the keys, checks the constitution, and writes entry 0. All or nothing: what fails on the
/// way is taken back, and a directory that a power cut left half made has no `box.json`, which is written last.
public struct BoxInitializer: Sendable {
  public var directory: DataDirectory
  public var origin: String
  /// `{"committees","policies","root"}` and optionally `passkeys`.
  public var constitution: JSON
  /// The contents of the signers' `.signer.json` files.
  public var signers: [JSON]
  public var configuration: BoxConfiguration
  public var witnessPolicy: String?

  public init(
    directory: DataDirectory, origin: String, constitution: JSON, signers: [JSON], configuration: BoxConfiguration,
    witnessPolicy: String?
  ) {
    self.directory = directory
    self.origin = origin
    self.constitution = constitution
    self.signers = signers
    self.configuration = configuration
    self.witnessPolicy = witnessPolicy
  }

  /// The constitution of epoch 1 with the signers merged in; checked whole.
  public func firstConstitution() throws -> Constitution {
    guard var object = constitution.object else {
      throw FieldError(
        field: "", expected: "an object with committees, policies and root", actual: constitution.summary)
    }
    var members: JSONObject = [:]
    for (index, signer) in signers.enumerated() {
      let file = try SignerFile(json: signer, path: "signers[\(index)]")
      guard file.box == origin else {
        throw FieldError(field: "signers[\(index)].box", expected: origin, actual: file.box)
      }
      guard members[file.signer] == nil else {
        throw FieldError(field: "signers[\(index)].signer", expected: "a signer given once", actual: file.signer)
      }
      members[file.signer] = ["keys": .array(file.keys)]
    }
    object["signers"] = .object(members)
    object["box"] = .string(origin)
    object["epoch"] = 1
    let constitution = try Constitution(json: .object(object))
    try constitution.validate()
    return constitution
  }

  /// Makes the box. The master key is made here too, unless a broker is to release one: then there is never a file of it.
  ///
  /// - Parameters:
  ///   - at: the time of entry 0, Unix milliseconds.
  ///   - keys: fresh keys.
  public func run(at: Int64, keys: DataDirectory.Keys) async throws -> PublicKeys {
    let constitution = try firstConstitution()
    let existed = WholeFile.exists(directory.path)
    let root = try Directory.make(directory.path)
    guard try root.isEmpty() else { throw DataDirectory.Failure.notEmpty(path: directory.path) }
    do {
      return try await fill(constitution, at, keys)
    } catch {
      // The directory was empty, so all that is in it was put there by this run.
      try? root.removeContents()
      if !existed { rmdir(directory.path) }
      throw error
    }
  }

  private func fill(
    _ constitution: Constitution, _ at: Int64, _ keys: DataDirectory.Keys
  ) async throws -> PublicKeys {
    let boxKeys = BoxKeys(
      ed25519: try VerifierKey(name: origin, ed25519: keys.ed25519.publicKey).text,
      es256: ClaimKey(keys.es256.publicKey).text)
    let created = BoxCreated(box: origin, keys: boxKeys, constitution: constitution, witnesses: witnessPolicy)
    let entry = try created.entry(at: at)
    var state = BoxState()
    try state.apply(entry)
    try directory.write(keys, origin: origin)
    try directory.write(master: configuration.keyRelease == nil ? .random(count: 32) : nil)
    try await append(entry, signers: try CheckpointSigners(origin: origin, keys: keys))
    let publicKeys = PublicKeys(box: origin, keys: boxKeys)
    try WholeFile.create(directory.publicPath, with: publicKeys.bytes, mode: 0o644)
    try WholeFile.create(directory.clientsPath, with: APIClients().bytes, mode: 0o600)
    try WholeFile.create(directory.configurationPath, with: configuration.bytes, mode: 0o600)
    return publicKeys
  }

  private func append(_ entry: Entry, signers: CheckpointSigners) async throws {
    let store = try LogStore(path: directory.logPath, origin: origin)
    guard case .ready(let writer) = try store.start(trust: .init(log: signers.log, witnesses: [])) else {
      throw DataDirectory.Failure.notEmpty(path: directory.logPath)
    }
    let noteSigners = signers.signers
    let log = try GroupCommitLog<Int, Entry, Int>(
      writer: writer, state: 0, sign: { try SignedCheckpoint($0, signers: noteSigners) },
      decide: { _, entry, _ in AppendPlan(entries: [try EntryDraft(entry.bytes)], response: 0) })
    _ = try await log.submit(entry)
    await log.close()
  }
}

/// `NAME.signer.json`: a signer's public keys with the proof that each belongs to them.
public struct SignerFile: Sendable, Hashable {
  public var box: String
  public var signer: String
  /// `{"key","possession"}` each.
  public var keys: [JSON]

  public init(box: String, signer: String, keys: [JSON]) {
    self.box = box
    self.signer = signer
    self.keys = keys
  }

  public init(json: JSON, path: String = "") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let format = try reader.string("format", maxBytes: 64)
    guard format == "safebox-signer/v1" else {
      throw FieldError(field: reader.pathOf("format"), expected: "safebox-signer/v1", actual: format)
    }
    box = try reader.string("box", maxBytes: 255)
    signer = try reader.string("signer", maxBytes: 64)
    keys = try reader.array("keys", maxCount: 8)
    try reader.finish()
  }

  public var json: JSON {
    [
      "format": "safebox-signer/v1", "box": .string(box), "signer": .string(signer), "keys": .array(keys),
    ]
  }
}
