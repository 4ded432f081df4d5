import CanonicalJSON

/// A run as the box shows it (`GET /v1/runs/{id}`), as far as it is needed here.
struct RunView: Sendable {
  enum Status: String, Sendable {
    case running
    case waiting
    case finished
    case failed
    case cancelled
    /// The box could not take it up after a start; it needs its operator.
    case stuck
  }

  /// A change that waits for its decision.
  struct Gate: Sendable, Hashable {
    var proposal: String
    var method: String
    var url: String?
  }

  var run: String
  var community: String
  var status: Status
  var gates: [Gate]
  var result: JSON?
  var failure: (kind: String, message: String)?
  var execution: String?

  var isOver: Bool { status != .running && status != .waiting }

  /// 64 lower-case hexadecimal digits, as every id and digest of a box.
  static func isID(_ text: String) -> Bool {
    text.utf8.count == 64 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  init(_ json: JSON) throws(BoxFailure) {
    guard let run = json["run"]?.string, Self.isID(run), let community = json["community"]?.string,
      let status = json["status"]?.string.flatMap(Status.init(rawValue:))
    else { throw .refused(status: 200, code: "malformed", detail: "the box's answer is not a run") }
    self.run = run
    self.community = community
    self.status = status
    result = json["result"]
    execution = json["execution"]?.string
    if self.status == .stuck { failure = ("stuck", json["reason"]?.string ?? "the box could not take it up") }
    if let failure = json["failure"] {
      self.failure = (failure["kind"]?.string ?? "failed", failure["message"]?.string ?? "")
    }
    gates = (json["waiting"]?.array ?? []).compactMap { wait in
      guard let proposal = wait["proposal"]?.string, Self.isID(proposal) else { return nil }
      return Gate(proposal: proposal, method: wait["method"]?.string ?? "?", url: wait["url"]?.string)
    }
  }
}
