extension Catalogue {
  /// What stands on tools, their jail and their calls.
  static let tools: [Group] = [
    Group(
      "tool run, cold: a new worker in the full jail for each", unit: "runs", kind: .latency,
      goal: .init(text: "p50 <= 2 ms", p50: 2000),
      ("tool-cold/safebox", "Safebox, full jail"), ("tool-cold/worker", "Node new Worker, no jail"),
      ("tool-cold/process", "Node process, no jail"), ("tool-cold/v8", "V8 isolate (mini-racer), no jail")),
    Group(
      "tool run, warm: from the pool, 10 ms apart", unit: "runs", kind: .latency,
      goal: .init(text: "p50 <= 0.15 ms", p50: 150),
      ("tool-warm/safebox", "Safebox, full jail"), ("tool-warm/vm", "Node vm.createContext, no jail"),
      ("tool-warm/v8", "V8 isolate (mini-racer), no jail"), ("tool-warm/worker", "Node new Worker, no jail")),
    Group(
      "tool runs in a row, a process for each", unit: "runs",
      ("tool-row-1/safebox", "Safebox, 1 caller"), ("tool-row-8/safebox-8", "Safebox, 8 callers"),
      ("tool-row/worker", "Node new Worker, no jail"), ("tool-row/v8", "V8 isolate (mini-racer), no jail"),
      ("tool-row/process", "Node process, no jail")),
    Group(
      "host calls across the jail, 1 run", unit: "calls", goal: .init(text: "20,000/s", rate: 20_000),
      ("calls-1/safebox", "Safebox, full jail"), ("calls-1/node", "Node postMessage, 1 worker")),
    Group(
      "host calls across the jail, 8 runs at once", unit: "calls",
      ("calls-8/safebox", "Safebox, full jail"), ("calls-8/node", "Node postMessage, 8 workers")),
    Group(
      "host calls of a run in a box, each durable", unit: "calls",
      ("durable-calls-1/safebox", "Safebox, 1 run"), ("durable-calls-16/safebox-16", "Safebox, 16 runs at once")),
    Group(
      "replay of a run of 2,000 calls", unit: "calls",
      ("replay/safebox", "Safebox, held call by call"), ("replay/recorded", "the run when it was recorded")),
    Group(
      "a run through the box's API, durable, 1 at a time", unit: "runs", kind: .latency,
      ("box-run-1/safebox", "Safebox, POST /v1/runs")),
    Group(
      "runs through the box's API, durable, 16 at once", unit: "runs", ("box-run-16/safebox", "Safebox, POST /v1/runs")),
    Group(
      "policy decision by code", unit: "decisions", kind: .latency,
      ("decision-code/safebox", "Safebox, a new engine for each"),
      ("decision-code/vm", "Node vm.createContext for each"), ("decision-code/once", "Node, one context for all")),
    Group(
      "memory of a live run that waits for an answer", unit: "KiB", kind: .size,
      ("tool-memory/safebox", "Safebox: worker and daemon"), ("tool-memory/worker", "Node worker thread"),
      ("tool-memory/v8", "V8 isolate (mini-racer)")),
    Group(
      "memory of a parked run, which waits for people", unit: "KiB", kind: .size,
      ("parked-memory/safebox", "Safebox, in a box")),
    Group(
      "what LLM.chat takes, beside the same server directly", unit: "calls", kind: .latency,
      ("gateway-chat/safebox", "Safebox, the host call"), ("gateway-chat/direct", "directly"),
      ("gateway-chat/litellm", "through LiteLLM's proxy")),
    Group(
      "what LLM.chat adds", unit: "calls", kind: .latency, goal: .init(text: "p50 < 1 ms", p50: 1000),
      ("gateway-chat-added/safebox", "Safebox, the host call"),
      ("gateway-chat-added/safebox-run", "Safebox, tool, jail and log"),
      ("gateway-chat-added/litellm", "LiteLLM's proxy")),
    Group(
      "what HTTP.get adds", unit: "calls", kind: .latency, goal: .init(text: "p50 < 1 ms", p50: 1000),
      ("gateway-get-added/safebox", "Safebox, the host call"),
      ("gateway-get-added/safebox-run", "Safebox, tool, jail and log")),
  ]
}
