import CanonicalJSON
import Cryptography
import Governance
import TestSupport
import Testing

@testable import AuditExport

struct FormatTests {
  static let events = 0..<UInt64(TestEntries.bodies.count)

  @Test func aJSONLineHoldsTheEntryByteForByte() throws {
    for index in Self.events {
      let event = try TestEntries.event(index)
      let line = JSONLines.line(event)
      #expect(line.last == 0x0A && line.dropLast().allSatisfy { $0 >= 0x20 })
      let json = try JSON(parsing: Array(line.dropLast()), limits: .document(maxBytes: 1 << 20))
      #expect(json.canonicalBytes() == Array(line.dropLast()))
      #expect(json["index"] == .integer(Int64(index)) && json["box"]?.string == TestEntries.box)
      let entry = try #require(json["entry"]).canonicalBytes()
      #expect(entry == event.bytes)
      #expect(json["leaf"]?.string == SHA256.hash(prefix: 0, entry).hex)
    }
  }

  /// The whole taxonomy at once: each class, activity and severity where docs/audit-export.md says.
  @Test func everyKindHasItsClass() throws {
    let types = try Self.events.map { try OCSF.event(TestEntries.event($0))["type_uid"]?.integer }
    #expect(
      types == [
        501_901, 300_401, 300_401, 300_403, 300_403, 300_404, 300_404, 600_399, 600_399, 200_401, 600_399, 501_901,
        600_399, 200_401, 100_701, 100_799, 600_302, 600_301, 100_702, 100_702, 200_401, 501_901, 501_901,
      ])
    #expect(Set(TestEntries.bodies.map(\.0)) == Set(EntryKind.allCases))
    let failed = OCSF.event(try TestEntries.event(12))
    #expect(failed["status_id"] == 2 && failed["severity_id"] == 3 && failed["status_detail"] == "failed")
    let unknown = OCSF.event(try TestEntries.event(13))
    #expect(unknown["severity_id"] == 4 && unknown["is_alert"] == true && unknown["finding_info"]?["title"] != nil)
    // The truth goes along.
    #expect(try unknown["raw_data"]?.string.map { Array($0.utf8) } == TestEntries.event(13).bytes)
    #expect(try unknown["unmapped"]?["leaf_hash"]?.string == TestEntries.event(13).leafHash.hex)
    #expect(unknown["metadata"]?["correlation_uid"]?.string == TestEntries.proposal)
  }

  @Test(.enabled(if: PythonPeer.isReady, PythonPeer.absence))
  func everyEventIsValidOCSF() throws {
    let events = try Self.events.map { OCSF.event(try TestEntries.event($0)) }
    let none = try Self.faults(events)
    #expect(none.count == events.count && none.allSatisfy(\.isNull), "\(none)")
    // Also where entries say less than they should, and where times leave the calendar.
    let bare = try EntryKind.allCases.map {
      OCSF.event(try AuditEvent(TestEntries.stored(1 << 40, $0, [:], at: JSON.maxSafeInteger), box: "b"))
    }
    let neither = try Self.faults(bare)
    #expect(neither.count == bare.count && neither.allSatisfy(\.isNull), "\(neither)")

    // The schema does say no.
    var broken: [JSON] = []
    for (index, member) in [
      (0, "device"), (1, "entity"), (7, "api"), (7, "src_endpoint"), (7, "actor"), (9, "finding_info"), (14, "process"),
      (1, "metadata"), (1, "time"), (1, "severity_id"), (1, "type_uid"), (1, "activity_id"), (1, "category_uid"),
    ] {
      var object = try #require(events[index].object)
      object[member] = nil
      broken.append(.object(object))
    }
    for (member, value) in [
      ("type_uid", 300_477), ("class_name", "API Activity"), ("activity_id", 77), ("time", "now"), ("invented", 1),
      ("actor", [:]), ("severity_id", 7),
    ] as [(String, JSON)] {
      var object = try #require(events[1].object)
      object[member] = value
      broken.append(.object(object))
    }
    let faults = try Self.faults(broken)
    #expect(faults.count == broken.count && faults.allSatisfy { $0.string != nil }, "\(faults)")
  }

  private static func faults(_ documents: [JSON]) throws -> [JSON] {
    let peer = try PythonPeer(
      "schema_peer",
      [
        "schema": .string(Vectors.packageRoot + "/Tests/Vectors/ocsf-1.8.0.json"), "documents": .array(documents),
      ])
    return peer.ready["faults"]?.array ?? []
  }

  @Test func cefValuesCannotLeaveTheirField() {
    #expect(CEF.value("a=b\\c|d\ne\rf\u{0}g\u{2028}h\u{85}i") == "a\\=b\\\\c|d\\ne\\rf g h i")
    #expect(CEF.headerField("a|b\\c=d\ne") == "a\\|b\\\\c=d e")
    #expect(CEF.value(String(repeating: "=", count: 1000)) == String(repeating: "\\=", count: 255) + "...")
    #expect(SyslogMessage.parameter("a\"b]c\\d\ne") == "a\\\"b\\]c\\\\de")
    #expect(SyslogMessage.name("a b\u{E9}\n", 255) == "a?b???" && SyslogMessage.name("", 32) == "-")
  }

  @Test func bytesThatAreNoEntryAreRefused() throws {
    for text in [
      "", "{}", "{\"at\":0,\"body\":{},\"kind\":\"other\"}", "{ \"at\":0,\"body\":{},\"kind\":\"run.called\"}",
    ] {
      #expect(throws: EntryError.self) {
        try AuditEvent(.init(index: 0, bytes: Array(text.utf8)), box: "b")
      }
    }
  }
}
