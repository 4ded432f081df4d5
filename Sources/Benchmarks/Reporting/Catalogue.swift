/// What the report shows: our figure first in every group, the peers measured beside it after.
struct Group {
  var title: String
  /// What is counted, for example `entries`.
  var unit: String
  var rows: [Row]
  /// What makes one row better than another.
  var kind: Kind
  var goal: Goal?
  /// Figures of peers that were measured elsewhere, said as such.
  var quoted: String?

  enum Kind: Sendable {
    /// More operations for each second.
    case rate
    /// A lower median.
    case latency
    /// Fewer KiB.
    case size
  }

  struct Row {
    /// As the measurements call it: `<what>/<subject>`.
    var id: String
    var isPeer: Bool { !id.contains("/safebox") }
    var label: String
  }

  /// A number of DESIGN section 10.
  struct Goal {
    var text: String
    /// Least rate, in operations of the unit for each second.
    var rate: Double?
    /// Greatest percentiles in microseconds.
    var p50: Double?
    var p99: Double?
    /// Greatest size in KiB.
    var size: Double?
    /// Least ratio to the first peer.
    var ratio: Double?
  }

  init(
    _ title: String, unit: String, kind: Kind = .rate, goal: Goal? = nil, quoted: String? = nil,
    _ rows: (String, String)...
  ) {
    self.kind = kind
    self.title = title
    self.unit = unit
    self.goal = goal
    self.quoted = quoted
    self.rows = rows.map { Row(id: $0.0, label: $0.1) }
  }
}

/// All groups, in the order of the report.
enum Catalogue {
  static let groups = log + tools + models + inference + snapshots + attestation

  /// What stands on the log.
  private static let log: [Group] = [
    Group(
      "durable signed append with receipt, 1 writer", unit: "entries",
      goal: .init(text: "6,000/s, p99 < 1 ms", rate: 6000, p99: 1000), quoted: "Tessera POSIX 464/s",
      ("append-1/safebox", "Safebox"), ("append-1/sqlite", "SQLite, 1 in a commit"),
      ("append-1/postgresql", "PostgreSQL, 1 client"),
      ("append-1/disk", "4 KiB and fdatasync: the floor")),
    Group(
      "durable signed append with receipt, 64 writers", unit: "entries",
      goal: .init(text: "45,000/s, p99 < 5 ms", rate: 45_000, p99: 5000),
      quoted: "Tessera POSIX 7,015/s; Redis AOF 42,800/s",
      ("append-64/safebox", "Safebox"), ("append-64/sqlite", "SQLite, 64 in a commit"),
      ("append-64/postgresql", "PostgreSQL, 64 clients")),
    Group(
      "the same, by processor time", unit: "entries",
      ("append-cpu-64/safebox", "Safebox, 64 writers"), ("append-cpu-1/safebox", "Safebox, 1 writer"),
      ("append-cpu-64/sqlite", "SQLite, 64 in a commit")),
    Group(
      "proposals through the fold, appended with receipt", unit: "proposals",
      ("propose-64/safebox", "Safebox, 64 writers"), ("propose-1/safebox", "Safebox, 1 writer")),
    Group(
      "whole governed actions: 6 entries, 3 approvals", unit: "actions",
      ("govern-64/safebox", "Safebox, 64 writers"), ("govern-1/safebox", "Safebox, 1 writer")),
    Group(
      "inclusion proof verification, 2^20 leaves, one core", unit: "proofs",
      goal: .init(text: "350,000/s", rate: 350_000), quoted: "Go x/mod 350,000/s",
      ("proof/safebox", "Safebox"), ("proof/pymerkle", "pymerkle")),
    Group(
      "policy decision", unit: "decisions", goal: .init(text: "p50 <= 0.05 ms", p50: 50),
      quoted: "AGT p50 0.0086 ms, no signatures",
      ("decision-approved/safebox", "decision, one more proposal"), ("decision-evaluation/safebox", "evaluation alone")),
    Group(
      "whole-log audit, one core", unit: "entries", goal: .init(text: "15,000 signed/s", rate: 15_000),
      ("audit-signed/safebox", "Safebox, all entries signed"), ("audit-signed/openssl", "openssl verify: the limit"),
      ("audit-actions/safebox", "Safebox, half of them signed")),
    Group(
      "HTTP hello, one core", unit: "requests",
      goal: .init(text: "2x nginx, p99 <= 1.5 ms", p99: 1500, ratio: 2),
      ("http/safebox", "Safebox"), ("http/nginx", "nginx, static file")),
    Group(
      "HTTP hello, by processor time of the server", unit: "requests",
      ("http-cpu/safebox", "Safebox"), ("http-cpu/nginx", "nginx, static file")),
    Group(
      "parsing log records, one core", unit: "MB", goal: .init(text: "100 MB/s", rate: 100),
      ("parse/safebox", "Safebox, strict"), ("parse/node", "node JSON.parse")),
    Group("memory over appends in a row", unit: "entries", ("memory/safebox", "Safebox, 64 writers")),
    Group("memory of the fold over four windows of eight days", unit: "entries", ("memory-fold/safebox", "Safebox")),
  ]
}
