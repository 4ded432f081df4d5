import Attestation
import BoxService
import CLinux
import CanonicalJSON
import Cryptography
import Glibc
import Governance
import KeyRelease
import Terminal
import TrustedPlatform

/// `broker serve|create|enrol|grant|revoke|log`.
enum BrokerCommands {
  static let command = Command(
    "broker", "keep keys for boxes, and release them to those that prove what they run",
    subcommands: [
      Command(
        "serve", "run a broker until it is told to stop",
        discussion: "As serve, for a box whose box.json has a broker. Prints the digest of the key that boxes pin.",
        arguments: [Settings.data], run: ServeCommand.runBroker),
      Command(
        "create", "propose a key, and the appraisal policy that decides over evidence for it",
        arguments: [
          .positional("name", "the key's name"),
          .option("appraisal", value: "file", "safebox-appraisal/v1", values: .file, isRequired: true),
        ] + ProposeCommand.submission, run: create),
      Command(
        "enrol", "make this box known to a broker by its TPM",
        discussion: "Exit code 3: the broker's owners decide over the proposal whose digest is printed.",
        arguments: KeyReleaseArguments.all + [
          .option(
            "ak-certificates", value: "file",
            "PEM chain of the attestation key, from an authority that the broker accepts", values: .file)
        ], run: enrol),
      Command(
        "grant", "propose that a box may have a key", arguments: pair + ProposeCommand.submission,
        run: { try await propose(ActionType.grantKey, $0) }),
      Command(
        "revoke", "propose that a box may have a key no more", arguments: pair + ProposeCommand.submission,
        run: { try await propose(ActionType.revokeKey, $0) }),
      Command(
        "log", "list releases and refusals", arguments: [.json] + BoxConnection.arguments, run: log),
    ])

  private static let pair: [Argument] = [
    .positional("name", "the key's name"),
    .positional("machine", "the name of the box that has, or shall have, the key"),
  ]

  private static func propose(_ type: String, _ arguments: ParsedArguments) async throws -> ExitCode {
    try await ProposeCommand.submit(
      type,
      ["key": .string(try arguments.required("name")), "box": .string(try arguments.required("machine"))], arguments)
  }

  private static func create(_ arguments: ParsedArguments) async throws -> ExitCode {
    let policy = try Files.json(try arguments.required("appraisal"))
    let answer = try await BoxConnection(arguments).send("POST", "/v1/appraisals", body: policy).json()
    guard let digest = answer["appraisal"]?.string else { throw CommandError("the broker kept no policy") }
    return try await ProposeCommand.submit(
      ActionType.createKey, ["key": .string(try arguments.required("name")), "appraisal": .string(digest)], arguments)
  }

  private static func enrol(_ arguments: ParsedArguments) async throws -> ExitCode {
    let machine = try KeyReleaseArguments(arguments)
    let device = try machine.device()
    let attestationKey = try await device.attestationKey()
    let endorsement = try await device.endorsementKey()
    let certificates =
      try arguments.value("ak-certificates").map { path in
        try Certificate.all(pem: String(decoding: try Files.read(path, limit: 65536), as: UTF8.self)).map(\.der)
      } ?? []
    let request = EnrolmentRequest(
      box: machine.client.box, attestationKey: attestationKey.publicArea, attestationCertificates: certificates,
      endorsementKey: endorsement.publicArea,
      endorsementCertificates: (endorsement.certificate.map { [$0] } ?? []) + machine.intermediates)
    let proposal = try await machine.client.enrol(request) { credential, secret in
      try await device.activate(credential: credential, encryptedSecret: secret)
    }
    Terminal.standard.write("\(proposal)\n")
    return .pending
  }

  private static func log(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    var found: [JSON] = []
    var cursor: String?
    while true {
      let page = try await connection.get("/v1/proposals?limit=100" + (cursor.map { "&cursor=\($0)" } ?? ""))
      let proposals = page["proposals"]?.array ?? []
      found += proposals.filter {
        [ActionType.releaseKey, ActionType.refuseKey].contains($0["statement"]?["action"]?["type"]?.string ?? "")
      }
      guard let next = page["next"]?.string, !proposals.isEmpty else { break }
      cursor = next
    }
    if arguments.wantsJSON {
      Terminal.standard.write(JSON.array(found).canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("key", mayBeCut: false), .init("box"), .init("what"), .init("why"), .init("registers"), .init("entry"),
    ])
    for proposal in found.reversed() {
      let params = proposal["statement"]?["action"]?["params"]
      let isRefusal = proposal["statement"]?["action"]?["type"]?.string == ActionType.refuseKey
      let status = proposal["status"]?["name"]?.string ?? "?"
      table.add([
        params?["key"]?.string ?? "?", params?["box"]?.string ?? "?",
        isRefusal ? "refused" : (status == "executed" ? "released" : status),
        isRefusal ? params?["reason"]?.string ?? "?" : params?["release"]?.string ?? "?",
        (params?["registers"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
        proposal["proposal"]?.string ?? "?",
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }
}
