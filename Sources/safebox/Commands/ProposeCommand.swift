import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Terminal

/// `propose`: put an action to its policy.
enum ProposeCommand {
  /// What every command takes that opens a proposal.
  static let submission: [Argument] =
    [
      .option("expires-in", value: "span", "such as 90s, 15m, 36h, 7d; default: as long as the policy allows"),
      .option("follows", value: "digest", "a proposal that must be executed first", isRepeated: true),
      .option("idempotency-key", value: "text", "repeat safely under one key"),
      .option("wait", value: "span", "wait for the outcome, at most 60s"),
      .option("key", value: "file", "propose as a signer", values: .file),
      .option("signer", value: "name", "the signer's name; default: the key file's name"), .json,
    ] + BoxConnection.arguments

  static let command = Command(
    "propose", "propose an action",
    discussion: """
      Exit code 0 when it was executed, 3 while approvals or time are missing, 4 when it is denied. Without --key the \
      proposer is the client of the token; with --key the signer proposes, and proves it with a claim.

      A --param is JSON or text; name=@FILE takes the value from a JSON file.
      """,
    arguments: [
      .positional("type", "the action type, such as http.request"),
      .option("params", value: "json", "the parameters: JSON, a file, or - for standard input", values: .file),
      .option("param", value: "name=value", "one parameter; the value is JSON, text or @file", isRepeated: true),
      .option("disclose", value: "name", "a parameter to show in the log, which would be private", isRepeated: true),
    ] + submission, run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let params = try parameters(arguments)
    let disclosed = arguments.values("disclose")
    if let unknown = disclosed.first(where: { params[$0] == nil }) {
      throw CommandError(
        "--disclose is \"\(unknown)\", which is none of the parameters", exitCode: .usage)
    }
    return try await submit(try arguments.required("type"), params, disclosing: disclosed, arguments)
  }

  /// `--params` with each `--param` put over it.
  private static func parameters(_ arguments: ParsedArguments) throws -> JSONObject {
    var params: JSONObject = [:]
    if let text = arguments.value("params") {
      guard let object = try Files.json(textOrFile: text).object else {
        throw CommandError("--params is no JSON object, such as {\"reason\":\"...\"}", exitCode: .usage)
      }
      params = object
    }
    for text in arguments.values("param") {
      guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
        throw CommandError("--param is \"\(text)\", name=value is expected", exitCode: .usage)
      }
      let name = String(text[..<equals])
      params[name] = try value(String(text[text.index(after: equals)...]), of: name)
    }
    return params
  }

  private static func value(_ text: String, of name: String) throws -> JSON {
    if text.hasPrefix("@") { return try Files.json(String(text.dropFirst())) }
    do {
      return try JSON(parsing: Array(text.utf8), limits: .document(maxBytes: 1 << 20))
    } catch {
      // A document with a mistake in it must not go out as a text.
      guard !["{", "[", "\""].contains(text.prefix(1)) else {
        throw CommandError("--param \(name): \(error)", exitCode: .usage)
      }
      return .string(text)
    }
  }

  /// Opens the proposal and prints what became of it.
  ///
  /// - Parameter arguments: of a command that takes `submission`.
  static func submit(
    _ type: String, _ params: JSONObject, disclosing disclose: [String] = [], _ arguments: ParsedArguments
  ) async throws -> ExitCode {
    var action: JSONObject = ["type": .string(type), "params": .object(params)]
    let follows = arguments.values("follows")
    if !follows.isEmpty { action["follows"] = .array(follows.map { .string($0) }) }
    var body: JSONObject = ["action": .object(action)]
    if !disclose.isEmpty { body["disclose"] = .array(disclose.map { .string($0) }) }
    if let seconds = try arguments.seconds("expires-in") { body["expiresIn"] = .integer(seconds) }
    let connection = try BoxConnection(arguments)
    if arguments.value("key") != nil {
      try await sign(&body, disclosing: Set(disclose), arguments, connection)
    }
    var headers: [(String, String)] = []
    if let key = arguments.value("idempotency-key") { headers.append(("Idempotency-Key", key)) }
    let wait = min(60, try arguments.seconds("wait") ?? 0)
    if wait > 0 { headers.append(("Prefer", "wait=\(wait)")) }
    let answer = try await connection.send("POST", "/v1/proposals", body: .object(body), headers: headers)
    return ProposalOutput.print(try answer.json(), arguments)
  }

  /// What a signer commits to instead of showing it in the log. For a client's proposal the box does it.
  private static let privateParams = ["http.request": ["headers", "body"], "secret.put": ["value"]]

  /// A signer's proposal: the statement is made here, signed here, and sent whole.
  private static func sign(
    _ body: inout JSONObject, disclosing disclosed: Set<String>, _ arguments: ParsedArguments,
    _ connection: BoxConnection
  ) async throws {
    let (name, signer) = try SignerKeyFile.signer(arguments)
    let constitution = try Constitution(json: try await connection.constitution())
    var actionJSON = body["action"] ?? .null
    if let type = actionJSON["type"]?.string, let members = privateParams[type],
      var params = actionJSON["params"]?.object
    {
      var openings: JSONObject = [:]
      for member in members where !disclosed.contains(member) {
        guard let value = params[member] else { continue }
        let opening = try Opening(value: value, salt: SecureRandom.bytes(Opening.saltBytes))
        params[member] = opening.commitment.json
        openings[opening.commitment.digest.hex] = opening.json
      }
      if !openings.isEmpty { body["openings"] = .object(openings) }
      var object = actionJSON.object ?? [:]
      object["params"] = .object(params)
      actionJSON = .object(object)
      body["action"] = actionJSON
    }
    let action = try Action(json: actionJSON)
    let procedure = try constitution.procedure(for: action)
    let salt = SecureRandom.bytes(32)
    let lifetime = try arguments.seconds("expires-in") ?? procedure.maxExpiry - 60
    let expires = WallClock.milliseconds() + lifetime * 1000
    let statement = Statement(
      action: action, box: constitution.box, epoch: constitution.epoch, expires: expires,
      nonce: Statement.nonce(proposer: .signer(name), salt: salt), policy: procedure.digest)
    let claim = try statement.claim(
      .propose, by: name, key: signer.key, nonce: Hex.encode(SecureRandom.bytes(16)),
      exp: min(expires / 1000 + 60, WallClock.seconds() + Policy.longestExpiry - 60)
    ).signed(by: signer)
    body["expiresIn"] = nil
    body["expires"] = .integer(expires)
    body["salt"] = .string(Hex.encode(salt))
    body["claim"] = claim.json
  }
}

