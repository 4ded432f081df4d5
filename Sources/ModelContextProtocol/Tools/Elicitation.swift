import CanonicalJSON
import Cryptography

/// Asks the client to show its user where to decide, while the call is still open (revision 2025-11-25).
struct Elicitation: Sendable {
  let call: ToolCall
  let tool: String

  private enum Step: Sendable {
    case answered(Result<JSON, RPCError>?)
    case settled(Result<RunView, CallFailure>)
  }

  /// Goes on until the run is over or nobody has decided in time; then the result says that it is pending.
  func ask(about first: RunView) async throws(CallFailure) -> JSONObject {
    var view = first
    var told: [String] = []
    var names: [String: String] = [:]
    defer {
      for (proposal, name) in names where !view.gates.contains(where: { $0.proposal == proposal }) {
        call.channel.notify("notifications/elicitation/complete", ["elicitationId": .string(name)])
      }
    }
    while !view.isOver, told.count < ToolCall.maxGates, !call.ongoing.isTakenBack {
      guard let gate = view.gates.first(where: { !told.contains($0.proposal) }), let url = call.urls.url(of: gate)
      else {
        break
      }
      told.append(gate.proposal)
      let name = Hex.encode(SecureRandom.bytes(16))
      names[gate.proposal] = name
      let question: JSONObject = [
        "mode": "url", "elicitationId": .string(name), "url": .string(url),
        "message": .string(ToolCall.message(gate, tool: tool)),
      ]
      switch await race(question, view, told: Set(told)) {
      case .settled(let result): do throws(CallFailure) { view = try result.get() } catch { throw error }
      case .answered(.success(let answer)) where answer["action"] != "accept":
        return CallResult.of(
          view, urls: call.urls, note: "The user did not open the approval page. The proposal stands all the same.")
      case .answered: view = try await call.settle(view, known: Set(told))
      }
      // Nothing new to be decided, and not over: the time is up.
      if !view.gates.contains(where: { !told.contains($0.proposal) }) { break }
    }
    return CallResult.of(view, urls: call.urls)
  }

  /// The client's answer, or what the run does meanwhile.
  private func race(_ question: JSONObject, _ view: RunView, told: Set<String>) async -> Step {
    await withTaskGroup(of: Step.self) { group in
      group.addTask { .answered(await call.channel.ask("elicitation/create", question)) }
      group.addTask {
        do throws(CallFailure) {
          return .settled(.success(try await call.settle(view, known: told)))
        } catch {
          return .settled(.failure(error))
        }
      }
      let first = await group.next()
      group.cancelAll()
      return first ?? .answered(nil)
    }
  }
}
