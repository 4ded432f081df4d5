import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import Keychain

/// `http.request`: one HTTP request to one URL.
///
/// The request carries `Idempotency-Key: <action digest>`. Redirects are not followed: the URL that was approved is the
/// URL that is called. An answer below 400 is `executed`, another is `failed`; no complete answer to a request that may
/// have left is `unknown`, and so is a gateway's own answer (502, 504).
///
/// With a `community` among the params, placeholders in header values, in the query and in the body are replaced by that
/// community's secrets when the request leaves, and what comes back is redacted.
public struct HTTPRequestExecutor: ActionExecutor {
  public static let maxURLBytes = 2048
  public static let maxBodyBytes = 1 << 20
  public static let maxHeaders = HeaderFields.maxCount
  public static let maxResponseBytes = 4 << 20
  static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

  private let client: HTTPClient
  private let keychain: Keychain?
  private let salt: @Sendable () -> [UInt8]

  /// Without a keychain a request of a community is refused.
  public init(client: HTTPClient, keychain: Keychain? = nil, salt: @escaping @Sendable () -> [UInt8]) {
    self.client = client
    self.keychain = keychain
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
    var community: String?
    var template: URLTemplate?
    var url: String
    var headers = HeaderFields()
    var body: JSON?
    var timeout: Int64
    var isIdempotent: Bool

    init(params: JSON, path: String = "action.params") throws(FieldError) {
      var reader = try ObjectReader(params, path: path)
      method = try reader.string("method", maxBytes: 16)
      guard HTTPRequestExecutor.methods.contains(method) else {
        throw FieldError(
          field: reader.pathOf("method"), expected: "one of \(HTTPRequestExecutor.methods.sorted())", actual: method)
      }
      community = try reader.optionalString("community", maxBytes: 64)
      if let community, !Name.isValid(community) {
        throw FieldError(
          field: reader.pathOf("community"), expected: "the name of a community",
          actual: JSON.string(community).summary)
      }
      url = try reader.string("url", maxBytes: HTTPRequestExecutor.maxURLBytes)
      if community != nil {
        template = try URLTemplate(url, field: reader.pathOf("url"))
      } else {
        do {
          _ = try HTTPURL(url)
        } catch {
          throw FieldError(field: reader.pathOf("url"), expected: "an http or https URL", actual: "\(error)")
        }
      }
      timeout = try reader.optionalInteger("timeout", in: 1...300) ?? 30
      isIdempotent = try reader.optionalBool("idempotent", default: false)
      if let value = reader.optionalJSON("headers"), Commitment(json: value) == nil {
        headers = try HeaderFields(value, field: reader.pathOf("headers"))
      }
      if let value = reader.optionalJSON("body"), Commitment(json: value) == nil {
        body = value
        let count = Self.bytes(of: value).count
        guard count <= HTTPRequestExecutor.maxBodyBytes else {
          throw FieldError(
            field: reader.pathOf("body"), expected: "at most \(HTTPRequestExecutor.maxBodyBytes) bytes",
            actual: "\(count) bytes")
        }
        guard method != "HEAD" else {
          throw FieldError(field: reader.pathOf("body"), expected: "no body with HEAD", actual: "a body")
        }
      }
      try reader.finish()
    }

    /// A string is sent as it is, any other value as JSON.
    static func bytes(of body: JSON) -> [UInt8] { body.string.map { Array($0.utf8) } ?? body.canonicalBytes() }
  }

