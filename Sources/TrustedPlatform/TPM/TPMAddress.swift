/// Where a TPM is reached: the transports of the software stack that are allowed, and no others.
///
/// The stack takes a library to load from such a text. What comes from a configuration file must not choose one.
public enum TPMAddress: Sendable, Hashable {
  /// A character device: `/dev/tpmrm0`, behind the kernel's resource manager, or `/dev/tpm0`, for one client at a time.
  case device(path: String)
  /// A software TPM (swtpm) on a unix socket; its control channel is the same path with `.ctrl` after it.
  case softwareSocket(path: String)
  /// A software TPM on a port of this machine; its control channel is the port above.
  case softwarePort(UInt16)

  /// The longest path, in bytes: what an address of a unix socket holds, less the control channel's ending.
  public static let maxPathBytes = 100

  /// Reads `device:/dev/tpmrm0`, `swtpm:path=/run/tpm/socket` or `swtpm:host=127.0.0.1,port=2321`.
  public init(_ text: String) throws(TPMFailure) {
    if let path = Self.rest(of: text, after: "device:") {
      // Below /dev a name cannot be a socket's or a file's that somebody else keeps there.
      guard path.hasPrefix("/dev/tpm"), Self.isPath(path) else { throw .unknownAddress(text) }
      self = .device(path: path)
    } else if let path = Self.rest(of: text, after: "swtpm:path=") {
      guard path.hasPrefix("/"), Self.isPath(path) else { throw .unknownAddress(text) }
      self = .softwareSocket(path: path)
    } else if let digits = Self.rest(of: text, after: "swtpm:host=127.0.0.1,port=") {
      // The control channel needs the next port.
      guard let port = UInt16(digits), port > 0, port < .max, String(port) == digits else {
        throw .unknownAddress(text)
      }
      self = .softwarePort(port)
    } else {
      throw .unknownAddress(text)
    }
  }

  private static func rest(of text: String, after prefix: String) -> String? {
    text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
  }

  private static func isPath(_ path: String) -> Bool {
    // A comma would begin another option of the transport, and `..` would leave /dev.
    path.utf8.count <= maxPathBytes && path.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
      && !path.split(separator: "/").contains("..")
  }

  /// The text that the software stack reads.
  public var text: String {
    switch self {
    case .device(let path): "device:\(path)"
    case .softwareSocket(let path): "swtpm:path=\(path)"
    case .softwarePort(let port): "swtpm:host=127.0.0.1,port=\(port)"
    }
  }

  /// Whether this is a program that plays a TPM, so that nothing it says proves anything about hardware.
  public var isSoftware: Bool {
    switch self {
    case .device: false
    case .softwareSocket, .softwarePort: true
    }
  }

  /// Whether nobody shares out the TPM's few places for loaded objects: then what is loaded while we are connected was left
  /// behind by a client that died.
  var isExclusive: Bool {
    switch self {
    case .device(let path): !path.hasPrefix("/dev/tpmrm")
    case .softwareSocket, .softwarePort: true
    }
  }

  /// `tpm0` for `/dev/tpm0` and `/dev/tpmrm0`: the kernel's name of the chip. nil for software.
  public var chip: String? {
    guard case .device(let path) = self else { return nil }
    let digits = path.reversed().prefix { $0.isASCII && $0.isNumber }.reversed()
    return digits.isEmpty ? nil : "tpm" + String(digits)
  }
}
