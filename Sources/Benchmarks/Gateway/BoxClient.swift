import CanonicalJSON
import HTTPClient

/// A client of a box's API, as any program is.
struct BoxClient: Sendable {
  private let address: String
  private let token: String
  private let client = HTTPClient()

  /// - Parameters:
  ///   - address: `127.0.0.1:PORT`.
  init(address: String, token: String) {
    self.address = address
    self.token = token
  }

  /// Sends a request and returns the answer's JSON; anything but 2xx is an error.
  func call(
    _ method: String, _ path: String, _ body: [UInt8] = [], headers: [HTTPClientHeader] = []
  ) async throws -> JSON {
    let request = HTTPClientRequest(
      method: method, url: "http://\(address)\(path)",
      headers: headers + [HTTPClientHeader("Authorization", "Bearer \(token)")], body: body, deadline: .seconds(120),
      mayRepeat: true)
    let response = try await client.send(request, policy: try Loopback.policy(of: address))
    guard (200...299).contains(response.status) else {
      throw BenchmarkFailure.wrongResult(
        "\(method) \(path): \(response.status) \(String(decoding: response.body.prefix(500), as: UTF8.self))")
    }
    return try JSON(parsing: response.body, limits: .document(maxBytes: 1 << 23))
  }

  /// Registers a tool with this body and returns when it can be run.
  func register(_ name: String, _ body: String, uses: [JSON] = []) async throws {
    let kept = try await call("POST", "/v1/sources", SampleTool.source(body))
    try await carryOut(
      "tool.register",
      [
        "manifest": [
          "name": .string(name), "version": "1", "source": kept["source"] ?? .null, "uses": .array(uses),
          "limits": ["calls": 10_000, "fuel": 1_000_000],
        ]
      ])
  }

  /// Proposes what needs nobody's approval and waits until it is done.
  func carryOut(_ type: String, _ params: JSON) async throws {
    let body: JSON = ["action": ["type": .string(type), "params": params]]
    let proposal = try await call("POST", "/v1/proposals", body.canonicalBytes())
    guard let id = proposal["proposal"]?.string else { throw BenchmarkFailure.wrongResult("\(proposal)") }
    for _ in 0..<10 {
      let status = try await call("GET", "/v1/proposals/\(id)?wait=10")["status"]?["name"]?.string
      if status == "executed" { return }
    }
    throw BenchmarkFailure.wrongResult("\(type) is not carried out")
  }

  /// Starts a run; with `waits` returns when it is over.
  func run(_ tool: String, _ input: JSON = .null, waits: Bool = true) async throws -> JSON {
    let body: JSON = ["tool": .string(tool), "input": input, "community": "home"]
    return try await call(
      "POST", "/v1/runs", body.canonicalBytes(), headers: waits ? [HTTPClientHeader("Prefer", "wait=60")] : [])
  }

  /// Runs a tool to its end and checks its result.
  func run(_ tool: String, _ input: JSON = .null, expecting result: JSON) async throws {
    let view = try await run(tool, input)
    guard view["status"] == "finished", view["result"] == result else {
      throw BenchmarkFailure.wrongResult("a run of \(tool): \(view.canonicalString().prefix(800))")
    }
  }
}

/// Servers of the benchmarks on this machine.
enum Loopback {
  /// Permits one of them and nothing else.
  static func policy(of address: String) throws -> EgressPolicy {
    let parts = address.split(separator: ":")
    guard parts.count == 2, let port = UInt16(parts[1]) else {
      throw BenchmarkFailure.usage("\(address) is not ADDRESS:PORT")
    }
    return .only([(host: String(parts[0]), port: port)])
  }
}
