import CanonicalJSON

/// The tools that are not the box's but this server's: what an agent does about a run that it has not seen the end of.
struct GenericTool: Sendable {
  var name: String
  var title: String
  var description: String
  var isReading: Bool

  static let result = GenericTool(
    name: "safebox_run_result", title: "Result of a Safebox run",
    description: "Waits for a run that was pending or still running when its tool call returned, and gives its result. "
      + "Never starts anything. Call it after the people asked have decided.",
    isReading: true)
  static let cancel = GenericTool(
    name: "safebox_run_cancel", title: "Cancel a Safebox run",
    description: "Ends a run that is under way and withdraws what it has proposed. What is done is not undone.",
    isReading: false)
  static let all = [cancel, result]
  static let names = Set(all.map(\.name))

  var json: JSON {
    [
      "name": .string(name), "title": .string(title), "description": .string(description),
      "inputSchema": [
        "type": "object",
        "properties": [
          "run": [
            "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "the run's id, from the pending result",
          ]
        ],
        "required": ["run"], "additionalProperties": false,
      ],
      "annotations": [
        "title": .string(title), "readOnlyHint": .bool(isReading), "destructiveHint": .bool(!isReading),
        "idempotentHint": true, "openWorldHint": false,
      ],
    ]
  }
}