/// What commands print about a proposal, and the exit code that goes with it.
enum ProposalOutput {
  static func print(_ proposal: JSON, _ arguments: ParsedArguments) -> ExitCode {
    if arguments.wantsJSON {
      Terminal.standard.write(proposal.canonicalString() + "\n")
    } else {
      Terminal.standard.write(text(proposal))
    }
    return exitCode(proposal)
  }

  static func exitCode(_ proposal: JSON) -> ExitCode {
    switch proposal["status"]?["name"]?.string {
    case "executed": .ok
    case "failed", "unknown": .failed
    case "denied", "objected", "withdrawn", "expired", "stale": .denied
    default: .pending
    }
  }

  static func text(_ proposal: JSON) -> String {
    let style = Terminal.standard.outputStyle
    var lines: [String] = []
    let status = proposal["status"]?["name"]?.string ?? "?"
    lines.append("proposal  \(proposal["proposal"]?.string ?? "?")")
    lines.append("action    \(proposal["statement"]?["action"]?["type"]?.string ?? "?")")
    lines.append("by        \(proposal["proposer"]?.string ?? "?")")
    var state = "status    \(status)"
    if let until = proposal["status"]?["until"]?.integer { state += " until \(WallClock.text(until))" }
    if let reason = proposal["status"]?["reason"]?.string { state += ": \(reason)" }
    lines.append(state)
    for vote in proposal["approvals"]?.array ?? [] { lines.append("approved  \(Self.vote(vote))") }
    for vote in proposal["objections"]?.array ?? [] { lines.append("objected  \(Self.vote(vote))") }
    for missing in proposal["missing"]?.array ?? [] {
      lines.append("missing   \(missing["text"]?.string ?? "?")")
    }
    if let execution = proposal["execution"], execution["startedIndex"] != nil {
      let mode = execution["mode"]?.string == "break-glass" ? ", by break-glass" : ""
      lines.append("started   entry \(execution["startedIndex"]?.integer ?? 0)\(mode)")
      if let outcome = execution["outcome"]?.string {
        lines.append("outcome   \(outcome) \(execution["result"]?.canonicalString() ?? "")")
      }
    }
    return lines.map { style.bold(String($0.prefix(10))) + TerminalText.escaped(String($0.dropFirst(10))) + "\n" }
      .joined()
  }

  private static func vote(_ vote: JSON) -> String {
    "\(vote["signer"]?.string ?? "?")  entry \(vote["index"]?.integer ?? 0)  \(WallClock.text(vote["at"]?.integer ?? 0))"
  }
}
