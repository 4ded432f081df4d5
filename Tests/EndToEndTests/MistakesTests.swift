import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// What users get wrong is refused with the place and the remedy, and leaves nothing half done.
@Suite struct MistakesTests {
  private static let origin = "example.com/box"

  /// Files for `init`, made once for a test.
  private struct Draft {
    let directory: TemporaryDirectory
    let constitution: String
    var data: String { directory.file("data") }
    func signer(_ name: String) -> String { directory.file("\(name).signer.json") }

    init(_ edit: (String) -> String = { $0 }) throws {
      directory = try TemporaryDirectory()
      let example = try String(
        contentsOfFile: Vectors.packageRoot + "/examples/payments/constitution.json", encoding: .utf8)
      constitution = try directory.write(Array(edit(example).utf8), to: "constitution.json")
      for name in TestBox.people {
        try Safebox.run(["key", "new", "--signer", name, "--box", MistakesTests.origin, "--out", directory.path])
      }
    }

    /// Runs `init` with options that come later than its own; fails the test unless nothing was made.
    func refusal(_ options: [String] = [], expecting status: Int32 = 1, signers: [String]? = nil) throws -> String {
      let files = signers ?? TestBox.people.map(signer)
      let ending = try Safebox.run(
        ["init", "--data", data, "--origin", MistakesTests.origin, "--constitution", constitution] + options
          + files.flatMap { ["--signer", $0] }, expecting: status)
      #expect(!FileManager.default.fileExists(atPath: data), "\(ending.errors)")
      #expect(ending.output.isEmpty)
      return ending.errors
    }
  }

  @Test func wrongConstitutionsAreNamedAndLeaveNothing() async throws {
    try await story {
      let mistakes = [
        ("\"threshold\": 2 }", "\"threshold\": 4 }", "which has 3"),
        ("\"committee\": \"payments\"", "\"committee\": \"payment\"", "committee payment,"),
        ("\"root\": {", "\"rot\": {", "constitution.ro"),
        ("\"rule\": \"single\"", "\"rule\": \"sole\"", "breakGlass.rule.rule"),
        ("\"owners\": [", "\"owners\": [\"bob\", ", "owners lists bob"),
        ("{\n  \"committees\"", "{\n  \"committees\": {},\n  \"committees\"", "line 3"),
        ("\"owners\": [\"engineer\",", "\"owners\": [\"engineer\",,", "line 3"),
      ]
      for (old, new, expected) in mistakes {
        let draft = try Draft { $0.replacingOccurrences(of: old, with: new) }
        let refusal = try draft.refusal()
        #expect(refusal.contains(expected), "\(new): \(refusal)")
      }
    }
  }

