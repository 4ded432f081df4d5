import CanonicalJSON
import HostCalls

/// The methods that runs themselves answer: tasks and timers.
public enum WorkflowMethods {
  public static let run = HostMethod(
    "Workflow.run", .observe, dimensions: ["tools"],
    schema: [
      "type": "object", "required": ["tool"],
      "properties": [
        "tool": ["type": "string", "description": "NAME or NAME@VERSION"], "input": [:],
        "retries": ["type": "integer", "minimum": 0, "maximum": 20],
        "backoff": [
          "type": "integer", "minimum": 0, "maximum": 86_400_000, "description": "milliseconds, doubled each time",
        ],
        "timeout": [
          "type": "integer", "minimum": 1, "maximum": 2_592_000_000, "description": "milliseconds, for all attempts",
        ],
      ],
      "additionalProperties": false,
    ],
    summary: "Runs another tool as a task and gives its result; a task that fails for good is a dead letter")

  public static let sleep = HostMethod(
    "Workflow.sleep", .observe, dimensions: [],
    schema: [
      "type": "object", "required": ["milliseconds"],
      "properties": ["milliseconds": ["type": "integer", "minimum": 0, "maximum": 2_592_000_000]],
      "additionalProperties": false,
    ],
    summary: "Waits, also across restarts")

  public static let all = [run, sleep]
}

/// The argument of `Workflow.run`.
struct TaskArguments {
  static let maxRetries: Int64 = 20
  /// Milliseconds: a day.
  static let longestBackoff: Int64 = 86_400_000
  /// Milliseconds: 30 days.
  static let longest: Int64 = 2_592_000_000

  var tool: String
  var input: JSON
  var retries: Int64
  /// Milliseconds before the first repetition; doubled for each further one.
  var backoff: Int64
  /// Milliseconds for all attempts together.
  var timeout: Int64?

  init(_ json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json, path: "arguments")
    tool = try reader.string("tool", maxBytes: 128)
    input = reader.optionalJSON("input") ?? .null
    retries = try reader.optionalInteger("retries", in: 0...Self.maxRetries) ?? 0
    backoff = try reader.optionalInteger("backoff", in: 0...Self.longestBackoff) ?? 1000
    timeout = try reader.optionalInteger("timeout", in: 1...Self.longest)
    try reader.finish()
  }

  /// Milliseconds before attempt `number`, counted from 0.
  func delay(before number: Int64) -> Int64 {
    guard number > 0 else { return 0 }
    return min(Self.longestBackoff, backoff << min(number - 1, 20))
  }
}

/// The argument of `Workflow.sleep`.
struct SleepArguments {
  var milliseconds: Int64

  init(_ json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json, path: "arguments")
    milliseconds = try reader.integer("milliseconds", in: 0...TaskArguments.longest)
    try reader.finish()
  }
}
