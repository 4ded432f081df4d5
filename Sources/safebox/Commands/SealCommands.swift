import Attestation
import CanonicalJSON
import Cryptography
import Glibc
import KeyRelease
import Storage
import Terminal
import TrustedPlatform

/// What commands take that ask a broker for a key.
struct KeyReleaseArguments {
  static let all: [Argument] = [
    .option("broker", value: "url", "the broker, such as https://broker.example:8472", isRequired: true),
    .option("broker-key", value: "digest", "the digest of its key, which it prints when it starts", isRequired: true),
    .option("name", value: "box", "this box's name there", isRequired: true),
    .option("tpm", value: "tcti", "the TPM, such as device:/dev/tpmrm0", isRequired: true),
    .option(
      "certificates", value: "file", "further certificates of the endorsement key, PEM", values: .file),
  ]

  /// The registers that are quoted: those of firmware, boot and kernel, and of the code that was measured at run time.
  static let registers: Set<Int> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14]

  let client: KeyReleaseClient
  let intermediates: [[UInt8]]
  private let tcti: String

  init(_ arguments: ParsedArguments) throws {
    guard let key = SHA256Digest(hex: try arguments.required("broker-key")) else {
      throw CommandError("--broker-key is no digest of 64 lower-case hexadecimal digits", exitCode: .usage)
    }
    let name = try arguments.required("name")
    client = try KeyReleaseClient(
      broker: .init(url: try arguments.required("broker"), key: key), box: name,
      identity: try ChannelIdentity(key: .generate(), name: name, at: WallClock.milliseconds()))
    tcti = try arguments.required("tpm")
    intermediates =
      try arguments.value("certificates").map { path in
        try Certificate.all(pem: String(decoding: try Files.read(path, limit: 65536), as: UTF8.self)).map(\.der)
      } ?? []
  }

  func device() throws -> TPMDevice { try TPMDevice(tcti: tcti) }

  /// A quote over the binding, with the registers.
  func attester() throws -> KeyReleaseClient.Attester {
    let collector = TPMCollector(device: try device(), registers: Self.registers)
    return { binding in try await collector.evidence(binding: binding) }
  }

  /// The released key.
  func release(_ key: String, patience: Int64) async throws -> SecretBytes {
    do {
      return try await client.release(
        key, wrapping: .generate(), patience: .seconds(patience), attester: try attester()
      ).key
    } catch let failure as KeyReleaseFailure {
      switch failure {
      case .refused: throw CommandError("\(failure)", exitCode: .denied)
      case .undecided: throw CommandError("\(failure)", exitCode: .pending)
      default: throw CommandError("\(failure)")
      }
    }
  }
}

/// `seal` and `unseal`: files under a key that a broker releases.
enum SealCommands {
  private static let files: [Argument] =
    KeyReleaseArguments.all + [
      .option("in", value: "file", "what to read", values: .file, isRequired: true),
      .option("out", value: "file", "what to write; must not be there yet", values: .file, isRequired: true),
      .option("wait", value: "span", "how long to wait for people; default: 60s"),
    ]

  static let seal = Command(
    "seal", "seal a file under a key that a broker releases to this box",
    arguments: [.option("key", value: "name", "the key's name", isRequired: true)] + files,
    run: { arguments in
      let header = SealedFile.Header(key: try arguments.required("key"))
      let key = try await released(header.key, arguments)
      var sealer = try FileSealer(key: key, header: header)
      try copy(arguments, skipping: 0, beginning: header.bytes, { try sealer.update($0) }, { try sealer.finish() })
      return .ok
    })

  static let unseal = Command(
    "unseal", "open a sealed file, if a broker releases its key to this box",
    discussion: "Nothing is left where the file is not whole and unchanged.", arguments: files,
    run: { arguments in
      let path = try arguments.required("in")
      let (header, count) = try SealedFile.Header.read(try Files.beginning(of: path, count: 1024))
      let key = try await released(header.key, arguments)
      var unsealer = try FileUnsealer(key: key, header: header)
      try copy(arguments, skipping: count, beginning: [], { try unsealer.update($0) }, { try unsealer.finish() })
      return .ok
    })

  private static func released(_ key: String, _ arguments: ParsedArguments) async throws -> SecretBytes {
    try await KeyReleaseArguments(arguments).release(key, patience: try arguments.seconds("wait") ?? 60)
  }

  /// Reads, transforms and writes; what could not be finished is taken away again, so that nobody takes a part for the whole.
  private static func copy(
    _ arguments: ParsedArguments, skipping count: Int, beginning: [UInt8],
    _ update: (ArraySlice<UInt8>) throws -> [UInt8], _ finish: () throws -> [UInt8]
  ) throws {
    let (from, to) = (try arguments.required("in"), try arguments.required("out"))
    let source = open(from, O_RDONLY | O_CLOEXEC)
    guard source >= 0 else { throw CommandError("\(from): \(String(cString: strerror(errno)))") }
    defer { close(source) }
    let target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard target >= 0 else { throw CommandError("\(to): \(String(cString: strerror(errno)))") }
    defer { close(target) }
    do {
      guard lseek(source, off_t(count), SEEK_SET) == off_t(count) else { throw failure(from) }
      try write(beginning, target, to)
      var buffer = [UInt8](repeating: 0, count: 1 << 20)
      while true {
        let read = Glibc.read(source, &buffer, buffer.count)
        if read < 0 && errno == EINTR { continue }
        guard read >= 0 else { throw failure(from) }
        guard read > 0 else { break }
        try write(try update(buffer[..<read]), target, to)
      }
      try write(try finish(), target, to)
      guard fsync(target) == 0 else { throw failure(to) }
    } catch {
      unlink(to)
      throw (error as? SealedFile.Fault).map { CommandError("\(from): \($0)", exitCode: .verificationFailed) } ?? error
    }
  }

  private static func failure(_ path: String) -> CommandError {
    CommandError("\(path): \(String(cString: strerror(errno)))")
  }

  private static func write(_ bytes: [UInt8], _ target: Int32, _ path: String) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(target, $0.baseAddress, $0.count) }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw failure(path) }
      rest = rest.dropFirst(written)
    }
  }
}
