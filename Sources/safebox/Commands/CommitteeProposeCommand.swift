import BoxService
import CanonicalJSON
import Governance
import Terminal

/// `committee propose`: a change of signers and committees, made from signers' files and the constitution in force.
enum CommitteeProposeCommand {
  static let command = Command(
    "propose", "propose other signers, committees or root rule",
    discussion: """
      Takes the signers, committees and root rule in force, makes the changes named here, and proposes the whole as \
      governance.committee.set. Who is taken away leaves every committee. The present signers must approve, and then the \
      proposed ones by the same rule.

      With --recover the proposal is governance.recover, which the root rule alone decides; it carries the policies in \
      force, or those of --policies.
      """,
    arguments: [
      .option(
        "add", value: "file", "a signer's public file: a new signer, or new keys of one", values: .file,
        isRepeated: true),
      .option("remove", value: "name", "a signer to take away", isRepeated: true),
      .option(
        "committee", value: "name=a,b,c", "all members of a committee, new or in force; `name=` takes it away",
        isRepeated: true),
      .option("root", value: "json", "another root rule: JSON or a file", values: .file),
      .flag("recover", "by the root rule alone"),
      .option("policies", value: "file", "with --recover: all policies by name", values: .file),
      .flag("print", "print the parameters instead of proposing them"),
    ] + ProposeCommand.submission, run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let isRecovery = arguments.flag("recover")
    guard isRecovery || arguments.value("policies") == nil else {
      throw CommandError("--policies belongs to --recover", exitCode: .usage)
    }
    let policies = try arguments.value("policies").map { try Files.json($0) }
    let root = try arguments.value("root").map { try Files.json(textOrFile: $0) }
    let constitution = try await BoxConnection(arguments).constitution()
    var signers = constitution["signers"]?.object ?? [:]
    var committees = constitution["committees"]?.object ?? [:]
    for path in arguments.values("add") {
      let file = try SignerFile.read(path, of: constitution["box"]?.string ?? "")
      signers[file.signer] = ["keys": .array(file.keys)]
    }
    for name in arguments.values("remove") {
      guard signers[name] != nil else { throw CommandError("there is no signer \(name)", exitCode: .usage) }
      signers[name] = nil
      for committee in committees {
        committees[committee.key] = .array((committee.value.array ?? []).filter { $0.string != name })
      }
    }
    for text in arguments.values("committee") {
      let (name, members) = try committee(text)
      guard !members.isEmpty || committees[name] != nil else {
        throw CommandError("there is no committee \(name)", exitCode: .usage)
      }
      committees[name] = members.isEmpty ? nil : .array(members.map { .string($0) })
    }
    var params: JSONObject = ["signers": .object(signers), "committees": .object(committees)]
    if isRecovery {
      params["policies"] = policies ?? constitution["policies"]
      params["root"] = root ?? constitution["root"]
    } else {
      params["root"] = root
    }
    if arguments.flag("print") {
      Terminal.standard.write(JSON.object(params).canonicalString() + "\n")
      return .ok
    }
    return try await ProposeCommand.submit(
      isRecovery ? ActionType.recover : ActionType.committeeSet, params, arguments)
  }

  /// `name=a,b,c`.
  private static func committee(_ text: String) throws -> (name: String, members: [String]) {
    guard let equals = text.firstIndex(of: "="), Name.isValid(String(text[..<equals])) else {
      throw CommandError("--committee is \"\(text)\", name=a,b,c is expected", exitCode: .usage)
    }
    return (
      String(text[..<equals]), text[text.index(after: equals)...].split(separator: ",").map(String.init)
    )
  }
}
