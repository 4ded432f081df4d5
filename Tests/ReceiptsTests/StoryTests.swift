import Testing

@testable import Receipts

/// A story's receipt, with the key of its box.
struct ToldStory: Sendable, CustomStringConvertible {
  let name: String
  let key: String
  let bytes: [UInt8]

  var description: String { name }

  static let all: [ToldStory] = {
    do {
      return try Stories.all().map { name, story in
        ToldStory(name: name, key: try story.box().es256Text, bytes: try story.receiptBytes())
      }
    } catch {
      Issue.record("a story cannot be told: \(error)")
      return []
    }
  }()

  /// The receipts of runs.
  static let runs: [ToldStory] = {
    do {
      return try RunStories.all().map { name, story in
        ToldStory(name: name, key: try story.registration.box().es256Text, bytes: try story.receiptBytes())
      }
    } catch {
      Issue.record("a run cannot be told: \(error)")
      return []
    }
  }()
}

@Suite struct StoryTests {
  @Test(arguments: ToldStory.all) func isAccepted(_ story: ToldStory) throws {
    let report = ReceiptVerifier(expecting: try ExpectedBox(parsing: story.key)).verify(story.bytes)
    #expect(report.failures == [])
    #expect(report.steps.map(\.id) == StepID.ofActions)
    #expect(report.explanation.lines.count >= 5)
  }
}
