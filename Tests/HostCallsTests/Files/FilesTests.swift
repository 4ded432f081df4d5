import CanonicalJSON
import Cryptography
import Governance
import Storage
import Testing

@testable import HostCalls

/// Streams: what is written is there, also after a stop, and nobody else's.
@Suite struct FilesTests {
  private static func write(_ box: CallBox, _ arguments: JSON) async throws -> (ExecutionOutcome, ExecutionOrder) {
    let (type, params, _) = try box.change("Files.write", arguments)
    let executor = FilesWriteExecutor(files: box.services.files, salt: box.services.salt)
    #expect(executor.type == type)
    try executor.validate(params: .object(params))
    let order = try box.order(type, params)
    return (await executor.execute(order), order)
  }

  @Test func whatIsWrittenIsListedAndRead() async throws {
    let box = try CallBox()
    let (outcome, order) = try await Self.write(
      box, ["stream": "invoices/2026", "text": "caf\u{E9}", "name": "one.txt"])
    guard case .executed(let result, let opening?) = outcome else { throw CallBox.Unexpected() }
    let digest = SHA256.hash(Array("caf\u{E9}".utf8)).hex
    // The log learns a number and a size; name and digest stand behind the commitment.
    #expect(Set(result.keys) == ["item", "bytes", "file"] && result["item"] == 0 && result["bytes"] == 5)
    #expect(opening.value["digest"] == .string(digest) && opening.value["name"] == "one.txt")
    _ = try await Self.write(box, ["stream": "invoices/2026", "base64": "AP8="])

    let list = try await box.look("Files.list", ["stream": "invoices/2026", "limit": 1]).value
    #expect(list?["items"]?.array?.count == 1 && list?["next"] == 1)
    #expect(
      list?["items"]?.array?.first == [
        "item": 0, "name": "one.txt", "digest": .string(digest), "bytes": 5, "at": .integer(CallBox.now),
      ])
    let rest = try await box.look("Files.list", ["stream": "invoices/2026", "from": 1]).value
    #expect(rest?["items"]?.array?.count == 1 && rest?["next"] == .null)

    let first = try await box.look("Files.read", ["stream": "invoices/2026", "item": 0]).value
    #expect(first?["text"] == "caf\u{E9}" && first?["digest"] == .string(digest))
    let latest = try await box.look("Files.read", ["stream": "invoices/2026", "item": "latest"]).value
    #expect(latest?["item"] == 1 && latest?["base64"] == "AP8=")
    let part = try await box.look("Files.read", ["stream": "invoices/2026", "item": 0, "offset": 1, "length": 2]).value
    #expect(part?["text"] == "af" && part?["bytes"] == 5)

    // Carried out a second time, as after a crash, it finds the first one's item.
    let executor = FilesWriteExecutor(files: box.services.files, salt: box.services.salt)
    guard case .executed(let again, _) = await executor.reconcile(order) else { throw CallBox.Unexpected() }
    #expect(again["item"] == 0)
    #expect(try box.services.files.list("invoices/2026", community: "acme", limit: 10).count == 2)
  }

  @Test func communitiesAndStreamsAreApart() async throws {
    let box = try CallBox()
    _ = try box.services.files.append([1], to: "a", community: "other")
    for arguments in [["stream": "a"], ["stream": "a", "item": 0]] as [JSON] {
      #expect(try await box.look("Files.read", arguments).error?.code == "not_found")
    }
    #expect(try await box.look("Files.list", ["stream": "a"]).value?["items"] == [])
  }

  @Test func everythingIsThereAfterAStop() throws {
    let box = try CallBox()
    let item = try box.services.files.append([1, 2, 3], name: "n", to: "s", community: "acme")
    let again = try FileStreams(path: box.directory.file("streams"), blobs: box.blobs, now: { 0 })
    #expect(try again.read("s", community: "acme").content == [1, 2, 3])
    #expect(try again.append([4], to: "s", community: "acme").number == item.number + 1)
  }

  @Test func erasingKeepsTheNumbers() throws {
    let box = try CallBox()
    let files = box.services.files
    for byte in 0..<3 { _ = try files.append([UInt8(byte)], to: "s", community: "acme") }
    #expect(try files.erase("s", item: 2, community: "acme"))
    #expect(try !files.erase("s", item: 2, community: "acme"))
    #expect(try files.append([9], to: "s", community: "acme").number == 3)
    #expect(try files.list("s", community: "acme", limit: 10).map(\.number) == [0, 1, 3])
    #expect(throws: FileStreams.Failure.absent(stream: "s", item: 2)) {
      try files.read("s", item: 2, community: "acme")
    }
  }

  @Test func blobsThatNoItemCitesAreToldApart() throws {
    let box = try CallBox()
    let files = box.services.files
    let item = try files.append([1], to: "s", community: "acme")
    // As a crash between blob and index leaves it.
    let orphan = try box.blobs.put([2], community: "acme")
    let found = try box.blobs.unreferenced(community: "acme") { try files.isReferenced($0, community: "acme") }
    #expect(found == [orphan])
    #expect(try files.isReferenced(item.blob, community: "acme"))
    #expect(try !files.isReferenced(item.blob, community: "other"))
  }

  @Test(arguments: ["", "A", "a b", "../x", "a/../b", "a//b", "/a", "a/", ".", String(repeating: "a", count: 65)])
  func streamNamesAreStrict(name: String) throws {
    let box = try CallBox()
    for method in ["Files.list", "Files.read"] {
      #expect(try box.refusal(method, ["stream": .string(name)])?.message.hasPrefix("arguments.stream: ") == true)
    }
    #expect(try box.refusal("Files.write", ["stream": .string(name), "text": ""])?.code == "bad_argument")
  }

  @Test(
    arguments: [
      ["stream": "s"], ["stream": "s", "text": "a", "base64": "YQ=="], ["stream": "s", "text": 1],
      ["stream": "s", "base64": "?"], ["stream": "s", "text": "a", "name": ""],
      ["stream": "s", "text": "a", "name": "a\n"], ["stream": "s", "text": "a", "community": "other"],
    ] as [JSON])
  func badContentIsRefused(arguments: JSON) throws {
    #expect(try CallBox().refusal("Files.write", arguments)?.code == "bad_argument")
  }

  @Test func limitsHold() throws {
    let box = try CallBox()
    let long = String(repeating: "a", count: FilesWriteExecutor.maxBytes + 1)
    #expect(try box.refusal("Files.write", ["stream": "s", "text": .string(long)])?.code == "bad_argument")
    #expect(throws: FileStreams.Failure.self) {
      try box.services.files.append(
        [UInt8](repeating: 0, count: FileStreams.maxItemBytes + 1), to: "s", community: "acme")
    }
  }

  @Test func whatDoesNotFitIsReadInParts() async throws {
    let box = try CallBox()
    _ = try box.services.files.append([UInt8](repeating: 0, count: 2 << 20), to: "s", community: "acme")
    #expect(try await box.look("Files.read", ["stream": "s"]).error?.code == "too_large")
    let part = try await box.look("Files.read", ["stream": "s", "offset": 1_000_000, "length": 4]).value
    #expect(part?["text"] == "\u{0}\u{0}\u{0}\u{0}")
    #expect(try await box.look("Files.read", ["stream": "s", "offset": 3_000_000]).error?.code == "bad_argument")
  }
}
