import CanonicalJSON

/// Which OCSF class an entry becomes, and what that class demands beside the base event.
enum OCSFClass {
  /// 3004: a proposal is a managed entity that is created, updated by votes, and deleted when withdrawn.
  case entityManagement(Activity)
  /// 6003: executions and host calls are operations of the box's interface.
  case apiActivity(Activity)
  /// 1007: a run is a process.
  case processActivity(Activity)
  /// 5019: a box or its constitution came to be another.
  case configurationChange
  /// 2004: what a person should look at.
  case detectionFinding

  struct Activity {
    var id: Int64
    var name: String

    static let create = Activity(id: 1, name: "Create")
    static let read = Activity(id: 2, name: "Read")
    static let update = Activity(id: 3, name: "Update")
    static let delete = Activity(id: 4, name: "Delete")
    static let launch = Activity(id: 1, name: "Launch")
    static let terminate = Activity(id: 2, name: "Terminate")
    static let log = Activity(id: 1, name: "Log")
    static func other(_ name: String) -> Activity { Activity(id: 99, name: name) }
  }

  init(_ event: AuditEvent) {
    if event.meaning.isAlarm {
      self = .detectionFinding
      return
    }
    switch event.kind {
    case .boxCreated, .identityClaimed, .codeMeasured: self = .configurationChange
    case .proposalOpened: self = .entityManagement(.create)
    case .proposalApproved, .proposalObjected: self = .entityManagement(.update)
    case .proposalWithdrawn: self = .entityManagement(.delete)
    case .executionStarted: self = .apiActivity(.other("Start"))
    case .executionFinished:
      self = event.body["constitution"] == nil ? .apiActivity(.other("Finish")) : .configurationChange
    case .runStarted: self = .processActivity(.launch)
    case .runResumed: self = .processActivity(.other("Resume"))
    // A call that made a proposal wants to change something; any other observes.
    case .runCalled: self = .apiActivity(event.body["proposal"] == nil ? .read : .create)
    case .runFinished: self = .processActivity(.terminate)
    }
  }

  var uid: Int64 {
    switch self {
    case .entityManagement: 3004
    case .apiActivity: 6003
    case .processActivity: 1007
    case .configurationChange: 5019
    case .detectionFinding: 2004
    }
  }

  var name: String {
    switch self {
    case .entityManagement: "Entity Management"
    case .apiActivity: "API Activity"
    case .processActivity: "Process Activity"
    case .configurationChange: "Device Config State Change"
    case .detectionFinding: "Detection Finding"
    }
  }

  var category: (id: Int64, name: String) {
    switch self {
    case .processActivity: (1, "System Activity")
    case .detectionFinding: (2, "Findings")
    case .entityManagement: (3, "Identity & Access Management")
    case .configurationChange: (5, "Discovery")
    case .apiActivity: (6, "Application Activity")
    }
  }

  var activity: Activity {
    switch self {
    case .entityManagement(let activity), .apiActivity(let activity), .processActivity(let activity): activity
    case .configurationChange: .log
    case .detectionFinding: .create
    }
  }

  var isFinding: Bool { if case .detectionFinding = self { true } else { false } }

  /// The members of the class that the base event does not have.
  func members(_ event: AuditEvent) -> JSONObject {
    let meaning = event.meaning
    switch self {
    case .entityManagement:
      var members: JSONObject = [
        "actor": Self.actor(meaning.actor), "comment": .string(event.kind.rawValue),
        "entity": Self.proposal(meaning, kind: event.kind.rawValue),
      ]
      members["src_endpoint"] = Self.endpoint(event)
      return members
    case .apiActivity:
      var api: JSONObject = ["operation": .string(meaning.operation ?? event.kind.rawValue)]
      api["service"] = ["name": .string(event.box)]
      api["request"] = ["uid": .string(meaning.proposal ?? meaning.run ?? String(event.index))]
      if meaning.result == .failure { api["response"] = ["error": .string(meaning.detail ?? "refused")] }
      return [
        "actor": Self.actor(meaning.actor), "api": .object(api), "src_endpoint": Self.endpoint(event),
      ]
    case .processActivity:
      var process: JSONObject = ["uid": .string(meaning.run ?? String(event.index))]
      process["name"] = event.body["tool"]?.string.map { .string($0) }
      return [
        "actor": Self.actor(meaning.actor), "device": Self.device(event), "process": .object(process),
      ]
    case .configurationChange:
      return ["actor": Self.actor(meaning.actor), "device": Self.device(event), "state_id": 2, "state": "Enabled"]
    case .detectionFinding:
      let subject = meaning.proposal ?? meaning.run ?? String(event.index)
      return [
        "finding_info": [
          "uid": .string("\(event.box)#\(event.index)"), "title": .string(Self.finding(meaning)),
          "created_time": .integer(event.at), "types": [.string(event.kind.rawValue)],
        ],
        "is_alert": true,
        "resources": [["uid": .string(subject), "type": .string(meaning.proposal == nil ? "run" : "proposal")]],
      ]
    }
  }

  private static func finding(_ meaning: AuditMeaning) -> String {
    meaning.detail.map { "\(meaning.title): \($0)" } ?? meaning.title
  }

  private static func proposal(_ meaning: AuditMeaning, kind: String) -> JSON {
    var entity: JSONObject = ["type": "Proposal", "type_id": 99]
    entity["uid"] = .string(meaning.proposal ?? kind)
    entity["name"] = meaning.operation.map(JSON.string)
    return .object(entity)
  }

  private static func actor(_ actor: AuditMeaning.Actor) -> JSON {
    switch actor {
    case .signer(let name): ["user": ["name": .string(name), "uid": .string(actor.text), "type_id": 1, "type": "User"]]
    case .signers(let names):
      // The schema knows one user; the others stand in `raw_data`.
      ["user": ["name": .string(names.joined(separator: ",")), "uid": .string(actor.text), "type_id": 99]]
    case .client(let name): ["app_name": .string(name), "app_uid": .string(actor.text)]
    case .run(let id): ["process": ["uid": .string(id)]]
    case .box: ["app_name": "safebox"]
    }
  }

  // The box itself: where a request came from is nobody's business in a log that is shown around.
  private static func endpoint(_ event: AuditEvent) -> JSON { ["name": .string(event.box), "svc_name": "safebox"] }

  private static func device(_ event: AuditEvent) -> JSON {
    ["name": .string(event.box), "uid": .string(event.box), "type_id": 1, "type": "Server"]
  }
}
