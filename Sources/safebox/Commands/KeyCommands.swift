import BoxService
import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Storage
import Terminal

/// `key new`, `key show`: a signer's key, made and kept on the signer's own device.
enum KeyCommands {
  static let command = Command(
    "key", "make and show signing keys",
    subcommands: [
      Command(
        "new", "make a signer's key and the public file for the box's owner",
        discussion: """
          Writes DIR/NAME.key (PKCS#8, readable by you alone) and DIR/NAME.signer.json, which holds the public key and \
          the proof that its holder agrees to be this signer of this box. Only the second file leaves your device.
          """,
        arguments: [
          .option("signer", value: "name", "the signer's name in the box", isRequired: true),
          .option("box", value: "origin", "the box's name", isRequired: true),
          .option("out", value: "dir", "where to write", values: .directory, default: "."), .json,
        ], run: make),
      Command(
        "show", "print the public part of a key or signer file",
        arguments: [.positional("file", "a .key or .signer.json file", values: .file), .json], run: show),
    ])

  private static func make(_ arguments: ParsedArguments) throws -> ExitCode {
    let name = try arguments.required("signer")
    let box = try arguments.required("box")
    guard Name.isValid(name) else {
      throw CommandError("\(name) is not a signer's name: 1-64 of a-z 0-9 . _ -", exitCode: .usage)
    }
    guard Name.isOrigin(box) else { throw CommandError("\(box) is not a box's name", exitCode: .usage) }
    let key = P256.PrivateKey.generate()
    let file = try SignerKeyFile.signerFile(box: box, signer: name, key: key)
    let directory = try arguments.required("out")
    _ = try Directory.make(directory)
    let keyPath = "\(directory)/\(name).key"
    let publicPath = "\(directory)/\(name).signer.json"
    // Neither without the other: a key without its public file would only be in the way of the next try.
    for path in [keyPath, publicPath] { try Files.demandAbsent(path) }
    try Files.write(Array(key.pkcs8PEM.utf8), to: keyPath, mode: 0o600, replacing: false)
    try Files.write(file.json.canonicalBytes() + [10], to: publicPath, replacing: false)
    if arguments.wantsJSON {
      Terminal.standard.write(
        JSON.object(["key": .string(keyPath), "signer": .string(publicPath)]).canonicalString() + "\n")
    } else {
      Terminal.standard.write("private key:  \(keyPath)  (keep it here)\npublic file:  \(publicPath)\n")
    }
    return .ok
  }

  private static func show(_ arguments: ParsedArguments) throws -> ExitCode {
    let path = try arguments.required("file")
    let bytes = try Files.read(path, limit: 65536)
    let keys: [String]
    if let json = try? JSON(parsing: bytes, limits: .document(maxBytes: 65536)) {
      keys = try SignerFile(json: json).keys.compactMap { $0["key"]?.string }
    } else {
      keys = [ClaimKey(try SignerKeyFile.read(path).publicKey).text]
    }
    Terminal.standard.write(
      arguments.wantsJSON
        ? JSON.object(["keys": .array(keys.map { .string($0) })]).canonicalString() + "\n"
        : keys.joined(separator: "\n") + "\n")
    return .ok
  }
}

/// A signer's private key file.
enum SignerKeyFile {
  static let arguments: [Argument] = [
    .option("key", value: "file", "your private key", values: .file, isRequired: true),
    .option("signer", value: "name", "your name in the box; default: the key file's name"),
  ]

  static func read(_ path: String) throws -> P256.PrivateKey {
    let bytes: [UInt8]?
    do {
      bytes = try WholeFile.read(path, limit: 65536, secret: true)
    } catch {
      throw CommandError("\(error)", hints: ["a private key is a file of your own: chmod 600 \(path)"])
    }
    guard let bytes else { throw CommandError("there is no key \(path)") }
    do {
      return try P256.PrivateKey(pkcs8PEM: String(decoding: bytes, as: UTF8.self))
    } catch {
      throw CommandError("\(path) is not a P-256 private key in PKCS#8 PEM: \(error)")
    }
  }

  /// The key and the signer's name from the arguments of a command.
  static func signer(_ arguments: ParsedArguments) throws -> (name: String, signer: ClaimSigner) {
    let path = try arguments.required("key")
    let file = path.split(separator: "/").last.map(String.init) ?? path
    let name = arguments.value("signer") ?? (file.hasSuffix(".key") ? String(file.dropLast(4)) : file)
    return (name, ClaimSigner(try read(path)))
  }

  static func signerFile(box: String, signer: String, key: P256.PrivateKey) throws -> SignerFile {
    let claimSigner = ClaimSigner(key)
    let claim = try Claim.possession(box: box, signer: signer, key: claimSigner.key).signed(by: claimSigner)
    guard let possession = claim.signatures.first ?? nil else { throw CommandError("the key did not sign") }
    return SignerFile(
      box: box, signer: signer,
      keys: [["key": .string(claimSigner.key.text), "possession": .string(possession)]])
  }
}
