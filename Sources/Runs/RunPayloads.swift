import CanonicalJSON
import Cryptography
import Governance
import Storage

/// What a run was given and said, in words: the log has only digests of it. Sealed in the blob store under the run's
/// community, and erasable run by run; every proof goes on verifying.
public struct RunPayloads: Sendable {
  /// What a run began with.
  public struct Beginning: Sendable, Hashable {
    /// Hides every value of the run from whoever guesses at digests.
    public var salt: RunSalt
    public var input: JSON

    public init(salt: RunSalt, input: JSON) {
      self.salt = salt
      self.input = input
    }
  }

  /// One delivered call.
  public struct Call: Sendable, Hashable {
    public var call: Int
    public var method: String
    public var arguments: JSON
    public var result: JSON

    public init(call: Int, method: String, arguments: JSON, result: JSON) {
      self.call = call
      self.method = method
      self.arguments = arguments
      self.result = result
    }
  }

  /// Everything that is kept of one run.
  public struct Contents: Sendable, Hashable {
    public var beginning: Beginning?
    /// Unordered; a crash may have left calls that were never delivered.
    public var calls: [Call] = []
    /// The result, or the text of the failure.
    public var ending: JSON?

    public init() {}
  }

  private let blobs: BlobStore

  public init(blobs: BlobStore) { self.blobs = blobs }

  public func keep(_ beginning: Beginning, of run: RunID, community: String) throws {
    try put(
      ["salt": .string(Hex.encode(beginning.salt.bytes)), "input": beginning.input],
      under: Self.frame(run, community))
  }

  public func keep(_ call: Call, of run: RunID, community: String) throws {
    try put(
      [
        "call": .integer(Int64(call.call)), "method": .string(call.method), "arguments": call.arguments,
        "result": call.result,
      ], under: Self.journal(run, community))
  }

  public func keep(ending: JSON, of run: RunID, community: String) throws {
    try put(["ending": ending], under: Self.frame(run, community))
  }

  public func contents(of run: RunID, community: String) throws -> Contents {
    var contents = try frame(of: run, community: community)
    try forEach(under: Self.journal(run, community)) { json in
      guard let number = json["call"]?.integer else { return }
      contents.calls.append(
        Call(
          call: Int(number), method: json["method"]?.string ?? "", arguments: json["arguments"] ?? .null,
          result: json["result"] ?? .null))
    }
    return contents
  }

  /// What a run began with and came to, without its calls, of which there may be thousands.
  public func frame(of run: RunID, community: String) throws -> Contents {
    var contents = Contents()
    try forEach(under: Self.frame(run, community)) { json in
      if let ending = json["ending"] {
        contents.ending = ending
      } else if let salt = json["salt"]?.string.flatMap(Hex.decode), let input = json["input"] {
        contents.beginning = Beginning(salt: try RunSalt(salt), input: input)
      }
    }
    return contents
  }

  /// Erases what is kept of a run. Says whether there was anything.
  @discardableResult
  public func erase(_ run: RunID, community: String) throws -> Bool {
    let calls = try blobs.eraseAll(community: Self.journal(run, community))
    return try blobs.eraseAll(community: Self.frame(run, community)) + calls > 0
  }

  /// Erases what is kept of every run of a community. What a crash left is erased by calling it again.
  public func eraseAll(community: String) throws {
    for kind in ["run", "call"] {
      for name in try blobs.communities(beginning: "\(kind)/\(community)/") { _ = try blobs.eraseAll(community: name) }
    }
  }

  private func put(_ object: JSONObject, under name: String) throws {
    _ = try blobs.put(JSON.object(object).canonicalBytes(), community: name)
  }

  private func forEach(under name: String, _ body: (JSON) throws -> Void) throws {
    for (id, _) in try blobs.list(community: name) {
      try body(try JSON(parsing: try blobs.get(id, community: name), limits: Self.limits))
    }
  }

  /// Whatever a tool may say or be told, and what stands around it here.
  private static let limits = JSONLimits(
    maxBytes: BlobStore.maximumBytes, maxDepth: JSONLimits.deepest, allowsNoncharacters: true)

  // A community's name has at most 64 bytes, so that the whole stays within what the store takes; the digest is cut to
  // 112 bits, and what it names is checked by salted digests anyway.
  private static func frame(_ run: RunID, _ community: String) -> String { "run/\(community)/\(run.hex.prefix(28))" }
  private static func journal(_ run: RunID, _ community: String) -> String { "call/\(community)/\(run.hex.prefix(28))" }
}
