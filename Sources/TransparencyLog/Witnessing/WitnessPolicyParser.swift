extension WitnessPolicy {
  /// Why a text is not a policy, and on which line (counted from one; zero for the text as a whole).
  public struct Failure: Error, Hashable, CustomStringConvertible {
    public enum Reason: Error, Hashable, CustomStringConvertible {
      case tooLong(bytes: Int, limit: Int)
      case controlOctet(UInt8)
      case unknownKeyword(String)
      case wrongNumberOfItems(keyword: String)
      case invalidKey(VerifierKey.Failure)
      /// A log's key must be Ed25519 or ECDSA, a witness's an Ed25519 cosignature key. ML-DSA-44 cannot be verified here
      /// and would never count.
      case unsuitableKey(VerifierKey.Algorithm)
      case duplicateKey
      case reservedName
      case duplicateName(String)
      case unknownName(String)
      case invalidThreshold(String, members: Int)
      /// A name may be a member once, so that a witness counts in one way only.
      case alreadyMember(String)
      case missingQuorum
      case secondQuorum
      case tooMany(String, limit: Int)

      public var description: String {
        switch self {
        case .tooLong(let bytes, let limit): "the policy has \(bytes) bytes, the limit is \(limit)"
        case .controlOctet(let octet): "control character \(octet)"
        case .unknownKeyword(let keyword): "unknown keyword \"\(keyword)\"; expected log, witness, group or quorum"
        case .wrongNumberOfItems(let keyword): "wrong number of items after \"\(keyword)\""
        case .invalidKey(let error): "\(error)"
        case .unsuitableKey(let algorithm): "a \(algorithm) key cannot be used here"
        case .duplicateKey: "the key is there already"
        case .reservedName: "the name \"none\" is reserved"
        case .duplicateName(let name): "\"\(name)\" is defined already"
        case .unknownName(let name): "\"\(name)\" is not defined on an earlier line"
        case .invalidThreshold(let text, let members): "expected all, any or 1 to \(members), found \"\(text)\""
        case .alreadyMember(let name): "\"\(name)\" is a member of a group already"
        case .missingQuorum: "the quorum line is missing"
        case .secondQuorum: "there is a quorum line already"
        case .tooMany(let what, let limit): "more than \(limit) \(what)"
        }
      }
    }

    public let line: Int
    public let reason: Reason

    public var description: String { line == 0 ? "\(reason)" : "line \(line): \(reason)" }
  }

  public static let maximumLength = 1 << 20
  /// Logs, witnesses and groups, each.
  public static let maximumCount = 256

  /// Reads a policy file.
  public init(parsing bytes: [UInt8]) throws(Failure) {
    guard bytes.count <= Self.maximumLength else {
      throw Failure(line: 0, reason: .tooLong(bytes: bytes.count, limit: Self.maximumLength))
    }
    var parser = WitnessPolicyParser()
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      do { try parser.read(line) } catch { throw Failure(line: index + 1, reason: error) }
    }
    self = try parser.finish()
  }
}

/// The state of reading a policy line by line. Names are octets throughout.
private struct WitnessPolicyParser {
  typealias Reason = WitnessPolicy.Failure.Reason
  typealias Octets = ArraySlice<UInt8>

  private var logs: [WitnessPolicy.Log] = []
  private var witnesses: [WitnessPolicy.Witness] = []
  private var groups: [WitnessPolicy.Group] = []
  private var rules: [Octets: WitnessPolicy.Rule] = [:]
  private var members: Set<WitnessPolicy.Rule> = []
  /// The outer optional: whether there was a quorum line.
  private var quorum: WitnessPolicy.Rule??

  mutating func read(_ line: Octets) throws(Reason) {
    for octet in line where (octet < 0x20 && octet != UInt8(ascii: "\t")) || octet == 0x7F {
      throw .controlOctet(octet)
    }
    let items = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    guard let keyword = items.first, keyword.first != UInt8(ascii: "#") else { return }
    switch String(decoding: keyword, as: UTF8.self) {
    case "log": try readLog(items)
    case "witness": try readWitness(items)
    case "group": try readGroup(items)
    case "quorum": try readQuorum(items)
    case let other: throw .unknownKeyword(other)
    }
  }

