import Inference

/// What clients send to the gateway, and what runners answer.
enum InferenceTargets {
  static let requests = FuzzTarget(
    name: "inference.requests", shape: .json,
    seeds: [
      #"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":3,"stop":["a"],"stream":true}"#,
      #"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"function_call","#
        + #""call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"y"}]}"#,
      #"{"model":"m","max_tokens":1,"system":"s","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"i","#
        + #""name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":"r"}]}]}"#,
      #"{"model":"m","input":[[1,2],[3]],"encoding_format":"base64"}"#, #"{"model":"m","prompt":[1,2],"n":2}"#,
      #"{"model":"m","input":"hello","voice":"en","speed":1.5,"response_format":"wav"}"#,
    ].map { Array($0.utf8) },
    tokens: [
      "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", "\"image_url\"", "data:image/png;base64,",
      "file:///", "\"tool_choice\":", "null", "\"text\":{\"format\":", "\"output_config\":",
    ]
  ) { input throws(FuzzTarget.Violation) in
    try check { () throws(InferenceProbe.Violation) in try InferenceProbe.request(input) }
  }

  static let streams = FuzzTarget(
    name: "inference.streams", shape: .lines,
    seeds: [
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"
        + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
        + "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n",
      ": c\r\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"i\",\"function\":{\"name\":\"f\","
        + "\"arguments\":\"{\"}}]}}]}\r\n\r\n",
    ].map { Array($0.utf8) },
    tokens: ["data: ", "\n\n", "\r", "[DONE]", "\"finish_reason\":\"length\"", "\"index\":9", "\"error\":{}"]
  ) { input throws(FuzzTarget.Violation) in
    try check { () throws(InferenceProbe.Violation) in try InferenceProbe.stream(input) }
  }

  private static func check(
    _ probe: () throws(InferenceProbe.Violation) -> String
  ) throws(FuzzTarget.Violation) -> String {
    do throws(InferenceProbe.Violation) {
      return try probe()
    } catch {
      throw FuzzTarget.Violation(error.what)
    }
  }
}
