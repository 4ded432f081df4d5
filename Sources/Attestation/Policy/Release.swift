public import CanonicalJSON
import Cryptography

/// An image or a version of software, with the values that its measurements must have. Its owners sign it M-of-N
/// (`release.approve`), and each value is traced to it by name.
public struct Release: Sendable, Hashable {
  public enum Limits {
    public static let kinds = 8
    public static let registers = 64
    public static let values = 16
  }

  public let name: String
  public let version: String
  /// Accepted values of the named registers, for each kind of evidence: at least one register of each kind.
  public let references: [EvidenceKind: [String: [[UInt8]]]]

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    name = try reader.string("name", maxBytes: 128)
    version = try reader.string("version", maxBytes: 64)
    references = try Self.references(try reader.json("references"), path: reader.pathOf("references"))
    try reader.finish()
  }

  /// `{KIND: {REGISTER: [HEX, ...]}}`.
  static func references(_ json: JSON, path: String) throws(FieldError) -> [EvidenceKind: [String: [[UInt8]]]] {
    guard let kinds = json.object, (1...Limits.kinds).contains(kinds.count) else {
      throw FieldError(
        field: path, expected: "an object of 1 to \(Limits.kinds) kinds of evidence", actual: json.summary)
    }
    var references: [EvidenceKind: [String: [[UInt8]]]] = [:]
    for (name, json) in kinds {
      // A combination is measured by its members.
      guard let kind = EvidenceKind(rawValue: name), kind != .combined else {
        throw FieldError(field: path, expected: "kinds of evidence as names", actual: JSON.string(name).summary)
      }
      references[kind] = try registers(json, path: "\(path).\(name)")
    }
    return references
  }

  private static func registers(_ json: JSON, path: String) throws(FieldError) -> [String: [[UInt8]]] {
    guard let object = json.object, (1...Limits.registers).contains(object.count) else {
      throw FieldError(field: path, expected: "an object of 1 to \(Limits.registers) registers", actual: json.summary)
    }
    var registers: [String: [[UInt8]]] = [:]
    for (name, json) in object {
      let field = "\(path).\(name)"
      guard let values = json.array, (1...Limits.values).contains(values.count) else {
        throw FieldError(field: field, expected: "1 to \(Limits.values) values", actual: json.summary)
      }
      registers[name] = try values.map { value throws(FieldError) in
        guard let text = value.string, let bytes = Hex.decode(text), (20...64).contains(bytes.count) else {
          throw FieldError(field: field, expected: "20 to 64 bytes in hexadecimal", actual: value.summary)
        }
        return bytes
      }
    }
    return registers
  }

  public var json: JSON {
    var kinds = JSONObject()
    for (kind, registers) in references {
      var object = JSONObject()
      for (name, values) in registers { object[name] = .array(values.map { .string(Hex.encode($0)) }) }
      kinds[kind.rawValue] = .object(object)
    }
    return ["name": .string(name), "version": .string(version), "references": .object(kinds)]
  }

  /// The registers that do not have an accepted value, by kind and name; empty where the release matches. nil where the release
  /// says nothing about one of the kinds: silence matches nothing. Were one member of a combination enough, the other could
  /// come from a machine that runs anything.
  func differences(from measured: [EvidenceKind: [String: [UInt8]]]) -> [Difference]? {
    var differences: [Difference] = []
    for (kind, registers) in measured.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      guard let expected = references[kind] else { return nil }
      for (name, values) in expected.sorted(by: { $0.key < $1.key }) {
        if let actual = registers[name], values.contains(actual) { continue }
        differences.append(
          Difference(
            register: measured.count > 1 ? "\(kind.rawValue).\(name)" : name, expected: values,
            actual: registers[name]))
      }
    }
    return differences
  }

  /// A register with another value than the release has.
  struct Difference: Sendable, Hashable {
    let register: String
    let expected: [[UInt8]]
    /// nil where the evidence has no such register.
    let actual: [UInt8]?

    var found: String { "\(register) \(actual.map(Hex.encode) ?? "absent")" }
    var demanded: String { "\(register) \(expected.map(Hex.encode).joined(separator: " or "))" }
  }

  /// Makes the check ``CheckID/policyRelease``: passes by naming the release, fails by naming the registers in which the
  /// nearest one differs.
  static func match(
    _ measured: [EvidenceKind: [String: [UInt8]]], among releases: [Release], into checks: inout CheckList
  ) {
    var nearest: (release: Release, differences: [Difference])?
    for release in releases {
      guard let differences = release.differences(from: measured) else { continue }
      if differences.isEmpty { return checks.pass(.policyRelease, "\(release.name) \(release.version)") }
      if differences.count < nearest?.differences.count ?? .max { nearest = (release, differences) }
    }
    guard let nearest else {
      return checks.fail(
        .policyRelease, expected: "a release with reference values for \(measured.keys.text)",
        actual: releases.map { "\($0.name) \($0.version)" }.joined(separator: ", "))
    }
    checks.fail(
      .policyRelease,
      expected: "\(nearest.release.name) \(nearest.release.version): "
        + nearest.differences.map(\.demanded).joined(separator: ", "),
      actual: nearest.differences.map(\.found).joined(separator: ", "))
  }
}
