import CanonicalJSON
import Cryptography
import Glibc
import Governance
import Keychain

/// `secret.put`: stores a secret of a community, or its next version (docs/secrets.md).
///
/// Approvers see everything but the value: community, name, kind, and the hosts that may get it. The value stands behind a
/// commitment that nobody may disclose, and what opens it is erased once the execution has ended.
public struct SecretPutExecutor: ActionExecutor {
  private let keychain: Keychain
  private let clock: @Sendable () -> Int64

  /// - Parameter clock: Unix milliseconds, for the dates that `safebox secret list` shows.
  public init(keychain: Keychain, clock: @escaping @Sendable () -> Int64 = Self.wallClock) {
    self.keychain = keychain
    self.clock = clock
  }

  public static let wallClock: @Sendable () -> Int64 = {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }

  public var type: String { "secret.put" }
  public var privateParams: Set<String> { ["value"] }
  public var secretParams: Set<String> { ["value"] }

  public func validate(params: JSON) throws(FieldError) {
    guard try Params(params).value != nil else {
      throw FieldError(field: "action.params.value", expected: "a text", actual: "nothing")
    }
  }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome { put(order) }

  /// The keychain knows which proposals it has carried out: this one is found, or done now, but never done twice.
  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome {
    if let version = try? keychain.version(of: order.proposal) { return Self.executed(order, version) }
    return put(order)
  }

  private func put(_ order: ExecutionOrder) -> ExecutionOutcome {
    do {
      let params = try Params(.object(order.params))
      guard let value = params.value else {
        return .failed(result: ["reason": "the value was erased before it was stored"], opening: nil)
      }
      let version = try keychain.put(
        community: params.community, name: params.name, value: value, hosts: params.hosts, kind: params.kind,
        at: clock(), proposal: order.proposal)
      return Self.executed(order, version)
    } catch let error as FieldError {
      return .failed(result: ["reason": .string("the opened params are not valid: \(error.field)")], opening: nil)
    } catch let error as SecretFailure {
      return .failed(result: ["reason": .string("\(error)")], opening: nil)
    } catch {
      // The transaction may have become durable although its answer says otherwise.
      return .unknown(result: ["reason": "the keychain cannot be written"])
    }
  }

  private static func executed(_ order: ExecutionOrder, _ version: Int64) -> ExecutionOutcome {
    .executed(result: ["version": .integer(version)], opening: nil)
  }

  /// The params; the value is nil where it was erased.
  private struct Params {
    var community: String
    var name: String
    var kind: SecretKind
    var hosts: [String] = []
    var value: SecretBytes?

    init(_ params: JSON) throws(FieldError) {
      var reader = try ObjectReader(params, path: "action.params")
      (community, name) = try SecretName.read(&reader)
      let kind = try reader.string("kind", maxBytes: 16)
      guard let known = SecretKind(rawValue: kind) else {
        throw FieldError(
          field: "action.params.kind", expected: "one of \(SecretKind.allCases.map(\.rawValue))",
          actual: JSON.string(kind).summary)
      }
      self.kind = known
      for (index, host) in try reader.array("hosts", maxCount: Keychain.maxHosts).enumerated() {
        guard let text = host.string else {
          throw FieldError(field: "action.params.hosts[\(index)]", expected: "a host", actual: host.summary)
        }
        hosts.append(text)
      }
      do {
        _ = try Keychain.hosts(hosts, path: "action.params.hosts")
      } catch {
        throw FieldError(
          field: "action.params.hosts", expected: "1 to \(Keychain.maxHosts) hosts, each once", actual: "\(error)")
      }
      if let json = reader.optionalJSON("value") {
        // No error shows what was found: it is the secret, however it was written.
        guard let text = json.string else {
          throw FieldError(field: "action.params.value", expected: "a text", actual: "another kind of value")
        }
        let value = SecretBytes(copying: text.utf8)
        do {
          try Keychain.check(value, kind: known)
        } catch {
          throw FieldError(
            field: "action.params.value",
            expected: "\(Keychain.minValueBytes) to \(Keychain.maxValueBytes) bytes of text", actual: "\(error)")
        }
        self.value = value
      }
      try reader.finish()
    }
  }
}

/// The params that name a secret.
enum SecretName {
  static func read(_ reader: inout ObjectReader) throws(FieldError) -> (community: String, name: String) {
    let community = try name("community", &reader)
    return (community, try name("name", &reader))
  }

  private static func name(_ field: String, _ reader: inout ObjectReader) throws(FieldError) -> String {
    let text = try reader.string(field, maxBytes: 256)
    guard Name.isValid(text) else {
      throw FieldError(
        field: reader.pathOf(field), expected: "a name: 1-64 of a-z 0-9 . _ -", actual: JSON.string(text).summary)
    }
    return text
  }
}