  @Test func wrongMachinesAreNamedAndLeaveNothing() async throws {
    try await story {
      let draft = try Draft()
      let tpm = "device:/dev/tpmrm0"
      let mistakes: [([String], String)] = [
        (["--machine", "sgx"], "auto, or one of tpm, azure-cvm, sev-snp, tdx, nitro-enclave"),
        (["--machine", "tdx", "--tpm", tpm], "--tpm does not belong to --machine tdx"),
        (["--machine", "tpm", "--tpm", "libtpm.so"], "--tpm: the TPM's address must be"),
        (["--machine", "tdx", "--snp-interface", "device"], "with sev-snp"),
        (["--machine", "sev-snp", "--with", "sev-snp"], "attestation.with[0].platform"),
        (["--machine", "auto", "--with", "tpm"], "--with belongs to a platform that --machine names"),
        (["--with", "tpm"], "--with belongs to --machine or --tpm"),
        (["--machine", "nitro-enclave", "--td-quote", "/quote"], "nitro-enclave has no use for it"),
      ]
      for (options, expected) in mistakes {
        let refusal = try draft.refusal(options, expecting: 2)
        #expect(refusal.contains(expected), "\(options): \(refusal)")
      }
      let devices = ["/dev/tpmrm0", "/dev/tpm0", "/dev/sev-guest", "/dev/tdx_guest", "/dev/nsm"]
      guard !devices.contains(where: FileManager.default.fileExists) else { return }
      let nothing = try draft.refusal(["--machine", "auto"])
      for device in devices { #expect(nothing.contains(device)) }
    }
  }

  @Test func wrongSignerFilesAreNamedAndLeaveNothing() async throws {
    try await story {
      let draft = try Draft()
      let few = try draft.refusal(signers: [draft.signer("engineer")])
      #expect(few.contains("who is no signer") && few.contains("hint: ") && few.contains("--signer"))
      #expect(try draft.refusal(signers: [draft.directory.file("engineer.key")]).contains("engineer.key"))
      #expect(try draft.refusal(signers: [draft.signer("nobody")]).contains("nobody.signer.json"))

      try Safebox.run(["key", "new", "--signer", "eve", "--box", "example.com/other", "--out", draft.directory.path])
      let other = try draft.refusal(signers: [draft.signer("eve")])
      #expect(other.contains("eve.signer.json is for the box example.com/other") && other.contains("key new --box"))

      // The possession of somebody else's key proves nothing.
      let engineer = try draft.directory.read("engineer.signer.json")
      let auditor = try draft.directory.read("auditor.signer.json")
      func possession(_ bytes: [UInt8]) throws -> String {
        let json = try JSON(parsing: Array(bytes.dropLast()), limits: .document(maxBytes: 65536))
        return try #require(json["keys"]?.array?.first?["possession"]?.string)
      }
      let forged = String(decoding: engineer, as: UTF8.self)
        .replacingOccurrences(of: try possession(engineer), with: try possession(auditor))
      _ = try draft.directory.write(Array(forged.utf8), to: "engineer.signer.json")
      #expect(try draft.refusal().contains("possession"))
    }
  }

  @Test func whatTheBoxCouldNotStartWithIsRefusedFirst() async throws {
    try await story {
      let draft = try Draft()
      let junk = try draft.directory.write(Array("junk\n".utf8), to: "junk")
      #expect(try draft.refusal(["--witness-policy", junk]).contains("junk is not a tlog-policy: line 1"))
      #expect(try draft.refusal(["--tls-certificate", junk, "--tls-key", junk]).contains("TLS"))
      #expect(try draft.refusal(["--tls-certificate", junk], expecting: 2).contains("--tls-key"))
      #expect(try draft.refusal(["--listen", "0.0.0.0:8470"], expecting: 2).contains("--tls-certificate"))
      #expect(try draft.refusal(["--listen", "nonsense"], expecting: 2).contains("--listen"))
      #expect(try draft.refusal(["--admin", "0.0.0.0:8471"], expecting: 2).contains("admin"))
    }
  }

  /// The disk is full in the middle: the directory is as before, and the same command succeeds later.
  @Test func initThatFailsMidwayTakesItselfBack() async throws {
    let shell = try #require(Subprocess.find("sh"))
    try await story {
      let draft = try Draft()
      let arguments =
        [
          "init", "--data", draft.data, "--origin", Self.origin, "--constitution", draft.constitution,
        ] + TestBox.people.flatMap { ["--signer", draft.signer($0)] }
      // Files of more than a few blocks cannot be written: the keys can, the log cannot.
      let script = "trap '' XFSZ; ulimit -f 8; exec \"$@\""
      let failed = try SpawnedProcess(shell, ["-c", script, "sh", Safebox.path] + arguments).wait()
      #expect(failed.status == 1, "\(failed.output)\(failed.errors)")
      #expect(failed.errors.contains("the box was not made"))
      #expect(!FileManager.default.fileExists(atPath: draft.data))

      // A directory that was there before stays, empty.
      try FileManager.default.createDirectory(atPath: draft.data, withIntermediateDirectories: false)
      #expect(try SpawnedProcess(shell, ["-c", script, "sh", Safebox.path] + arguments).wait().status == 1)
      #expect(try FileManager.default.contentsOfDirectory(atPath: draft.data) == [])
      try Safebox.run(arguments)
      let again = try Safebox.run(arguments, expecting: 1)
      #expect(again.errors.contains("is not empty") && !again.errors.contains("remove"))
    }
  }

  @Test func keysAndTheirPublicFilesAreMadeTogether() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      _ = try directory.write([], to: "ann.signer.json")
      let arguments = ["key", "new", "--signer", "ann", "--box", Self.origin, "--out", directory.path]
      #expect(try Safebox.run(arguments, expecting: 1).errors.contains("ann.signer.json exists"))
      #expect(!FileManager.default.fileExists(atPath: directory.file("ann.key")))
    }
  }

  @Test func parametersAreReadStrictly() async throws {
    try await story {
      let box = try TestBox()
      func refusal(_ arguments: String..., expecting status: Int32) throws -> String {
        try Safebox.run(
          ["propose", "http.request"] + arguments, expecting: status,
          environment: ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN": try box.token()]
        ).errors
      }
      let size = try #require(try box.ask("GET", "/v1/status").json()["size"]?.integer)
      #expect(try refusal("--params", "[1]", expecting: 2).contains("--params"))
      #expect(try refusal("--param", "body={\"amount\":", expecting: 2).contains("--param body"))
      #expect(try refusal("--param", "body=@/nonexistent", expecting: 1).contains("/nonexistent"))
      #expect(
        try refusal("--params", box.payment().canonicalString(), "--disclose", "bod", expecting: 2).contains("bod"))
      #expect(try box.ask("GET", "/v1/status").json()["size"]?.integer == size, "nothing was proposed")

      let body = try box.directory.write((box.payment()["body"] ?? .null).canonicalBytes(), to: "body.json")
      let id = try #require(
        try box.safebox(
          "propose", "http.request", "--params", box.payment(7).canonicalString(), "--param", "body=@\(body)",
          "--disclose", "body", "--json", expecting: 3
        ).json["proposal"]?.string)
      #expect(try box.proposal(id).at("statement", "action", "params", "body") == box.payment()["body"])
    }
  }

  @Test func aTypedTokenBeatsTheEnvironment() async throws {
    try await story {
      let box = try TestBox()
      let file = try box.directory.write(Array(box.token().utf8), to: "token")
      let environment = ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN_FILE": file]
      try Safebox.run(["proposals"], environment: environment)
      let wrong = try Safebox.run(["proposals", "--token", "wrong"], expecting: 1, environment: environment)
      #expect(wrong.errors.contains("unauthorized"))
      let reader = try box.token("read")
      let short = try Safebox.run(
        ["propose", "box.stop", "--param", "reason=x", "--token", reader], expecting: 1, environment: environment)
      #expect(short.errors.contains("scope_missing") && short.errors.contains("client add"))
    }
  }

  @Test func aTakenPortIsSaidInWords() async throws {
    try await story {
      let first = try TestBox()
      let second = try TestBox(listen: first.address, starts: false)
      let ending = try Safebox.run(["serve", "--data", second.data], expecting: 1)
      #expect(ending.errors == "safebox: error: \(first.address) is in use by another process\n")
      let nowhere = try Safebox.run(
        ["audit", "export", "--data", first.directory.file("nowhere"), "--out", first.directory.file("out")],
        expecting: 1)
      #expect(nowhere.errors.contains("there is no box in"))
    }
  }

  @Test func theDoctorSaysWhatToDo() async throws {
    try await story {
      let box = try TestBox(starts: false)
      try Safebox.run(["doctor", "--data", box.data])
      try FileManager.default.removeItem(atPath: box.data + "/keys/master.key")
      let found = try Safebox.run(["doctor", "--data", box.data], expecting: 1).output
      #expect(found.contains("FAULT  private keys and their modes: "))
      #expect(found.contains("master.key is missing") && found.contains("restore keys/ from the offline backup"))
      let list = try Safebox.run(["doctor", "--data", box.data, "--json"], expecting: 1).json.array ?? []
      #expect(list.filter { $0["fault"] != .null }.allSatisfy { $0["remedy"]?.string?.isEmpty == false })
      let nowhere = try Safebox.run(["doctor", "--data", box.directory.file("nowhere")], expecting: 1)
      #expect(nowhere.errors.contains("there is no box in") && nowhere.output.isEmpty)
    }
  }
}
