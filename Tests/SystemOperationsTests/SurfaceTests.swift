import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TestSupport
import Testing

@testable import SystemOperations

/// One list of operations, and everything that is made of it.
@Suite struct SurfaceTests {
  private static let digest = SHA256.hash([1])

  /// One order of each type that the fold knows.
  private static let orders: [String: SystemOrder] = [
    "model.install": .installModel(
      ModelRecord(
        manifest: digest, name: "m", version: "1", bytes: 1, files: 1, licence: "MIT", runner: digest)),
    "model.remove": .removeModel(digest),
    "runner.start": .startRunner(RunnerRecord(name: "r", model: digest, isolation: .runc)),
    "runner.stop": .stopRunner(name: "r"),
    "package.install": .installPackages(PackageRecord(manifest: digest, name: "p", packages: 1, bytes: 1)),
    "snapshot.create": .createSnapshot(SnapshotName(scope: .models, name: "s")),
    "snapshot.rollback": .rollBack(SnapshotName(scope: .models, name: "s")),
    "directory.create": .createDirectory(name: "d"),
  ]

  @Test func theListIsWhatTheFoldKnowsAndOneRestart() {
    #expect(Set(Self.orders.keys) == ActionType.system)
    #expect(Set(Operation.allCases.map(\.rawValue)) == ActionType.system.union(["runner.restart"]))
    for operation in Operation.allCases {
      let isDecided = operation.surface.authority == .decision
      #expect(isDecided == ActionType.system.contains(operation.rawValue))
      guard let order = Self.orders[operation.rawValue] else { continue }
      #expect(Set(operation.surface.parameters) == Set(order.params.keys), "\(operation)")
      // What travels beside an order is what the fold says travels beside it.
      if let name = operation.surface.attachment {
        #expect(order.params[name]?.string == order.manifest?.hex, "\(operation)")
      }
    }
  }