  /// What leaves, the secrets in it.
  private func message(
    _ request: Request, _ secrets: OutgoingSecrets?, key: SHA256Digest
  ) throws(HostCallError) -> HTTPClientRequest {
    let fill = { (text: String) throws(HostCallError) -> String in
      guard let secrets else { return text }
      return try secrets.fill(text)
    }
    var headers: [HTTPClientHeader] = []
    for header in request.headers.list { headers.append(HTTPClientHeader(header.name, try fill(header.value))) }
    headers.append(HTTPClientHeader("Idempotency-Key", key.hex))
    if let body = request.body, body.string == nil, !request.headers.contains("content-type") {
      headers.append(HTTPClientHeader("Content-Type", "application/json"))
    }
    var body: [UInt8] = []
    if let value = request.body { body = Request.bytes(of: try secrets?.fill(value) ?? value) }
    return HTTPClientRequest(
      method: request.method, url: try request.template?.filled(fill) ?? request.url, headers: headers, body: body,
      deadline: .seconds(request.timeout), maxResponseBytes: Self.maxResponseBytes, followRedirects: 0,
      mayRepeat: request.isIdempotent)
  }

  private func send(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let request: Request
    do {
      request = try Request(params: .object(order.params))
    } catch {
      // The field only: what stands in it may be private, and the log keeps everything for ever.
      return .failed(result: ["reason": .string("the opened params are not valid: \(error.field)")], opening: nil)
    }
    var secrets: OutgoingSecrets?
    if let community = request.community, let url = request.template?.url {
      guard let keychain else { return .failed(result: ["reason": "this box has no keychain"], opening: nil) }
      secrets = OutgoingSecrets(keychain, community: community, to: url)
    }
    let message: HTTPClientRequest
    do {
      message = try self.message(request, secrets, key: order.proposal)
    } catch {
      return .failed(result: ["reason": .string(error.message)], opening: nil)
    }
    do {
      let response = try await client.send(message, policy: Self.egress(of: order))
      // A gateway's own answer does not say whether the peer behind it acted.
      guard ![502, 504].contains(response.status) else {
        return .unknown(
          result: with(
            secrets,
            ["status": .integer(Int64(response.status)), "reason": "a gateway answered in place of the peer"]))
      }
      // The answer may hold anything; the log gets its status and a salted commitment, the blob store the rest.
      let opening = try Opening(value: Self.kept(response, secrets), salt: salt())
      let result = with(
        secrets,
        [
          "status": .integer(Int64(response.status)), "bytes": .integer(Int64(response.body.count)),
          "body": opening.commitment.json,
        ])
      return response.status < 400
        ? .executed(result: result, opening: opening) : .failed(result: result, opening: opening)
    } catch let error as HTTPClientError {
      let result = with(secrets, ["reason": .string("\(error)")])
      return error.mayHaveBeenSent ? .unknown(result: result) : .failed(result: result, opening: nil)
    } catch {
      return .unknown(result: with(secrets, ["reason": .string("\(error)")]))
    }
  }

  /// What a community's tool is told of the answer, or all bytes where no tool asked.
  private static func kept(_ response: HTTPClientResponse, _ secrets: OutgoingSecrets?) -> JSON {
    guard let secrets else { return ["base64": .string(Base64.encode(response.body))] }
    var answer = HTTPAnswer.json(response, redactor: secrets.redactor)
    // The effect took place, whatever the size of the answer: the tool learns that, without the body.
    if JSON.object(answer).canonicalBytes().count > HostValue.maxBytes - 4096 {
      answer["body"] = .null
      answer["base64"] = nil
      answer["omitted"] = .integer(Int64(response.body.count))
    }
    return .object(answer)
  }

  /// The result with the versions of the secrets that were used.
  private func with(_ secrets: OutgoingSecrets?, _ result: JSONObject) -> JSONObject {
    guard let used = secrets?.used, !used.isEmpty else { return result }
    var result = result
    result["secrets"] = .array(used.map(JSON.string))
    return result
  }

  /// Any public address, since the URL was approved; of the others only those that the policy or the community names.
  static func egress(of order: ExecutionOrder) -> EgressPolicy {
    var policy = EgressPolicy.publicInternet(and: order.policy.egress)
    policy.allowances.formUnion(EgressPolicy.publicInternet(andLiterally: order.settings.egress).allowances)
    return policy
  }
}
