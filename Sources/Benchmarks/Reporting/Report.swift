import CanonicalJSON
import Storage

/// Makes the table and `.build/bench.json` from the lines that the runs left.
enum Report {
  private static let limit = 1 << 20

  static func run(results path: String, output: String) throws {
    guard let bytes = try WholeFile.read(path, limit: limit) else { throw BenchmarkFailure.io("\(path) is missing") }
    var measurements: [Measurement] = []
    var machine: JSON = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let json = try JSON(parsing: Array(line), limits: .document(maxBytes: limit))
      if let facts = json["machine"] { machine = facts } else { measurements.append(try Measurement(json: json)) }
    }
    var groups: [JSON] = []
    for group in Catalogue.groups {
      let rows = group.rows.compactMap { row in Summary(row.id, measurements).map { (row, $0) } }
      guard let (_, ours) = rows.first, ours.id == group.rows.first?.id else { continue }
      show(group, rows)
      groups.append(json(group, rows))
    }
    let document: JSON = ["machine": machine, "groups": .array(groups)]
    try WholeFile.replace(output, with: document.canonicalBytes() + [UInt8(ascii: "\n")], mode: 0o644)
  }

  private static func show(_ group: Group, _ rows: [(row: Group.Row, summary: Summary)]) {
    guard let ours = rows.first?.summary else { return }
    var title = group.title
    if let goal = group.goal {
      title += " (goal \(goal.text): \(ours.meets(goal, peer: peer(rows)) ? "met" : "missed"))"
    }
    OutputLine.write(title)
    for (row, summary) in rows {
      let unit = group.kind == .size ? group.unit : "\(group.unit)/\(summary.per == .wall ? "s" : "cpu s")"
      var line = "  " + pad(row.label, 34) + pad(grouped(summary.rate), 11, right: true) + " " + pad(unit, 17)
      if group.kind == .latency { line += summary.least.map { pad("min \(milliseconds($0))", 15) } ?? pad("", 15) }
      line += summary.p50.map { pad("p50 \(milliseconds($0))", 15) } ?? pad("", 15)
      line += summary.p99.map { pad("p99 \(milliseconds($0))", 15) } ?? pad("", 15)
      if row.isPeer, let ratio = ours.ratio(to: summary, group.kind) {
        line += "ours is \(hundredths(ratio))x\(group.kind == .rate ? "" : " better")"
      }
      OutputLine.write(trimmed(line))
    }
    if let series = ours.details["series"]?.array, let before = ours.details["before_kib"]?.integer {
      let points = series.map { "\(grouped($0["entries"]?.number ?? 0)): \(($0["resident_kib"]?.integer ?? 0) / 1024)" }
      OutputLine.write("  resident MiB: \(before / 1024) before; at entries \(points.joined(separator: ", "))")
    }
    if let quoted = group.quoted { OutputLine.write("  quoted, not measured here: \(quoted)") }
  }

  private static func json(_ group: Group, _ rows: [(row: Group.Row, summary: Summary)]) -> JSON {
    var object: JSONObject = [
      "title": .string(group.title), "unit": .string(group.unit), "rows": .array(rows.map(\.summary.json)),
    ]
    guard let ours = rows.first?.summary else { return .object(object) }
    if let goal = group.goal {
      object["goal"] = .string(goal.text)
      object["met"] = .bool(ours.meets(goal, peer: peer(rows)))
    }
    let ratios = rows.filter(\.row.isPeer).compactMap { row in
      ours.ratio(to: row.summary, group.kind).map { (row.summary.id, JSON(rounding: $0)) }
    }
    if !ratios.isEmpty { object["ratios"] = .object(JSONObject(ratios)) }
    object["quoted"] = group.quoted.map(JSON.string)
    return .object(object)
  }

  private static func peer(_ rows: [(row: Group.Row, summary: Summary)]) -> Summary? {
    rows.first { $0.row.isPeer }?.summary
  }

  private static func pad(_ text: String, _ width: Int, right: Bool = false) -> String {
    let fill = String(repeating: " ", count: max(0, width - text.utf8.count))
    return right ? fill + text : text + fill
  }

  private static func trimmed(_ text: String) -> String {
    String(text.prefix(text.utf8.count - text.utf8.reversed().prefix { $0 == UInt8(ascii: " ") }.count))
  }

  /// Whole, with commas; below ten one decimal.
  private static func grouped(_ value: Double) -> String {
    if value < 10 { return "\((value * 10).rounded() / 10)" }
    var text = String(Int(value.rounded()))
    var position = text.utf8.count - 3
    while position > 0 {
      text.insert(",", at: text.index(text.startIndex, offsetBy: position))
      position -= 3
    }
    return text
  }

  private static func hundredths(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

  private static func milliseconds(_ microseconds: Double) -> String {
    microseconds < 100 ? "\((microseconds).rounded() / 1000) ms" : "\((microseconds / 10).rounded() / 100) ms"
  }
}