  @Test func thePageIsOnePageAndNamesEverything() {
    let page = OperationsPage.text(root: "/srv/box")
    let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 60)
    #expect(lines.allSatisfy { $0.count <= 120 })
    for operation in Operation.allCases {
      #expect(page.contains("\n\(operation.rawValue)(\(operation.surface.parameters.joined(separator: ", ")))"))
    }
    #expect(OperationsPage.json["operations"]?.array?.count == Operation.allCases.count)
  }

  @Test func theSudoersFileIsTheList() throws {
    let program = "/usr/bin/safebox-system"
    let text = try #require(
      SudoersFile.text(user: "safebox", program: program, configuration: "/etc/safebox/system.json"))
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    let commands = lines.filter { $0.contains(program) }.map { line in
      String(line.drop { $0 == " " }).replacing(", \\", with: "")
    }
    #expect(
      commands
        == Operation.allCases.map {
          SudoersFile.command($0, program: program, configuration: "/etc/safebox/system.json")
        })
    // Nothing that sudoers gives a meaning to: a wildcard matches blanks, and so any further argument.
    for command in commands {
      #expect(command.allSatisfy { $0.isLetter || $0.isNumber || " /._-".contains($0) })
      #expect(!command.contains("  "))
      let words = command.split(separator: " ")
      #expect(words.count == 5 && words[1] == "perform" && words[3] == "--configuration")
    }
    let grants = lines.filter { $0.contains("ALL=") }
    #expect(grants == ["safebox ALL=(root:root) NOPASSWD: NOSETENV: SAFEBOX_OPERATIONS"])
    // Defaults, the alias, its commands, the grant, and nothing else.
    #expect(lines.count == 2 + 1 + commands.count + 1)
  }

  @Test(arguments: [
    ("ALL", "/usr/bin/x"), ("#0", "/usr/bin/x"), ("%wheel", "/usr/bin/x"), ("a b", "/usr/bin/x"), ("", "/usr/bin/x"),
    ("safebox", "/usr/bin/*"), ("safebox", "/usr/bin/x y"), ("safebox", "x"), ("safebox", "/usr/../x"),
    ("safebox", "/usr/bin/x,/bin/sh"), ("safebox", "/usr/bin/"), ("safebox", "/usr/bin/x\\"), ("safebox", "/a\n/b"),
  ])
  func aSudoersFileIsNotMadeOfWhatSudoWouldMisread(_ user: String, _ program: String) {
    #expect(SudoersFile.text(user: user, program: program, configuration: "/etc/safebox/system.json") == nil)
    #expect(SudoersFile.text(user: "safebox", program: "/usr/bin/x", configuration: program + "*") == nil)
  }

  @Test func visudoTakesTheSudoersFile() throws {
    let visudo = try #require(Subprocess.find("/usr/sbin/visudo", "visudo"), "visudo is not installed")
    let directory = try TemporaryDirectory()
    let text = try #require(
      SudoersFile.text(user: "safebox", program: "/usr/bin/safebox-system", configuration: "/etc/safebox/system.json"))
    let file = try directory.write(Array(text.utf8), to: "sudoers")
    let result = try Subprocess.run(visudo, ["-c", "-f", file])
    #expect(result.status == 0, "\(result.errors)\(String(decoding: result.output, as: UTF8.self))")
  }

  private func configuration(root: String = "/var/lib/safebox-system") throws -> SystemConfiguration {
    let log = try BoxLog()
    return SystemConfiguration(
      box: log.origin, keys: try BoxLog.keys(log.origin), genesis: log.genesis, root: root,
      socket: "/run/safebox-system/system.sock", uids: [990])
  }

  /// The words of a setting, however often it is given.
  private func words(_ name: String, in unit: String) -> [String] {
    unit.split(separator: "\n").filter { $0.hasPrefix("\(name)=") }.flatMap {
      $0.dropFirst(name.count + 1).split(separator: " ").map(String.init)
    }
  }

  @Test func theUnitGivesWhatTheOperationsNeedAndNoMore() throws {
    let unit = try #require(
      SystemdUnit.text(
        program: "/usr/bin/safebox-system", configurationPath: "/etc/safebox/system.json",
        configuration: configuration()))
    let surfaces = Operation.allCases.map(\.surface)
    #expect(Set(words("CapabilityBoundingSet", in: unit)) == Set(surfaces.flatMap(\.capabilities).map(\.rawValue)))
    // Every place that is written is below a path that may be written, and every such path is one of those.
    let writable = words("ReadWritePaths", in: unit)
    let places = Set(surfaces.flatMap(\.writes)).map { $0.path(below: "/var/lib/safebox-system") }
    for place in places { #expect(writable.contains { place == $0 || place.hasPrefix($0 + "/") }, "\(place)") }
    for path in writable { #expect(places.contains { $0 == path || $0.hasPrefix(path + "/") }, "\(path)") }
    #expect(words("RestrictAddressFamilies", in: unit).contains("AF_INET") == surfaces.contains { $0.network })
    #expect(words("NoNewPrivileges", in: unit) == ["yes"])
    #expect(words("ProtectSystem", in: unit) == ["strict"])
    #expect(
      words("ExecStart", in: unit) == [
        "/usr/bin/safebox-system", "serve", "--configuration", "/etc/safebox/system.json",
      ])
    var elsewhere = try configuration()
    elsewhere.socket = "/tmp/system.sock"
    #expect(SystemdUnit.text(program: "/usr/bin/x", configurationPath: "/etc/x", configuration: elsewhere) == nil)
    #expect(
      SystemdUnit.text(program: "/usr/bin/x %n", configurationPath: "/etc/x", configuration: try configuration()) == nil
    )
  }

  @Test func systemdTakesTheUnit() throws {
    let analyze = try #require(Subprocess.find("systemd-analyze"), "systemd-analyze is not installed")
    let directory = try TemporaryDirectory()
    let unit = try #require(
      SystemdUnit.text(
        program: "/bin/true", configurationPath: "/etc/safebox/system.json", configuration: configuration()))
    let file = try directory.write(Array(unit.utf8), to: "safebox-system.service")
    let verified = try Subprocess.run(analyze, ["verify", "--man=no", file])
    #expect(verified.status == 0, "\(verified.errors)")
    // Of our unit; a machine's other units may have faults of their own.
    #expect(!verified.errors.contains("safebox-system.service:"), "\(verified.errors)")
    let security = try Subprocess.run(analyze, ["security", "--offline=true", "--threshold=50", "--no-pager", file])
    #expect(security.status == 0, "\(String(decoding: security.output, as: UTF8.self))\(security.errors)")
  }

  @Test func theConfigurationIsStrict() throws {
    let bytes = try configuration().bytes
    let read = try SystemConfiguration(parsing: bytes)
    #expect(read.bytes == bytes)
    let json = try JSON(parsing: bytes, limits: .document(maxBytes: 1 << 20))
    func field(_ name: String, _ value: JSON?) throws -> String? {
      var object = try #require(json.object)
      object[name] = value
      do {
        _ = try SystemConfiguration(parsing: JSON.object(object).canonicalBytes())
        return nil
      } catch let error as FieldError {
        return error.field
      }
    }
    for member in try #require(json.object) { #expect(try field(member.key, nil) == member.key) }
    #expect(try field("recency", 900) == "recency")
    #expect(try field("format", "safebox-system/v2") == "format")
    #expect(try field("genesis", "00") == "genesis")
    #expect(try field("root", "relative") == "root")
    #expect(try field("root", "/with blank") == "root")
    #expect(try field("socket", .string("/" + String(repeating: "a", count: 107))) == "socket")
    #expect(try field("uids", []) == "uids")
    #expect(try field("uids", [-1]) == "uids[0]")
    #expect(try field("uids", ["root"]) == "uids[0]")
    #expect(try field("recencySeconds", 1) == "recencySeconds")
    #expect(try field("clockToleranceSeconds", 3601) == "clockToleranceSeconds")
    #expect(try field("box", "other.example/box") == "keys")
    #expect(try field("witnesses", "quorum none\n") == "witnesses")
    #expect(try field("witnesses", "nonsense") == "witnesses")
    #expect(try field("acquisition", 1) == "acquisition")
  }

  @Test func theConfigurationFileIsBelievedOnlyIfNobodyElseCanWriteIt() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("system.json")
    let configuration = try configuration()
    #expect(throws: ConfigurationFile.Failure.absent(path: path)) { try ConfigurationFile.read(path) }
    try ConfigurationFile.create(path, configuration)
    #expect(try ConfigurationFile.read(path).bytes == configuration.bytes)
    for mode in ["664", "646", "666"] {
      #expect(try Subprocess.run("/bin/chmod", [mode, path]).status == 0)
      #expect(throws: ConfigurationFile.Failure.self, "mode \(mode)") { try ConfigurationFile.read(path) }
    }
    #expect(try Subprocess.run("/bin/chmod", ["600", path]).status == 0)
    #expect(try ConfigurationFile.read(path).bytes == configuration.bytes)
    let link = directory.file("link.json")
    #expect(try Subprocess.run("/bin/ln", ["-s", path, link]).status == 0)
    #expect(throws: ConfigurationFile.Failure.self) { try ConfigurationFile.read(link) }
    #expect(throws: SystemFault.self) { try ConfigurationFile.create(path, configuration) }
  }
}

/// A file can be given away by root only.
@Suite(.enabled(if: isRoot, "only root can give a file to another user"))
struct ConfigurationOwnerTests {
  @Test func aConfigurationOfAnotherUsersIsNotBelieved() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(Array("{}".utf8), to: "system.json")
    #expect(try Subprocess.run("/bin/chown", ["65534", path]).status == 0)
    #expect(throws: ConfigurationFile.Failure.owner(path: path, uid: 65534)) { try ConfigurationFile.read(path) }
  }
}
