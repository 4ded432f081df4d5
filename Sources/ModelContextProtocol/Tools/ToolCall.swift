import CanonicalJSON
import Cryptography

/// One `tools/call`: starts a run, or goes on with the one that the call is about, and waits for it within bounds.
struct ToolCall: Sendable {
  let server: MCPServer
  let traits: ClientTraits
  let channel: any ReplyChannel
  let ongoing: OngoingRequest
  private let params: ToolCallParams
  private let progress: CallProgress?

  init(
    server: MCPServer, request: RPCRequest, traits: ClientTraits, channel: any ReplyChannel, ongoing: OngoingRequest
  ) throws(RPCError) {
    self.server = server
    self.traits = traits
    self.channel = channel
    self.ongoing = ongoing
    params = try ToolCallParams(request, traits.revision)
    progress = params.progress.map { CallProgress($0, channel) }
  }

  /// Decisions that one answer asks for.
  static let maxGates = 16

  var box: BoxClient { server.box }
  var urls: ApprovalURLs { server.configuration.urls }
  /// Counted from when it is asked for.
  var deadline: ContinuousClock.Instant { .now + server.configuration.wait }

  func answer() async throws(RPCError) -> JSONObject {
    // After the answer nothing may follow.
    defer { progress?.close() }
    if GenericTool.names.contains(params.name) {
      return try await reporting { () async throws(CallFailure) in try await self.generic() }
    }
    if let state = params.state {
      return try await reporting { () async throws(CallFailure) in try await self.resume(state) }
    }
    return try await reporting { () async throws(CallFailure) in try await self.start() }
  }

  /// What the box refuses is for the model to read; what is wrong with the request is an error of the protocol.
  private func reporting(
    _ body: () async throws(CallFailure) -> JSONObject
  ) async throws(RPCError) -> JSONObject {
    do throws(CallFailure) {
      return try await body()
    } catch {
      switch error {
      case .request(let error): throw error
      case .box(.refused(_, let code, let detail)): return CallResult.error(kind: code, message: detail)
      case .box(.unreachable): return CallResult.error(kind: "unreachable", message: "the box cannot be reached")
      }
    }
  }

  // MARK: The three ways

  private func start() async throws(CallFailure) -> JSONObject {
    let catalog: ToolCatalog
    do throws(BoxFailure) { catalog = try await ToolCatalog(from: box) } catch { throw .box(error) }
    guard let tool = catalog[params.name] else {
      throw .field("params.name", "a tool of the listing", JSON.string(params.name))
    }
    var input = JSON.object(params.arguments)
    if tool.wrapsInput {
      guard let wrapped = params.arguments["input"] else { throw .field("params.arguments.input", "a value", nil) }
      input = wrapped
    }
    let body: JSON = [
      "tool": .string(tool.digest), "input": input, "community": .string(server.configuration.community),
    ]
    let (box, key) = (box, Hex.encode(SecureRandom.bytes(32)))
    // Not cut off when the call is taken back: whether the run has started, and which it is, must be known.
    let started = await Task { () -> Result<RunView, BoxFailure> in
      do throws(BoxFailure) {
        return .success(try RunView(try await box.post("/v1/runs", body, key: key)))
      } catch {
        return .failure(error)
      }
    }.value
    let view: RunView
    do throws(BoxFailure) { view = try started.get() } catch { throw .box(error) }
    return try await follow(view, told: [])
  }

  /// Goes on with the run of a call that the client repeats.
  private func resume(_ text: String) async throws(CallFailure) -> JSONObject {
    guard let state = RequestState(text, key: server.stateKey), state.tool == params.name,
      state.arguments == params.digest
    else { throw .field("params.requestState", "the state that this very call was answered with", nil) }
    return try await follow(try await view(of: state.run), told: state.told)
  }

  private func generic() async throws(CallFailure) -> JSONObject {
    guard let run = params.arguments["run"]?.string, RunView.isID(run) else {
      throw .field("params.arguments.run", "the id of a run", params.arguments["run"])
    }
    let view = try await view(of: run)
    if params.name == GenericTool.cancel.name {
      guard !view.isOver else { return CallResult.of(view, urls: urls) }
      do throws(BoxFailure) {
        _ = try await box.post("/v1/runs/\(run)/cancel", key: Hex.encode(SecureRandom.bytes(32)))
      } catch {
        throw .box(error)
      }
      return CallResult.of(try await settle(view, known: Set(view.gates.map(\.proposal))), urls: urls)
    }
    return CallResult.of(try await settle(view, known: Set(view.gates.map(\.proposal))), urls: urls)
  }

