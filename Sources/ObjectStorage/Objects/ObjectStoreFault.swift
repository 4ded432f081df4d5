public import CanonicalJSON
public import HTTPClient

/// Why an object was not stored, read or listed. Never holds a header or a body: those could show a credential.
public enum ObjectStoreFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// A key, range or time that is not accepted, before anything was sent.
  case invalid(FieldError)
  /// No answer came.
  case transport(HTTPClientError)
  /// The service refused.
  case refused(Refusal)
  /// The answer is not what the S3 API says.
  case malformed(String)
  /// What the service says it stored is not what was sent.
  case checksum(expected: String, actual: String)

  /// The service's refusal (Amazon S3 API Reference, "Error responses").
  public struct Refusal: Sendable, Hashable {
    /// HTTP status.
    public var status: Int
    /// Such as `AccessDenied`; `HTTP` and the status where the service gave none.
    public var code: String
    /// The service's words in printable ASCII, at most 256 characters; may be empty.
    public var message: String

    /// Parses an error document. Anything else than one leaves code and message to the status.
    init(status: Int, body: [UInt8]) {
      self.status = status
      let document = body.count <= 65_536 ? S3XML.parse(body) : nil
      let error = document?.name == "Error" ? document : document?.child("Error")
      let code = error?.child("Code")?.text ?? ""
      let isCode = (1...64).contains(code.utf8.count) && code.utf8.allSatisfy { (0x21...0x7E).contains($0) }
      self.code = isCode ? code : "HTTP\(status)"
      // It is shown on terminals and written into logs: no control character, no second line.
      let message = error?.child("Message")?.text ?? ""
      self.message = String(
        String.UnicodeScalarView(message.unicodeScalars.prefix(256).map { (" "..."~").contains($0) ? $0 : "?" }))
    }
  }

  /// Whether the same request may succeed later: the network, an overloaded service, a throttled client, a clock that is
  /// being set. A wrong key or a missing bucket needs a person.
  public var isTransient: Bool {
    switch self {
    case .transport, .malformed: true
    case .refused(let refusal):
      refusal.status >= 500 || refusal.status == 429 || refusal.status == 408
        || ["SlowDown", "RequestTimeout", "RequestTimeTooSkewed"].contains(refusal.code)
    case .invalid, .checksum: false
    }
  }

  public var description: String {
    switch self {
    case .invalid(let error): error.description
    case .transport(let error): error.description
    case .refused(let refusal):
      "the object store refused with \(refusal.status) \(refusal.code)"
        + (refusal.message.isEmpty ? "" : ": \(refusal.message)")
    case .malformed(let reason): "the object store's answer is malformed: \(reason)"
    case .checksum(let expected, let actual):
      "the object store holds other bytes: SHA-256 \(actual) instead of \(expected)"
    }
  }
}
