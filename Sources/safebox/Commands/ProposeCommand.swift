import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Terminal

/// `propose`: put an action to its policy.
enum ProposeCommand {
  static let command = Command(
    "propose", "propose an action",
    discussion: """
      Exit code 0 when it was executed, 3 while approvals or time are missing, 4 when it is denied. Without --key the \
      proposer is the client of the token; with --key the signer proposes, and proves it with a claim.
      """,
    arguments: [
      .positional("type", "the action type, such as http.request"),
      .option("params", value: "json", "the parameters: JSON, a file, or - for standard input", values: .file),
      .option("param", value: "name=value", "one parameter; the value is JSON or text", isRepeated: true),
      .option("disclose", value: "name", "a parameter to show in the log, which would be private", isRepeated: true),
      .option("expires-in", value: "span", "such as 90s, 15m, 36h, 7d; default: as long as the policy allows"),
      .option("follows", value: "digest", "a proposal that must be executed first", isRepeated: true),
      .option("idempotency-key", value: "text", "repeat safely under one key"),
      .option("wait", value: "span", "wait for the outcome, at most 60s"),
      .option("key", value: "file", "propose as a signer", values: .file),
      .option("signer", value: "name", "the signer's name; default: the key file's name"), .json,
    ] + BoxConnection.arguments, run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    var params = try arguments.value("params").map { try Files.json(textOrFile: $0) }?.object ?? [:]
    for text in arguments.values("param") {
      guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
        throw CommandError("--param is \"\(text)\", name=value is expected", exitCode: .usage)
      }
      let value = String(text[text.index(after: equals)...])
      params[String(text[..<equals])] =
        (try? JSON(parsing: Array(value.utf8), limits: .document(maxBytes: 1 << 20))) ?? .string(value)
    }
    var action: JSONObject = ["type": .string(try arguments.required("type")), "params": .object(params)]
    let follows = arguments.values("follows")
    if !follows.isEmpty { action["follows"] = .array(follows.map { .string($0) }) }
    var body: JSONObject = ["action": .object(action)]
    let disclose = arguments.values("disclose")
    if !disclose.isEmpty { body["disclose"] = .array(disclose.map { .string($0) }) }
    if let seconds = try arguments.seconds("expires-in") { body["expiresIn"] = .integer(seconds) }
    let connection = try BoxConnection(arguments)
    if arguments.value("key") != nil { try await sign(&body, arguments, connection) }
    var headers: [(String, String)] = []
    if let key = arguments.value("idempotency-key") { headers.append(("Idempotency-Key", key)) }
    let wait = min(60, try arguments.seconds("wait") ?? 0)
    if wait > 0 { headers.append(("Prefer", "wait=\(wait)")) }
    let answer = try await connection.send("POST", "/v1/proposals", body: .object(body), headers: headers)
    return ProposalOutput.print(try answer.json(), arguments)
  }

  /// A signer's proposal: the statement is made here, signed here, and sent whole.
  private static func sign(
    _ body: inout JSONObject, _ arguments: ParsedArguments, _ connection: BoxConnection
  ) async throws {
    let (name, signer) = try SignerKeyFile.signer(arguments)
    guard let json = try await connection.get("/v1/constitution")["constitution"] else {
      throw CommandError("the box shows no constitution")
    }
    let constitution = try Constitution(json: json)
    var actionJSON = body["action"] ?? .null
    let disclosed = Set(arguments.values("disclose"))
    if actionJSON["type"]?.string == "http.request", var params = actionJSON["params"]?.object {
      var openings: JSONObject = [:]
      for member in ["headers", "body"] where !disclosed.contains(member) {
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
      lines.append("started   entry \(execution["startedIndex"]?.integer ?? 0)")
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
