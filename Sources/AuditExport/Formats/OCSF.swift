public import CanonicalJSON

/// The Open Cybersecurity Schema Framework, version 1.8.0 (schema.ocsf.io), without profiles.
///
/// Which class an entry becomes stands in ``OCSFClass``. The whole entry goes along as `raw_data`, index and leaf hash as
/// `unmapped`, so nothing is lost to a reader who wants to check.
public enum OCSF {
  /// The schema's version that events claim.
  public static let version = "1.8.0"

  /// The event as an OCSF object.
  public static func event(_ event: AuditEvent) -> JSON {
    let shape = OCSFClass(event)
    var object: JSONObject = [
      "activity_id": .integer(shape.activity.id), "activity_name": .string(shape.activity.name),
      "category_uid": .integer(shape.category.id), "category_name": .string(shape.category.name),
      "class_uid": .integer(shape.uid), "class_name": .string(shape.name),
      "type_uid": .integer(shape.uid * 100 + shape.activity.id),
      "type_name": .string("\(shape.name): \(shape.activity.name)"),
      "severity_id": .integer(severity(event.meaning.severity).id),
      "severity": .string(severity(event.meaning.severity).name),
      "time": .integer(event.at), "message": .string(event.meaning.title), "metadata": metadata(event),
      "raw_data": .string(String(decoding: event.bytes, as: UTF8.self)),
      "unmapped": ["index": .string(String(event.index)), "leaf_hash": .string(event.leafHash.hex)],
    ]
    for (name, value) in status(event, shape) { object[name] = value }
    for (name, value) in shape.members(event) { object[name] = value }
    return .object(object)
  }

  private static func metadata(_ event: AuditEvent) -> JSON {
    let meaning = event.meaning
    var metadata: JSONObject = [
      "version": .string(version), "product": ["name": "Safebox", "vendor_name": "Safebox"],
      "uid": .string("\(event.box)#\(event.index)"), "log_name": .string(event.box),
      "event_code": .string(event.kind.rawValue),
    ]
    // What ties the entries of one story together.
    metadata["correlation_uid"] = (meaning.proposal ?? meaning.run).map(JSON.string)
    metadata["original_time"] = EventTime.text(event.at).map(JSON.string)
    // An integer_t; beyond its range the index stands in `uid` and `unmapped` alone.
    if event.index <= UInt64(Int32.max) { metadata["sequence"] = .integer(Int64(event.index)) }
    return .object(metadata)
  }

  private static func status(_ event: AuditEvent, _ shape: OCSFClass) -> JSONObject {
    var status = JSONObject()
    if shape.isFinding {
      (status["status_id"], status["status"]) = (1, "New")
    } else {
      switch event.meaning.result {
      case .success: (status["status_id"], status["status"]) = (1, "Success")
      case .failure: (status["status_id"], status["status"]) = (2, "Failure")
      case .unknown: (status["status_id"], status["status"]) = (0, "Unknown")
      }
    }
    status["status_detail"] = event.meaning.detail.map(JSON.string)
    return status
  }

  static func severity(_ severity: AuditMeaning.Severity) -> (id: Int64, name: String) {
    switch severity {
    case .informational: (1, "Informational")
    case .low: (2, "Low")
    case .medium: (3, "Medium")
    case .high: (4, "High")
    }
  }
}
