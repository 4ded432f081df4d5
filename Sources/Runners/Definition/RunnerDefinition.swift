import CanonicalJSON
import Models

/// How a type of runner is started: `runners/definitions/TYPE.json` (docs/runners.md, "Definitions").
///
/// A definition is part of Safebox, not of a model. A manifest may set the options that are named here, to values that
/// are allowed here; nothing of a manifest is an argument of a program otherwise.
public struct RunnerDefinition: Sendable, Hashable {
  /// Greatest length of the text in bytes.
  public static let maxBytes = 64 << 10

  /// Names the type in manifests: 1 to 64 of `a-z 0-9 -`.
  public let type: String
  public let description: String
  /// What a runner of this type can be asked for.
  public let protocols: [ModelProtocol]
  /// The program in the container and its arguments; words may hold placeholders (``CommandTemplate``).
  public let command: [String]
  /// Further arguments for a model that serves a protocol.
  public let whenServing: [ModelProtocol: [String]]
  /// What a manifest may set, by name.
  public let options: [String: RunnerOption]
  /// What holds where a manifest sets nothing.
  public let defaults: [String: RunnerRequirement.Value]
  /// The whole environment of the program.
  public let environment: [String: String]
  /// Writable directories in memory, with their greatest size in bytes.
  public let writable: [String: Int64]
  /// CDI names of devices, `vendor/class=name`; used only for models that want GPUs.
  public let devices: [String]
  /// Whether it may use sockets of its own loopback device. There is no other device in any case.
  public let usesLoopback: Bool
  /// Name of one of Safebox's own static programs that is put at `/adapter/NAME`.
  public let adapter: String?
  /// Path that answers 200 when it is ready.
  public let health: String
  /// Seconds in which it must be ready.
  public let startSeconds: Int

  /// Reads a definition of at most ``maxBytes``; unknown members are refused.
  public init(parsing bytes: [UInt8]) throws(FieldError) {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes, limits: JSONLimits(maxBytes: Self.maxBytes, maxDepth: 8, integersOnly: true))
    } catch {
      throw FieldError(field: "", expected: "JSON of at most \(Self.maxBytes) bytes", actual: error.description)
    }
    try self.init(json: json)
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json, path: "")
    type = try reader.text("type", maxBytes: 64)
    guard type.utf8.allSatisfy(Self.isTypeByte) else {
      throw FieldError(field: "type", expected: "1 to 64 of a-z 0-9 -", actual: JSON.string(type).summary)
    }
    description = try reader.text("description", maxBytes: 256)
    protocols = try Self.protocols(reader.texts("protocols", maxCount: 16), at: "protocols")
    command = try reader.texts("command", maxCount: 128)
    guard command.first?.utf8.first == UInt8(ascii: "/") else {
      throw FieldError(
        field: "command", expected: "the absolute path of a program, and its arguments",
        actual: JSON.array(command.map(JSON.string)).summary)
    }
    var whenServing: [ModelProtocol: [String]] = [:]
    for (name, value) in try reader.entries("whenServing", maxCount: 16) {
      let one = try Self.protocols([name], at: "whenServing")
      whenServing[one[0]] = try ObjectReader.texts(value, at: "whenServing.\(name)", maxCount: 32, maxBytes: 256)
    }
    self.whenServing = whenServing
    var options: [String: RunnerOption] = [:]
    for (name, value) in try reader.entries("arguments", maxCount: RunnerRequirement.maxArguments) {
      options[name] = try RunnerOption(value, at: "arguments.\(name)")
    }
    self.options = options
    var defaults: [String: RunnerRequirement.Value] = [:]
    for (name, value) in try reader.entries("defaults", maxCount: RunnerRequirement.maxArguments) {
      guard let option = options[name] else {
        throw FieldError(field: "defaults.\(name)", expected: "one of the arguments", actual: "another name")
      }
      let chosen: RunnerRequirement.Value =
        if let integer = value.integer { .integer(integer) } else {
          .text(try ObjectReader.text(value, at: "defaults.\(name)", maxBytes: 64))
        }
      _ = try option.text(of: chosen, at: "defaults.\(name)")
      defaults[name] = chosen
    }
    self.defaults = defaults
    var environment: [String: String] = [:]
    for (name, value) in try reader.entries("environment", maxCount: 64) {
      environment[name] = try ObjectReader.text(value, at: "environment.\(name)", maxBytes: 1024)
    }
    self.environment = environment
    writable = try Self.writable(&reader)
    devices = try reader.texts("devices", maxCount: 16)
    usesLoopback = try reader.optionalBool("loopback", default: false)
    adapter = try reader.optionalText("adapter", maxBytes: 64)
    guard adapter?.utf8.allSatisfy({ Self.isTypeByte($0) }) ?? true else {
      throw FieldError(field: "adapter", expected: "1 to 64 of a-z 0-9 -", actual: JSON.string(adapter ?? "").summary)
    }
    health = try reader.text("health", maxBytes: 256)
    startSeconds = Int(try reader.integer("startSeconds", in: 1...7200))
    try reader.finish()
  }

  private static func isTypeByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
    default: false
    }
  }

  private static func protocols(_ names: [String], at field: String) throws(FieldError) -> [ModelProtocol] {
    var protocols: [ModelProtocol] = []
    for name in names {
      guard let one = ModelProtocol(rawValue: name), !protocols.contains(one) else {
        throw FieldError(
          field: field, expected: "some of \(ModelProtocol.allCases.map(\.rawValue)), each once",
          actual: JSON.string(name).summary)
      }
      protocols.append(one)
    }
    guard !protocols.isEmpty else { throw FieldError(field: field, expected: "at least one protocol", actual: "none") }
    return protocols
  }

  private static func writable(_ reader: inout ObjectReader) throws(FieldError) -> [String: Int64] {
    var writable: [String: Int64] = [:]
    for (path, value) in try reader.entries("writable", maxCount: 8) {
      guard path == "/tmp" || path == "/dev/shm" else {
        throw FieldError(field: "writable", expected: "/tmp or /dev/shm", actual: JSON.string(path).summary)
      }
      guard let bytes = value.integer, (4096...(1 << 40)).contains(bytes) else {
        throw FieldError(field: "writable.\(path)", expected: "4096 bytes to 1 TiB", actual: value.summary)
      }
      writable[path] = bytes
    }
    return writable
  }
}
