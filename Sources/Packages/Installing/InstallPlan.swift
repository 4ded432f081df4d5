/// What an installation would make of a root, decided before anything is touched. Pure.
struct InstallPlan: Sendable {
  /// In the order in which they are given to dpkg: what is pre-depended upon is whole before what asks for it.
  let batches: [[PackageFacts]]

  /// - Parameters:
  ///   - arriving: what the verified packages say of themselves.
  ///   - downgrades: names that may become older.
  /// - Throws: ``PackageFault/downgrade(_:)``, ``PackageFault/unsatisfied(_:)``, ``PackageFault/unordered(_:)``.
  init(
    installing arriving: [PackageFacts], over installed: [PackageFacts], downgrades: Set<String>
  ) throws(PackageFault) {
    let names = Dictionary(arriving.map { ($0.name, $0) }) { first, _ in first }
    var older: [PackageFault.Downgrade] = []
    for package in installed {
      if let new = names[package.name], new.version < package.version, !downgrades.contains(package.name) {
        older.append(.init(name: package.name, installed: package.version, manifest: new.version))
      }
    }
    guard older.isEmpty else { throw .downgrade(older) }
    let staying = installed.filter { names[$0.name] == nil }
    try Self.check(arriving, staying)
    batches = try Self.order(arriving, staying)
  }

  /// Every dependency of every package, also of those that stay, holds afterwards, and no conflict does.
  private static func check(_ arriving: [PackageFacts], _ staying: [PackageFacts]) throws(PackageFault) {
    let all = staying + arriving
    let byName = providers(all)
    var problems: [String] = []
    for package in all {
      for group in package.preDepends + package.depends where !holds(group, byName) {
        problems.append("\(package.name) needs " + group.map(\.description).joined(separator: " | "))
      }
      for relation in package.conflicts {
        // A package does not conflict with what it provides itself.
        for other in byName[relation.name] ?? [] where other.name != package.name && other.satisfies(relation) {
          problems.append("\(package.name) conflicts with \(other.name) \(other.version)")
        }
      }
    }
    guard problems.isEmpty else { throw .unsatisfied(Array(problems.prefix(PackageFault.named))) }
  }

  private static func providers(_ packages: [PackageFacts]) -> [String: [PackageFacts]] {
    var byName: [String: [PackageFacts]] = [:]
    for package in packages {
      for name in Set([package.name] + package.provides.map(\.name)) { byName[name, default: []].append(package) }
    }
    return byName
  }

  private static func holds(_ group: [Relation], _ byName: [String: [PackageFacts]]) -> Bool {
    group.contains { relation in (byName[relation.name] ?? []).contains { $0.satisfies(relation) } }
  }

  /// Each batch is the largest set of packages that can be unpacked (their pre-dependencies are there) and configured (what
  /// they depend on is there or among them).
  private static func order(
    _ arriving: [PackageFacts], _ staying: [PackageFacts]
  ) throws(PackageFault) -> [[PackageFacts]] {
    var remaining = arriving
    var done = staying
    var batches: [[PackageFacts]] = []
    while !remaining.isEmpty {
      let there = providers(done)
      var batch = remaining.filter { $0.preDepends.allSatisfy { holds($0, there) } }
      while true {
        let around = providers(done + batch)
        let next = batch.filter { $0.depends.allSatisfy { holds($0, around) } }
        if next.count == batch.count { break }
        batch = next
      }
      guard !batch.isEmpty else { throw .unordered(remaining.map(\.name)) }
      batches.append(batch)
      done += batch
      let names = Set(batch.map(\.name))
      remaining.removeAll { names.contains($0.name) }
    }
    return batches
  }
}
