import CanonicalJSON
import HTTPServer

extension InferenceGateway {
  /// Answers a request for generated text: finds the runner, waits for a place and a slot, asks, and tells the answer in the
  /// vendor's shape.
  func generate(
    _ generation: Generation, _ route: InferenceRoute, _ envelope: RequestEnvelope, _ client: InferenceClient
  ) async throws -> HTTPResponse {
    let endpoint = try endpoint(generation.model, for: generation.kind, client)
    if endpoint.hasSlots, generation.choices > 1 {
      throw InferenceFault.unsupported(
        member: "n", why: "this model answers once; further choices would take the slots of other conversations")
    }
    let session = try await session(
      endpoint, route, envelope, client, promptBytes: JSON.object(generation.body).canonicalBytes().count,
      output: .some(generation.outputLimit), choices: generation.choices,
      conversation: conversation(generation, endpoint, envelope, client))
    var body = generation.body
    body["model"] = servedName(endpoint)
    body["stream"] = .bool(generation.isStreamed)
    if generation.isStreamed { body["stream_options"] = ["include_usage": true] }
    body["max_tokens"] = session.outputLimit.map(JSON.integer)
    if let lease = session.lease, endpoint.dialect == .llamaCpp {
      body["id_slot"] = lease.slot.map { .integer(Int64($0)) }
      body["cache_prompt"] = .bool(lease.mayReuse)
    }
    let request = connection.request(
      endpoint, generation.path, body: .object(body), id: envelope.id, deadline: envelope.deadline)
    let exchange = connection.open(request, to: endpoint)
    let context = AnswerContext(request: envelope.id, model: generation.model, created: services.now())
    do {
      return try await withTaskCancellationHandler {
        var (head, rest) = try await exchange.begin()
        if generation.isStreamed, head.status == 200, head.contentType.hasPrefix("text/event-stream") {
          return stream(rest, generation, session, context)
        }
        let bytes = try await rest.collect(limit: limits.answerBytes)
        guard !generation.isStreamed || head.status != 200 else {
          throw InferenceFault.runnerFailed("it did not stream")
        }
        return try await whole(
          try RunnerConnection.json(status: head.status, bytes), generation, session, context)
      } onCancel: {
        exchange.cancel()
      }
    } catch {
      let fault = InferenceFault(error)
      await session.finish(status: fault.status)
      throw fault
    }
  }

  /// What a request holds while it is answered, or why it may not be.
  ///
  /// - Parameter output: the tokens asked for; `.none` for answers that are not tokens, which take no slot either.
  func session(
    _ endpoint: RunnerEndpoint, _ route: InferenceRoute, _ envelope: RequestEnvelope, _ client: InferenceClient,
    promptBytes: Int, output: Int64??, choices: Int64 = 1, conversation: Conversation?
  ) async throws(InferenceFault) -> InferenceSession {
    let prompt = Int64(promptBytes / 4 + 1)
    let reservation = try ledger.reserve(
      client, prompt: prompt, output: output.map { $0.map { $0 * choices } } ?? 0,
      standard: limits.budgetedOutput * choices)
    let place: RunnerAdmission.Place
    var lease: PromptCache.Lease?
    do throws(InferenceFault) {
      place = try await admission.enter(endpoint)
    } catch {
      ledger.release(reservation)
      throw error
    }
    if output != nil {
      do throws(InferenceFault) {
        lease = try await cache.lease(
          endpoint, owner: Self.owner(client.name, tenant: envelope.tenant), conversation: conversation)
      } catch {
        admission.leave(place)
        ledger.release(reservation)
        throw error
      }
    }
    let usage = InferenceUsage(
      client: client.name, model: endpoint.model.name, modelDigest: endpoint.model.digest, runner: endpoint.name,
      route: route.path, request: envelope.id)
    return InferenceSession(
      InferenceSession.Services(ledger: ledger, admission: admission, cache: cache, meter: services.meter),
      endpoint: endpoint, reservation: reservation, place: place, lease: lease, usage: usage, estimatedPrompt: prompt,
      choices: choices)
  }

  private func conversation(
    _ generation: Generation, _ endpoint: RunnerEndpoint, _ envelope: RequestEnvelope, _ client: InferenceClient
  ) -> Conversation? {
    guard envelope.isCached, !generation.messages.isEmpty else { return nil }
    return Conversation(
      owner: Self.owner(client.name, tenant: envelope.tenant), model: endpoint.model.digest,
      tag: envelope.cacheTag ?? generation.cacheTag, messages: generation.messages)
  }

