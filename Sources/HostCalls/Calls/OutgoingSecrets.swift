import CanonicalJSON
import HTTPClient
import Keychain

/// The secrets of one call on its way to one host. Made when the call leaves, never before: what a plan, a proposal or a
/// journal holds are the placeholders.
public struct OutgoingSecrets: Sendable {
  /// For whatever else needs a value of the same call.
  public let resolver: SecretResolver
  private let destination: String

  public init(_ keychain: Keychain, community: String, to url: HTTPURL) {
    resolver = keychain.resolver(community: community)
    destination = url.secretDestination
  }

  /// The text with every placeholder replaced.
  public func fill(_ text: String) throws(HostCallError) -> String {
    do {
      return try resolver.substitute(text, for: destination).text
    } catch {
      throw HostCallError(error)
    }
  }

  /// The document with the placeholders in its strings replaced.
  public func fill(_ json: JSON) throws(HostCallError) -> JSON {
    do {
      return try resolver.substitute(json, for: destination).json
    } catch {
      throw HostCallError(error)
    }
  }

  /// As `NAME@VERSION`, those that were given out so far.
  public var used: [String] { resolver.used }

  /// Takes them out of what comes back.
  public var redactor: Redactor { Redactor(resolver) }
}

extension HTTPURL {
  /// What a secret must be bound to for a call there: the authority, with `http://` before it where nothing encrypts.
  public var secretDestination: String { scheme == .https ? authority : "http://\(authority)" }
}

extension HostCallError {
  public init(_ error: SecretFailure) { self.init(error.code, error.description) }

  /// The same error without secrets: a peer's words may hold what they were sent.
  public func redacted(by redactor: Redactor) -> HostCallError {
    guard !redactor.isEmpty else { return self }
    return HostCallError(code, redactor.redact(message), details: redactor.redact(.object(details)).object ?? [:])
  }
}
