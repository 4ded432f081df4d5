import CanonicalJSON

/// The packages of a root, as dpkg's status file has them (policy: `/var/lib/dpkg/status`).
struct InstalledPackages: Sendable, Hashable {
  /// In order of their names; a name once for each architecture.
  let packages: [PackageFacts]
  /// Those that are neither installed nor removed: half-way, or waiting for triggers.
  let unclean: [String]

  /// At most so many bytes.
  static let limit = 64 << 20

  init(parsing text: String) throws(FieldError) {
    var packages: [PackageFacts] = []
    var unclean: [String] = []
    for control in try ControlParagraph.all(text, path: "status") {
      let status = control["Status"] ?? ""
      let words = status.split(separator: " ")
      switch words.last {
      case "installed" where words.count == 3 && words[1] == "ok":
        packages.append(try PackageFacts(control, path: "status[\(control["Package"] ?? "?")]"))
      case "not-installed", "config-files": break
      default: unclean.append("\(control["Package"] ?? "?"): \(status)")
      }
    }
    self.packages = packages.sorted { ($0.name, $0.architecture) < ($1.name, $1.architecture) }
    self.unclean = unclean
  }

  /// `name version architecture`, to compare what is there before and after.
  var versions: [String: String] {
    Dictionary(packages.map { ("\($0.name):\($0.architecture)", $0.version.text) }) { first, _ in first }
  }
}
