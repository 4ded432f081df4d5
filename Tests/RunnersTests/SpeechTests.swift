import CanonicalJSON
import Foundation
import Models
import TestSupport
import Testing

@testable import Runners

/// espeak-ng behind the adapter, in a container.
@Suite(.enabled(if: RunnerBox.hasSpeech, RunnerBox.rootsAbsence))
struct SpeechTests {
  private func order(_ box: RunnerBox, slots: Int64 = 2) throws -> RunnerSupervisor.Order {
    let source = box.directory.file("voices")
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
    let voices: JSON = ["default": "british", "voices": ["british": "en-gb", "german": "de"]]
    try Data(voices.canonicalBytes()).write(to: URL(fileURLWithPath: source + "/voices.json"))
    let manifest = try box.install(
      source, name: "espeak-ng", type: "espeak-ng", root: Roots.digest(of: RunnerBox.speechRoot),
      arguments: ["slots": .integer(slots)], protocols: [.speech],
      resources: ModelResources(memoryBytes: 128 << 20, cpus: 1, pids: 32))
    return try box.order("speech", manifest, root: RunnerBox.speechRoot)
  }

  @Test func itSpeaksAndConforms() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(order(box))
      print("speech: start to /health \(status.startMilliseconds ?? -1) ms")
      let findings = await RunnerConformance(client: box.client, socket: status.socket, model: "espeak-ng").check([
        .speech
      ])
      #expect(findings.filter { $0.outcome != .passed } == [])

      let short = try await speak(box, status, ["input": "One."])
      let long = try await speak(box, status, ["input": "One, two, three, four, five, six, seven, eight, nine, ten."])
      #expect(long.count > 2 * short.count)
      // The lengths in the header are those of the file (RIFF, `data` chunk).
      #expect(little(long, at: 4) == long.count - 8)
      #expect(little(long, at: 40) == long.count - 44)
      // There is sound in it.
      let samples = stride(from: 44, to: long.count - 1, by: 2).map {
        Int16(bitPattern: UInt16(long[$0]) | UInt16(long[$0 + 1]) << 8)
      }
      #expect((samples.map { abs(Int($0)) }.max() ?? 0) > 3000)
      let fast = try await speak(box, status, ["input": "One, two, three, four, five.", "speed": .double(2.0)])
      let slow = try await speak(box, status, ["input": "One, two, three, four, five.", "speed": .double(0.5)])
      #expect(slow.count > 2 * fast.count)
      let german = try await speak(box, status, ["input": "One.", "voice": "german", "response_format": "pcm"])
      #expect(!german.starts(with: Array("RIFF".utf8)) && german.count.isMultiple(of: 2))
    }
  }

  @Test func whatItCannotSpeakIsRefused() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(order(box))
      let wrong: [(field: String, body: JSON)] = [
        ("model", ["model": "other", "input": "x"]),
        ("input", ["model": "espeak-ng", "input": .string(String(repeating: "a", count: 4097))]),
        ("voice", ["model": "espeak-ng", "input": "x", "voice": "--help"]),
        ("speed", ["model": "espeak-ng", "input": "x", "speed": 9]),
        ("response_format", ["model": "espeak-ng", "input": "x", "response_format": "mp3"]),
        ("ssml", ["model": "espeak-ng", "input": "x", "ssml": true]),
      ]
      for (field, body) in wrong {
        let answer = try await box.ask(status, "/v1/audio/speech", body)
        #expect(answer.status == 400, "\(field)")
        let error = try JSON(parsing: answer.body, limits: .document(maxBytes: 1 << 20))["error"]
        #expect(error?["param"]?.string == field)
        #expect(error?["type"]?.string == "invalid_request_error")
      }
      // Text is text, whatever it looks like to a command line.
      _ = try await speak(box, status, ["input": "-w /cache/file --help $(id)"])
      let cache = (status.socket as NSString).deletingLastPathComponent + "/cache"
      #expect(try FileManager.default.contentsOfDirectory(atPath: cache).isEmpty)
    }
  }

  @Test func whoIsFullSaysSo() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(order(box, slots: 1))
      let long: JSON = [
        "model": "espeak-ng", "input": .string(String(repeating: "antidisestablishmentarianism ", count: 130)),
      ]
      let answers = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
        for _ in 0..<8 {
          group.addTask {
            let answer = try await box.ask(status, "/v1/audio/speech", long)
            return (answer.status, answer.header(RunnerContract.Header.capacityHint))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.contains { $0.0 == 200 })
      #expect(answers.contains { $0.0 == 503 })
      #expect(answers.filter { $0.0 == 503 }.allSatisfy { $0.1 != nil })
    }
  }

  private func speak(_ box: RunnerBox, _ status: RunnerStatus, _ body: JSON) async throws -> [UInt8] {
    var object = try #require(body.object)
    object["model"] = "espeak-ng"
    let answer = try await box.ask(status, "/v1/audio/speech", .object(object))
    #expect(answer.status == 200, "\(String(decoding: answer.body.prefix(300), as: UTF8.self))")
    return answer.body
  }

  private func little(_ bytes: [UInt8], at index: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(bytes[index + $1]) << (8 * $1) }
  }
}
