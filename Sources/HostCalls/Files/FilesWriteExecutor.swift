import CanonicalJSON
import Cryptography
import Governance

/// `files.write`: appends one item to a stream of a community. Params: `community`, `stream`, and private `content`
/// (`{"text"}` or `{"base64"}`) and `name`.
///
/// The item is stored under the action digest, so that carrying the action out a second time after a crash finds the
/// first one's item.
public struct FilesWriteExecutor: ActionExecutor {
  /// Bytes of the content.
  public static let maxBytes = 1 << 20

  private let files: FileStreams
  private let salt: @Sendable () -> [UInt8]

  public init(files: FileStreams, salt: @escaping @Sendable () -> [UInt8]) {
    self.files = files
    self.salt = salt
  }

  public var type: String { "files.write" }
  public var privateParams: Set<String> { ["content", "name"] }

  public func validate(params: JSON) throws(FieldError) { _ = try Order(params: params) }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let params: Order
    do {
      params = try Order(params: .object(order.params))
    } catch {
      return .failed(result: ["reason": .string("the opened params are not valid: \(error.field)")], opening: nil)
    }
    guard let content = params.content else {
      return .failed(result: ["reason": "the content is not opened"], opening: nil)
    }
    do throws(FileStreams.Failure) {
      let item = try files.append(
        content, name: params.name, to: params.stream, community: params.community, key: order.proposal)
      return outcome(item)
    } catch {
      return .failed(result: ["reason": .string(HostCallError(error).message)], opening: nil)
    }
  }

  /// Nothing is half done: the item is there under the action digest, or it is not and is written now.
  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { await execute(order) }

  /// The digest of the content can be guessed from; the log gets a commitment to it.
  private func outcome(_ item: FileStreams.Item) -> ExecutionOutcome {
    let facts: JSONObject = ["item": .integer(item.number), "bytes": .integer(item.bytes)]
    guard let opening = try? Opening(value: item.json, salt: salt()) else {
      return .executed(result: facts, opening: nil)
    }
    var result = facts
    result["file"] = opening.commitment.json
    return .executed(result: result, opening: opening)
  }

  /// The params; committed members are accepted unopened when validating.
  struct Order {
    var community: String
    var stream: String
    var name: String?
    var content: [UInt8]?

    init(params: JSON, path: String = "action.params") throws(FieldError) {
      var reader = try ObjectReader(params, path: path)
      community = try reader.string("community", maxBytes: 64)
      guard Name.isValid(community) else {
        throw FieldError(
          field: reader.pathOf("community"), expected: "the name of a community",
          actual: JSON.string(community).summary)
      }
      stream = try reader.string("stream", maxBytes: 64)
      do {
        try FileStreams.check(stream: stream)
      } catch {
        throw FieldError(
          field: reader.pathOf("stream"), expected: "a stream name: 1-64 of a-z 0-9 - _ . / without dotted parts",
          actual: JSON.string(stream).summary)
      }
      if let value = reader.optionalJSON("name"), Commitment(json: value) == nil {
        guard let text = value.string, FileStreams.isItemName(text) else {
          throw FieldError(
            field: reader.pathOf("name"),
            expected: "1-\(FileStreams.maxNameBytes) bytes without control characters", actual: "another value")
        }
        name = text
      }
      let value = try reader.json("content")
      if Commitment(json: value) == nil { content = try Self.content(value, path: path) }
      try reader.finish()
    }

    /// Errors name `text` or `base64` as members of the arguments where a tool gave them, and never show a value.
    private static func content(_ json: JSON, path: String) throws(FieldError) -> [UInt8] {
      let inside = path == HostArguments.path ? path : "\(path).content"
      let members = json.object ?? [:]
      guard members.count == 1, let name = members.keys.first, let text = members[name]?.string,
        name == "text" || name == "base64"
      else {
        throw FieldError(field: inside, expected: "either text or base64, a string", actual: "something else")
      }
      let bytes = name == "text" ? Array(text.utf8) : Base64.decode(text)
      guard let bytes else {
        throw FieldError(field: "\(inside).base64", expected: "canonical base64 with padding", actual: "another text")
      }
      guard bytes.count <= FilesWriteExecutor.maxBytes else {
        throw FieldError(
          field: "\(inside).\(name)", expected: "at most \(FilesWriteExecutor.maxBytes) bytes",
          actual: "\(bytes.count) bytes")
      }
      return bytes
    }
  }
}