  /// A run of this server's community; of others it does not say that there are any.
  private func view(of run: String) async throws(CallFailure) -> RunView {
    do throws(BoxFailure) {
      let view = try await RunWatch(box: box, run: run).view()
      guard view.run == run, view.community == server.configuration.community else {
        throw .refused(status: 404, code: "no_run", detail: "there is no run \(run)")
      }
      return view
    } catch {
      throw .box(error)
    }
  }

  // MARK: Waiting

  private func follow(
    _ first: RunView, told: [String]
  ) async throws(CallFailure) -> JSONObject {
    let view = try await settle(first, known: Set(told))
    guard !view.isOver, !view.gates.isEmpty, !ongoing.isTakenBack else { return CallResult.of(view, urls: urls) }
    guard traits.showsURLs else { return CallResult.of(view, urls: urls) }
    switch traits.revision {
    case .handshake:
      return try await Elicitation(call: self, tool: params.name).ask(about: view)
    case .stateless: return inputRequired(view, told: told)
    }
  }

  func settle(_ view: RunView, known: Set<String>) async throws(CallFailure) -> RunView {
    let watch = progress.map { progress in
      Task { [box] in await box.watch(view.run) { progress.take($0) } }
    }
    let result: Result<RunView, BoxFailure>
    do throws(BoxFailure) {
      let settled = try await RunWatch(box: box, run: view.run).settle(view, known: known, until: deadline)
      if let watch, settled.isOver { await CallProgress.finish(watch) }
      result = .success(settled)
    } catch {
      result = .failure(error)
    }
    watch?.cancel()
    if ongoing.cancelsRun {
      let box = box
      // In a task of its own: this one has been cancelled.
      await Task {
        _ = try? await box.post("/v1/runs/\(view.run)/cancel", key: Hex.encode(SecureRandom.bytes(32)))
      }.value
    }
    do throws(BoxFailure) { return try result.get() } catch { throw .box(error) }
  }

  // MARK: Decisions, revision 2026-07-28

  /// The name of a question in `inputRequests` and `inputResponses`.
  private static func question(_ proposal: String) -> String { "approval-\(proposal)" }

  private func inputRequired(_ view: RunView, told: [String]) -> JSONObject {
    let fresh = view.gates.filter { !told.contains($0.proposal) }
    if fresh.isEmpty, let responses = params.responses, !responses.isEmpty {
      // The user has been shown all of it. To ask again at once would be to nag; the model is told how to go on.
      let isDeclined = view.gates.contains { gate in
        responses[Self.question(gate.proposal)]?["action"]?.string.map { $0 != "accept" } ?? false
      }
      let note = isDeclined ? "The user did not open the approval page. The proposal stands all the same." : nil
      return CallResult.of(view, urls: urls, note: note)
    }
    var questions = JSONObject()
    var asked: [String] = []
    for gate in (fresh.isEmpty ? view.gates : fresh).prefix(Self.maxGates) {
      guard let url = urls.url(of: gate) else { continue }
      asked.append(gate.proposal)
      questions[Self.question(gate.proposal)] = [
        "method": "elicitation/create",
        "params": ["mode": "url", "message": .string(Self.message(gate, tool: params.name)), "url": .string(url)],
      ]
    }
    guard !questions.isEmpty else { return CallResult.of(view, urls: urls) }
    let state = RequestState(
      run: view.run, tool: params.name, arguments: params.digest, told: told + asked.filter { !told.contains($0) })
    return [
      "resultType": "input_required", "inputRequests": .object(questions),
      "requestState": .string(state.sealed(server.stateKey)), "_meta": [CallResult.runKey: .string(view.run)],
    ]
  }

  static func message(_ gate: RunView.Gate, tool: String) -> String {
    "\(DisplayText.plain(gate.method, limit: 64)) of the tool \(DisplayText.plain(tool, limit: 128)) waits for a decision "
      + "under the box's policies. Check that the page shows the digest \(gate.proposal)."
  }
}

/// Why a call has no result.
enum CallFailure: Error, Sendable {
  case request(RPCError)
  case box(BoxFailure)

  static func field(_ field: String, _ expected: String, _ actual: JSON?) -> CallFailure {
    .request(.params(FieldError(field: field, expected: expected, actual: actual?.summary ?? "nothing of the kind")))
  }
}