  private func whole(
    _ json: JSON, _ generation: Generation, _ session: InferenceSession, _ context: AnswerContext
  ) async throws -> HTTPResponse {
    guard let counts = TokenCounts(json) else { throw InferenceFault.runnerFailed("its answer counts no tokens") }
    let answer = try generation.answer.whole(json, usage: counts, context)
    session.note(counts)
    var response = HTTPResponse.json(answer.canonicalBytes())
    response.headers = headers(session.endpoint)
    response.headers["Content-Type"] = "application/json"
    if let usage = await session.finish(status: 200) {
      response.headers["X-Safebox-Cache-Hit"] = "\(usage.cache.isHit)"
      response.headers["X-Safebox-Cache-Tokens-Reused"] = "\(counts.cached)"
      response.headers["X-Safebox-Queue-Wait-Ms"] = "\(usage.queueMilliseconds)"
      response.headers["X-Safebox-Compute-Ms"] = "\(usage.milliseconds)"
    }
    return response
  }

  private func stream(
    _ body: RunnerExchange.Body, _ generation: Generation, _ session: InferenceSession, _ context: AnswerContext
  ) -> HTTPResponse {
    let limits = limits
    let rest = StreamRest(body)
    var response = EventStream.response(heartbeat: nil, headers: headers(session.endpoint)) { _ in }
    response.headers["X-Safebox-Queue-Wait-Ms"] = "\(session.place.waited.wholeMilliseconds)"
    response.body = .stream { writer in
      let alive = generation.answer.vendor.heartbeat
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await Self.relay(rest, generation, session, context, limits: limits, into: writer)
        }
        group.addTask {
          while true {
            try await Task.sleep(for: limits.heartbeat)
            try await writer.write(alive)
          }
        }
        defer { group.cancelAll() }
        // Whichever ends first ends the stream: the answer, or a sign of life that found nobody.
        try await group.next()
      }
    }
    return response
  }

  /// Passes a runner's stream on until its end, its failure or that of the client, and ends the session accordingly.
  private static func relay(
    _ rest: StreamRest, _ generation: Generation, _ session: InferenceSession, _ context: AnswerContext,
    limits: InferenceLimits, into writer: HTTPBodyWriter
  ) async throws {
    guard let body = rest.take() else { return }
    var stream = generation.answer.stream(context)
    do {
      try await writer.write(stream.begin())
      try await pass(body, session, limits: limits, through: &stream, into: writer)
      await session.finish(status: 200)
    } catch {
      let fault = InferenceFault(error)
      await session.finish(status: fault.status)
      // A client that left cannot be told; any other is told in the stream, because the status is long gone.
      if case .cancelled = fault { throw fault }
      try await writer.write(stream.failure(fault))
    }
  }

  private static func pass(
    _ body: RunnerExchange.Body, _ session: InferenceSession, limits: InferenceLimits,
    through stream: inout any AnswerStream, into writer: HTTPBodyWriter
  ) async throws {
    var body = body
    var events = RunnerEvents(limit: limits.eventBytes)
    var counts: TokenCounts?
    while let bytes = try await body.next() {
      var out: [UInt8] = []
      var isDone = false
      do {
        for event in try events.feed(bytes) {
          guard !event.elementsEqual("[DONE]".utf8) else {
            isDone = true
            break
          }
          let chunk: JSON
          do {
            chunk = try JSON(parsing: event, limits: RunnerConnection.jsonLimits(maxBytes: limits.eventBytes))
          } catch {
            throw InferenceFault.runnerFailed("a chunk of its stream is not JSON")
          }
          if let error = chunk["error"], !error.isNull {
            throw RunnerConnection.refusal(
              status: Int(exactly: error["code"]?.integer ?? 500) ?? 500, chunk.canonicalBytes())
          }
          if let found = TokenCounts(chunk) {
            counts = found
            session.note(found)
          }
          session.note()
          out += try stream.take(chunk, usage: counts)
        }
      } catch is RunnerEvents.TooLong {
        throw InferenceFault.runnerFailed("an event of its stream is too long")
      }
      if isDone { out += try stream.end(usage: counts) }
      try await writer.write(out)
      if isDone { return }
    }
    throw InferenceFault.runnerFailed("its stream ended early")
  }
}
