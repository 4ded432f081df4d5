import CanonicalJSON
import Cryptography
import Governance
import HTTPClient

/// `http.request`: one HTTP request to one URL.
///
/// The request carries `Idempotency-Key: <action digest>`. Redirects are not followed: the URL that was approved is the
/// URL that is called. An answer below 400 is `executed`, another is `failed`; no complete answer to a request that may
/// have left is `unknown`, and so is a gateway's own answer (502, 504).
public struct HTTPRequestExecutor: ActionExecutor {
  public static let maxURLBytes = 2048
  public static let maxBodyBytes = 1 << 20
  public static let maxHeaders = 32
  /// All names and values together, with 4 bytes each for what separates them.
  public static let maxHeaderBytes = 32_768
  public static let maxResponseBytes = 4 << 20
  static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

  private let client: HTTPClient
  private let salt: @Sendable () -> [UInt8]

  public init(client: HTTPClient, salt: @escaping @Sendable () -> [UInt8]) {
    self.client = client
    self.salt = salt
  }

  public var type: String { "http.request" }
  public var privateParams: Set<String> { ["headers", "body"] }

  public func validate(params: JSON) throws(FieldError) {
    _ = try Request(params: params)
  }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    await send(order)
  }

  /// The first attempt may have reached the peer. It is repeated only where the approved action says that the peer
  /// treats a repetition under one idempotency key as one request; and only an answer that says so proves that the effect
  /// took place. A repetition that is refused, or cannot be sent, says nothing about the first.
  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome {
    guard order.params["idempotent"] == .bool(true) else {
      return .unknown(result: ["reason": "the box stopped while the request was under way"])
    }
    switch await send(order) {
    case .failed(var result, _):
      result["body"] = nil
      if result["reason"] == nil { result["reason"] = "sent again after a stop, and the repetition was refused" }
      return .unknown(result: result)
    case let outcome: return outcome
    }
  }

  /// The params of `http.request`; committed members are accepted unopened when validating.
  struct Request {
    var method: String
    var url: String
    var headers: [(name: String, value: String)] = []
    var body: [UInt8]?
    var isJSON = false
    var timeout: Int64
    var isIdempotent: Bool

    init(params: JSON) throws(FieldError) {
      var reader = try ObjectReader(params, path: "action.params")
      method = try reader.string("method", maxBytes: 16)
      guard HTTPRequestExecutor.methods.contains(method) else {
        throw FieldError(
          field: "action.params.method", expected: "one of \(HTTPRequestExecutor.methods.sorted())", actual: method)
      }
      url = try reader.string("url", maxBytes: HTTPRequestExecutor.maxURLBytes)
      do {
        _ = try HTTPURL(url)
      } catch {
        throw FieldError(field: "action.params.url", expected: "an http or https URL", actual: "\(error)")
      }
      timeout = try reader.optionalInteger("timeout", in: 1...300) ?? 30
      isIdempotent = try reader.optionalBool("idempotent", default: false)
      if let value = reader.optionalJSON("headers"), Commitment(json: value) == nil {
        guard let object = value.object, object.count <= HTTPRequestExecutor.maxHeaders else {
          throw FieldError(
            field: "action.params.headers", expected: "an object of at most \(HTTPRequestExecutor.maxHeaders) strings",
            actual: value.object.map { "\($0.count) members" } ?? "another kind of value")
        }
        var names: Set<String> = []
        var bytes = 0
        for (name, member) in object {
          guard Request.isToken(name) else {
            throw FieldError(
              field: "action.params.headers", expected: "names that are header names",
              actual: JSON.string(name).summary)
          }
          let field = "action.params.headers.\(name)"
          let lowered = name.lowercased()
          // Values are private: no error shows one.
          guard let text = member.string, text.utf8.count <= 8192, Request.isFieldValue(text) else {
            throw FieldError(
              field: field, expected: "at most 8192 bytes without control characters or outer blanks",
              actual: "another value")
          }
          guard !Request.ownHeaders.contains(lowered), !lowered.hasPrefix("proxy-") else {
            throw FieldError(field: field, expected: "a header that the box does not set itself", actual: name)
          }
          // Peers disagree about which of two counts, and an approver sees one list, not what the peer makes of it.
          guard names.insert(lowered).inserted else {
            throw FieldError(field: field, expected: "a header given once", actual: "\(name) in two spellings")
          }
          bytes += name.utf8.count + text.utf8.count + 4
          headers.append((name, text))
        }
        guard bytes <= HTTPRequestExecutor.maxHeaderBytes else {
          throw FieldError(
            field: "action.params.headers", expected: "at most \(HTTPRequestExecutor.maxHeaderBytes) bytes in all",
            actual: "\(bytes) bytes")
        }
      }
      if let value = reader.optionalJSON("body"), Commitment(json: value) == nil {
        if let text = value.string {
          body = Array(text.utf8)
        } else {
          body = value.canonicalBytes()
          isJSON = true
        }
        guard (body ?? []).count <= HTTPRequestExecutor.maxBodyBytes else {
          throw FieldError(
            field: "action.params.body", expected: "at most \(HTTPRequestExecutor.maxBodyBytes) bytes",
            actual: "\((body ?? []).count) bytes")
        }
        guard method != "HEAD" else {
          throw FieldError(field: "action.params.body", expected: "no body with HEAD", actual: "a body")
        }
      }
      try reader.finish()
    }

    /// What the box or the HTTP client decides; a caller that set them could smuggle a second request.
    static let ownHeaders: Set<String> = [
      "host", "content-length", "transfer-encoding", "connection", "idempotency-key", "expect", "te", "trailer",
      "upgrade", "keep-alive", "http2-settings",
    ]

    static func isToken(_ text: String) -> Bool {
      !text.isEmpty && text.utf8.count <= 128
        && text.utf8.allSatisfy {
          (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
            || "!#$%&'*+-.^_`|~".utf8.contains($0)
        }
    }

    static func isFieldValue(_ text: String) -> Bool {
      let blanks: Set<UInt8?> = [32, 9]
      return text.utf8.allSatisfy { ($0 >= 32 && $0 != 127) || $0 == 9 } && !blanks.contains(text.utf8.first)
        && !blanks.contains(text.utf8.last)
    }
  }

  private func send(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let request: Request
    do {
      request = try Request(params: .object(order.params))
    } catch {
      // The field only: what stands in it may be private, and the log keeps everything for ever.
      return .failed(result: ["reason": .string("the opened params are not valid: \(error.field)")], opening: nil)
    }
    var headers = request.headers.map { HTTPClientHeader($0.name, $0.value) }
    headers.append(HTTPClientHeader("Idempotency-Key", order.proposal.hex))
    if request.isJSON, !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
      headers.append(HTTPClientHeader("Content-Type", "application/json"))
    }
    do {
      let response = try await client.send(
        HTTPClientRequest(
          method: request.method, url: request.url, headers: headers, body: request.body ?? [],
          deadline: .seconds(request.timeout), maxResponseBytes: Self.maxResponseBytes, followRedirects: 0,
          mayRepeat: request.isIdempotent),
        policy: Self.egress(of: order.policy))
      // A gateway's own answer does not say whether the peer behind it acted.
      guard ![502, 504].contains(response.status) else {
        return .unknown(
          result: ["status": .integer(Int64(response.status)), "reason": "a gateway answered in place of the peer"])
      }
      // The answer may hold anything; the log gets its status and a salted commitment, the blob store the rest.
      let opening = try Opening(
        value: ["base64": .string(Base64.encode(response.body))], salt: salt())
      let result: JSONObject = [
        "status": .integer(Int64(response.status)), "bytes": .integer(Int64(response.body.count)),
        "body": opening.commitment.json,
      ]
      return response.status < 400
        ? .executed(result: result, opening: opening) : .failed(result: result, opening: opening)
    } catch let error as HTTPClientError {
      let result: JSONObject = ["reason": .string("\(error)")]
      return error.mayHaveBeenSent ? .unknown(result: result) : .failed(result: result, opening: nil)
    } catch {
      return .unknown(result: ["reason": .string("\(error)")])
    }
  }

  /// Any public address, since the URL was approved; of the others only those that the policy names.
  static func egress(of policy: Policy) -> EgressPolicy {
    var allowances: Set<EgressPolicy.Allowance> = []
    for text in policy.egress {
      guard let url = try? HTTPURL("http://\(text)/"), let address = url.literal else { continue }
      guard let network = IPNetwork(base: address, prefixLength: address.bytes.count * 8) else { continue }
      allowances.insert(.network(network, ports: .only([url.port])))
    }
    return EgressPolicy(publicPorts: .any, permitsPlainHTTP: true, allowances: allowances)
  }
}
