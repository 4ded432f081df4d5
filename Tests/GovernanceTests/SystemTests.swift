import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// What the fold keeps of the orders to the privileged process.
@Suite struct SystemTests {
  private static func box() throws -> TestBox {
    try TestBox(
      TestBox.constitution(with: [
        "system": try Policy(
          "model.*", "runner.*", "package.*", "snapshot.*", "directory.*", rule: .single(committee: "everybody"))
      ]))
  }

  private static func record(_ name: String = "minilm", _ version: String = "1", _ manifest: String = "m")
    -> ModelRecord
  {
    ModelRecord(
      manifest: SHA256.hash(utf8: manifest), name: name, version: version, bytes: 90_868_376, files: 3,
      licence: "Apache-2.0", runner: SHA256.hash(utf8: "runner"))
  }

  private static func runner(_ name: String = "embed", of record: ModelRecord) -> JSONObject {
    RunnerRecord(name: name, model: record.manifest, isolation: .runc).params
  }

  @discardableResult
  private static func carryOut(_ box: inout TestBox, _ type: String, _ params: JSONObject) throws -> SHA256Digest {
    let id = try box.open(type, params)
    try box.approve(id, by: "ana")
    try box.execute(id)
    return id
  }

  @Test func aModelMayBeUsedOnceItWasInstalled() throws {
    var box = try Self.box()
    let record = Self.record()
    let id = try box.open("model.install", record.params)
    #expect(box.state.model(digest: record.manifest) == nil)
    #expect(code { try box.open("runner.start", Self.runner(of: record)) } == "effect.no-model")
    try box.approve(id, by: "ana")
    try box.begin(id)
    #expect(box.state.model(digest: record.manifest) == nil)
    try box.finish(id)
    #expect(box.state.model(digest: record.manifest)?.record == record)
    #expect(box.state.models.map(\.proposal) == [id])

    try Self.carryOut(&box, "runner.start", Self.runner(of: record))
    #expect(box.state.runner(named: "embed")?.record.model == record.manifest)
    #expect(code { try box.open("model.remove", ["manifest": .string(record.manifest.hex)]) } == "effect.model-in-use")
    try Self.carryOut(&box, "runner.stop", ["name": "embed"])
    #expect(box.state.runners.isEmpty)
    #expect(code { try box.open("runner.stop", ["name": "embed"]) } == "effect.no-runner")
    try Self.carryOut(&box, "model.remove", ["manifest": .string(record.manifest.hex)])
    #expect(box.state.models.isEmpty)
    #expect(code { try box.open("runner.start", Self.runner(of: record)) } == "effect.no-model")
    #expect(code { try box.open("model.remove", ["manifest": .string(record.manifest.hex)]) } == "effect.no-model")
  }

  @Test func whatFailedIsNotKept() throws {
    var box = try Self.box()
    let record = Self.record()
    let id = try box.open("model.install", record.params)
    try box.approve(id, by: "ana")
    try box.begin(id)
    try box.finish(id, .failed)
    #expect(box.state.models.isEmpty)
  }

