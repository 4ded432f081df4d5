import CanonicalJSON
import Cryptography
import Glibc
import Governance
import HTTPClient
import SystemOperations
import Terminal
import TransparencyLog

/// `init`: pins a box.
enum InitCommand {
  static let command = Command(
    "init", "pin a box: its keys and its first entry",
    discussion: """
      Writes the configuration, and makes the root directory with this process's own key. Give the leaf hash of entry 0 \
      with --genesis, or a running box with --log; then compare what is printed with what the owners know, because \
      everything rests on it.
      """,
    arguments: [
      SystemCommand.configuration,
      .option("public", value: "file", "the box's public.json", values: .file, isRequired: true),
      .option("genesis", value: "hex", "leaf hash of entry 0"),
      .option("log", value: "address", "the box's API, such as http://127.0.0.1:8470, to read entry 0 from"),
      .option(
        "root", value: "dir", "the root directory", values: .directory, default: SystemConfiguration.standardRoot),
      .option("socket", value: "path", "the unix socket", default: SystemConfiguration.standardSocket),
      .option("uid", value: "number", "a user who is answered", isRequired: true, isRepeated: true),
      .option("witness-policy", value: "file", "C2SP tlog-policy; checkpoints need its quorum", values: .file), .json,
    ], run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    umask(0o077)
    let (box, keys) = try publicKeys(try arguments.required("public"))
    let genesis = try await genesis(arguments, box, keys)
    let uids = try arguments.values("uid").map { text in
      guard let uid = UInt32(text) else {
        throw CommandError("--uid is \"\(text)\", a number is expected", exitCode: .usage)
      }
      return uid
    }
    let root = try arguments.required("root")
    let configuration = SystemConfiguration(
      box: box, keys: keys, genesis: genesis, root: root, socket: try arguments.required("socket"), uids: uids,
      witnesses: try arguments.value("witness-policy").map { String(decoding: try file($0), as: UTF8.self) })
    // What would be refused later is refused before anything is written.
    _ = try SystemConfiguration(parsing: configuration.bytes)
    guard mkdir(root, 0o755) == 0 || errno == EEXIST else { throw CommandError("\(root) cannot be made") }
    let directory = try AnchoredDirectory(opening: root)
    // The way to the sockets of runners; what is private below it says so itself.
    try directory.setMode(0o755)
    let key = try SystemKey.make(in: directory)
    try ConfigurationFile.create(try arguments.required("configuration"), configuration)
    if arguments.wantsJSON {
      let result: JSON = ["box": .string(box), "genesis": .string(genesis.hex), "key": .string(key.text)]
      Terminal.standard.write(result.canonicalString() + "\n")
    } else {
      Terminal.standard.write("box      \(box)\ngenesis  \(genesis.hex)\nkey      \(key.text)\n")
    }
    return .ok
  }

  private static func publicKeys(_ path: String) throws -> (String, BoxKeys) {
    var reader = try ObjectReader(try JSON(parsing: file(path), limits: .document(maxBytes: 65_536)))
    let format = try reader.string("format", maxBytes: 64)
    guard format == "safebox-public/v1" else { throw CommandError("\(path) is no public.json of a box") }
    let box = try reader.string("box", maxBytes: 255)
    let keys = BoxKeys(
      ed25519: try reader.string("ed25519", maxBytes: 512), es256: try reader.string("es256", maxBytes: 512))
    try reader.finish()
    return (box, keys)
  }

  private static func genesis(_ arguments: ParsedArguments, _ box: String, _ keys: BoxKeys) async throws -> SHA256Digest
  {
    switch (arguments.value("genesis"), arguments.value("log")) {
    case (let hex?, nil):
      guard let digest = SHA256Digest(hex: hex) else {
        throw CommandError("--genesis is not 64 hexadecimal digits", exitCode: .usage)
      }
      return digest
    case (nil, let address?):
      let entry = try await firstEntry(address)
      let created = try BoxCreated(body: Entry(parsing: entry).body)
      guard created.box == box, created.keys == keys else {
        throw CommandError(
          "the log at \(address) is that of \(created.box), or of other keys than those in public.json",
          exitCode: .verificationFailed)
      }
      return MerkleTree.leafHash(entry)
    default: throw CommandError("give either --genesis or --log", exitCode: .usage)
    }
  }

  /// Entry 0 as a box shows it to everybody (C2SP tlog-tiles). It may be any box; what it is is checked by the caller.
  private static func firstEntry(_ address: String) async throws -> [UInt8] {
    let socket = address.hasPrefix("unix:") ? String(address.dropFirst(5)) : nil
    let base = socket == nil ? address : "http://localhost"
    let client = HTTPClient()
    defer { client.shutDown() }
    // Whoever runs this names the address; it may be on this machine or on a private network.
    let networks = ["0.0.0.0/0", "::/0"].compactMap { IPNetwork($0) }
    let policy = EgressPolicy(
      publicPorts: .any, permitsPlainHTTP: true, allowances: Set(networks.map { .network($0, ports: .any) }),
      unixSockets: Set([socket].compactMap { $0 }))
    func get(_ path: String) async throws -> [UInt8] {
      let response = try await client.send(
        HTTPClientRequest(url: "\(base)/log/\(path)", unixSocketPath: socket), policy: policy)
      guard response.status == 200 else { throw CommandError("\(address)/log/\(path) answers \(response.status)") }
      return response.body
    }
    let checkpoint = try SignedCheckpoint(parsing: try await get("checkpoint")).checkpoint
    let width = Int(min(checkpoint.size, UInt64(TilePath.fullWidth)))
    guard let path = TilePath(.entries, index: 0, width: width) else {
      throw CommandError("the log at \(address) is empty")
    }
    guard let entry = try EntryBundle(parsing: try await get(path.path), width: width).entries.first else {
      throw CommandError("the log at \(address) is empty")
    }
    return entry
  }

  private static func file(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "re") else { throw CommandError("\(path) cannot be read") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: (1 << 20) + 1)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0, count <= 1 << 20 else { throw CommandError("\(path) cannot be read, or is over 1 MiB") }
    return Array(bytes[..<count])
  }
}