  func finish() throws(WitnessPolicy.Failure) -> WitnessPolicy {
    guard let quorum else { throw WitnessPolicy.Failure(line: 0, reason: .missingQuorum) }
    return WitnessPolicy(logs: logs, witnesses: witnesses, groups: groups, quorum: quorum)
  }

  private mutating func readLog(_ items: [Octets]) throws(Reason) {
    guard (2...3).contains(items.count) else { throw .wrongNumberOfItems(keyword: "log") }
    let key = try Self.key(items[1])
    guard LogKeys.canSignForLog(key) else { throw .unsuitableKey(key.algorithm) }
    guard !logs.contains(where: { $0.key.keyBytes == key.keyBytes }) else { throw .duplicateKey }
    guard logs.count < WitnessPolicy.maximumCount else { throw .tooMany("logs", limit: WitnessPolicy.maximumCount) }
    logs.append(WitnessPolicy.Log(key: key, url: items.count > 2 ? Self.text(items[2]) : nil))
  }

  private mutating func readWitness(_ items: [Octets]) throws(Reason) {
    guard (3...4).contains(items.count) else { throw .wrongNumberOfItems(keyword: "witness") }
    let key = try Self.key(items[2])
    guard key.algorithm == .cosignatureV1 else { throw .unsuitableKey(key.algorithm) }
    guard !witnesses.contains(where: { $0.key.keyBytes == key.keyBytes }) else { throw .duplicateKey }
    guard witnesses.count < WitnessPolicy.maximumCount else {
      throw .tooMany("witnesses", limit: WitnessPolicy.maximumCount)
    }
    try define(items[1], as: .witness(witnesses.count))
    witnesses.append(
      WitnessPolicy.Witness(name: Self.text(items[1]), key: key, url: items.count > 3 ? Self.text(items[3]) : nil))
  }

  private mutating func readGroup(_ items: [Octets]) throws(Reason) {
    guard items.count >= 4 else { throw .wrongNumberOfItems(keyword: "group") }
    guard groups.count < WitnessPolicy.maximumCount else {
      throw .tooMany("groups", limit: WitnessPolicy.maximumCount)
    }
    var rules: [WitnessPolicy.Rule] = []
    for name in items[3...] {
      let rule = try resolve(name)
      guard members.insert(rule).inserted else { throw .alreadyMember(Self.text(name)) }
      rules.append(rule)
    }
    let threshold: Int
    switch String(decoding: items[2], as: UTF8.self) {
    case "all": threshold = rules.count
    case "any": threshold = 1
    case let text:
      guard let number = UInt64(strictDecimal: items[2]), number >= 1, number <= rules.count else {
        throw .invalidThreshold(text, members: rules.count)
      }
      threshold = Int(number)
    }
    try define(items[1], as: .group(groups.count))
    groups.append(WitnessPolicy.Group(name: Self.text(items[1]), threshold: threshold, members: rules))
  }

  private mutating func readQuorum(_ items: [Octets]) throws(Reason) {
    guard items.count == 2 else { throw .wrongNumberOfItems(keyword: "quorum") }
    guard quorum == nil else { throw .secondQuorum }
    quorum = .some(Self.isNone(items[1]) ? nil : try resolve(items[1]))
  }

  private mutating func define(_ name: Octets, as rule: WitnessPolicy.Rule) throws(Reason) {
    guard !Self.isNone(name) else { throw .reservedName }
    guard rules.updateValue(rule, forKey: name) == nil else { throw .duplicateName(Self.text(name)) }
  }

  private func resolve(_ name: Octets) throws(Reason) -> WitnessPolicy.Rule {
    guard let rule = rules[name] else { throw .unknownName(Self.text(name)) }
    return rule
  }

  private static func key(_ octets: Octets) throws(Reason) -> VerifierKey {
    guard let text = String(validating: octets, as: UTF8.self) else { throw .invalidKey(.malformed) }
    do { return try VerifierKey(parsing: text) } catch { throw .invalidKey(error) }
  }

  private static func isNone(_ name: Octets) -> Bool { name.elementsEqual("none".utf8) }

  /// For people: what is not UTF-8 is replaced. Names are compared as octets before they get here.
  private static func text(_ octets: Octets) -> String { String(decoding: octets, as: UTF8.self) }
}