  /// The privileged process may die; whoever settles what it did makes it count, or not.
  @Test(arguments: [Outcome.executed, .failed])
  func anUnknownOutcomeCountsAsItIsResolved(_ outcome: Outcome) throws {
    var box = try Self.box()
    let record = Self.record()
    let id = try box.open("model.install", record.params)
    try box.approve(id, by: "ana")
    try box.begin(id)
    try box.finish(id, .unknown)
    #expect(box.state.models.isEmpty)
    let resolution = try box.open(
      "execution.resolve", ["proposal": .string(id.hex), "outcome": .string(outcome.rawValue), "note": "looked"])
    try box.approve(resolution, by: "ana")
    try box.approve(resolution, by: "ben")
    try box.execute(resolution)
    #expect(box.state.models.map(\.record) == (outcome == .executed ? [record] : []))
    if outcome == .executed { #expect(box.state.models.first?.proposal == id) }
  }

  @Test func aNameAndVersionIsOneModelForEver() throws {
    var box = try Self.box()
    let record = Self.record()
    try Self.carryOut(&box, "model.install", record.params)
    let other = Self.record("minilm", "1", "another")
    #expect(code { try box.open("model.install", other.params) } == "effect.model-exists")
    try Self.carryOut(&box, "model.remove", ["manifest": .string(record.manifest.hex)])
    #expect(code { try box.open("model.install", other.params) } == "effect.model-exists")
    // The same one may come back.
    try Self.carryOut(&box, "model.install", record.params)
    #expect(box.state.models.map(\.record) == [record])
    try Self.carryOut(&box, "model.install", Self.record("minilm", "2", "another").params)
    #expect(box.state.models.count == 2)
  }

  /// The way back to the model of yesterday: the same name, the other digest.
  @Test func aRunnerIsReplacedUnderItsName() throws {
    var box = try Self.box()
    let (old, new) = (Self.record(), Self.record("minilm", "2", "another"))
    for record in [old, new] { try Self.carryOut(&box, "model.install", record.params) }
    for record in [old, new, old] {
      let id = try Self.carryOut(&box, "runner.start", Self.runner(of: record))
      #expect(box.state.runners.map(\.record.model) == [record.manifest])
      #expect(box.state.runners.map(\.proposal) == [id])
    }
  }

  @Test func parametersAreReadStrictly() throws {
    var box = try Self.box()
    let record = Self.record().params
    func refused(_ type: String, _ params: JSONObject) -> String? { code { _ = try box.draft(type, params) } }
    #expect(refused("model.install", record) == nil)
    for member in record.map(\.key) {
      var params = record
      params[member] = nil
      #expect(refused("model.install", params) == "statement.parameters", "without \(member)")
      params[member] = Commitment(digest: .of("hidden")).json
      #expect(refused("model.install", params) == "statement.parameters", "hidden \(member)")
    }
    var more = record
    more["more"] = 1
    #expect(refused("model.install", more) == "statement.parameters")
    for (member, value) in [("bytes", 0), ("files", 0), ("files", 257), ("bytes", -1)] as [(String, JSON)] {
      var params = record
      params[member] = value
      #expect(refused("model.install", params) == "statement.parameters", "\(member)")
    }
    #expect(
      refused("runner.start", ["name": "A b", "model": record["manifest"] ?? .null, "isolation": "runc"])
        == "statement.parameters")
    #expect(
      refused("runner.start", ["name": "a", "model": record["manifest"] ?? .null, "isolation": "none"])
        == "statement.parameters")
    #expect(refused("snapshot.rollback", ["scope": "log", "name": "a"]) == "statement.parameters")
    #expect(refused("snapshot.rollback", ["scope": "models", "name": "a"]) == nil)
    #expect(refused("directory.create", ["name": "../a"]) == "statement.parameters")
    #expect(
      refused("package.install", ["manifest": record["manifest"] ?? .null, "name": "p", "packages": 0, "bytes": 1])
        == "statement.parameters")
    for type in [
      "model.use", "runner.exec", "package.remove", "snapshot.remove", "directory.remove", "model.install.now",
    ] {
      #expect(refused(type, [:]) == "statement.reserved-type", "\(type)")
    }
  }

  @Test func aStoppedBoxOrdersNothing() throws {
    var box = try Self.box()
    let id = try box.open("model.install", Self.record().params)
    try box.approve(id, by: "ana")
    let stop = try box.open("box.stop", ["reason": "wait"])
    try box.approve(stop, by: "ana", "ben", "carl")
    try box.execute(stop)
    #expect(code { try box.begin(id) } == "execution.stopped")
  }

  @Test func thereIsRoomForSoManyAndNoMore() throws {
    var registry = SystemRegistry()
    for number in 0..<SystemRegistry.Limits.models {
      registry.record(.installModel(Self.record("m\(number)", "1", "m\(number)")), by: .of("p"), index: 1)
    }
    #expect(throws: EffectFault.modelsFull(limit: SystemRegistry.Limits.models)) {
      try registry.check(.installModel(Self.record("another", "1", "another")))
    }
    let known = Self.record("m0", "1", "m0")
    try registry.check(.installModel(known))
    for number in 0..<SystemRegistry.Limits.runners {
      registry.record(
        .startRunner(RunnerRecord(name: "r\(number)", model: known.manifest, isolation: .runc)), by: .of("p"), index: 1)
    }
    #expect(throws: EffectFault.runnersFull(limit: SystemRegistry.Limits.runners)) {
      try registry.check(.startRunner(RunnerRecord(name: "another", model: known.manifest, isolation: .runc)))
    }
    try registry.check(.startRunner(RunnerRecord(name: "r0", model: known.manifest, isolation: .runsc)))
  }
}
