import Cryptography
import Foundation
import Snapshots
import TestSupport
import Testing

@testable import Packages

/// Real dpkg in a real, small Debian.
@Suite(.enabled(if: RootPlace.isAvailable, RootPlace.absence))
struct InstallerTests {
  private let label: SnapshotLabel = "before-test"

  /// What a manifest that apt wrote installs: three packages of which each needs the next, and one with an epoch.
  @Test func realPackagesAreInstalledTogether() throws {
    let place = try RootPlace()
    let uris = try String(contentsOfFile: RootPlace.debs + "/uris", encoding: .utf8)
    let manifest = try PackageManifest(
      name: "jq", architecture: RootPlace.architecture, packages: PrintedURIs.parse(uris))
    #expect(manifest.packages.map(\.name) == ["attr", "jq", "libjq1", "libonig5"])
    let before = try place.digest()
    try place.installer().check(manifest, from: RootPlace.debs)
    #expect(try place.digest() == before)
    let report = try place.installer().install(manifest, from: RootPlace.debs, snapshot: label, at: 5)
    #expect(report.before == before)
    #expect(report.after == (try place.digest()))
    #expect(report.after != before)
    #expect(report.manifest == manifest.digest)
    for package in manifest.packages {
      #expect(try place.status(package.name) == "install ok installed \(package.version)")
    }
    // It runs: libraries and all are there.
    let answer = try Subprocess.run("/usr/sbin/chroot", [place.root, "/usr/bin/jq", "-n", "6*7"])
    #expect(answer.output == Array("42\n".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.staging) == [])
    // And the owners can go back.
    #expect(try place.keeper.rollback(label).restored == before)
    #expect(try place.digest() == before)
  }

  @Test func aFailingScriptLeavesNothing() throws {
    let place = try RootPlace()
    let good = try place.build("aaa-good", contents: ["usr/share/good": "good"])
    let bad = try place.build(
      "bad", scripts: ["postinst": "echo doing harm; rm -rf /etc /usr/share/good; echo done > /harm; exit 3"],
      contents: ["usr/share/bad": "bad"])
    let before = try place.digest()
    let fault = #expect(throws: PackageFault.self) {
      try place.installer().install(place.manifest(good, bad), from: place.files, snapshot: label, at: 0)
    }
    guard case .rolledBack(.dpkg(let status, let output), let evidence) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(status != 0)
    #expect(output.contains("doing harm"))
    #expect(evidence.before == before)
    #expect(evidence.restored == before)
    #expect(evidence.after != nil && evidence.after != before)
    #expect(try place.digest() == before)
    #expect(try place.status("aaa-good") == "")
    #expect(!place.exists("harm") && place.exists("etc/passwd"))
  }

  /// Scripts see one interface, which is down, and cannot talk to anybody; nor do they see this machine.
  @Test func scriptsHaveNoNetworkAndNoMachine() throws {
    let place = try RootPlace()
    let secret = place.directory.file("secret")
    try "x".write(toFile: secret, atomically: false, encoding: .utf8)
    let script = """
      cat /proc/net/dev > /seen-devices
      cat /proc/net/route > /seen-routes
      cat /proc/self/status > /seen-status
      cat /proc/self/mountinfo > /seen-mounts
      env | sort > /seen-environment
      ls -d /proc/[0-9]* | wc -l > /seen-processes
      ( echo x > /proc/sys/kernel/core_pattern ) 2> /seen-sysctl || true
      mknod /seen-disk b 254 0 2> /seen-mknod || true
      mount -t tmpfs none /mnt 2> /seen-mount || true
      ls /proc/1/root/ > /seen-outside 2>&1 || true
      ls /proc/1/root/tmp /proc/1/root/var /proc/1/root/etc >> /seen-outside 2>&1 || true
      read line || echo 'no input' > /seen-input
      """
    let nosy = try place.build("nosy", scripts: ["postinst": script])
    _ = try place.installer().install(place.manifest(nosy), from: place.files, snapshot: label, at: 0)
    let devices = try place.text("seen-devices").split(separator: "\n").dropFirst(2)
    #expect(devices.map { $0.trimmingCharacters(in: .whitespaces).prefix { $0 != ":" } } == ["lo"])
    #expect(try place.text("seen-routes").split(separator: "\n").count <= 1)
    let status = try place.text("seen-status")
    #expect(status.contains("NoNewPrivs:\t1"))
    // chown, dac_override, dac_read_search, fowner, fsetid, kill, setgid, setuid, sys_chroot, setfcap.
    #expect(status.contains("CapBnd:\t00000000800400ff"))
    #expect(try place.text("seen-input") == "no input\n")
    #expect(try Int(place.text("seen-processes").trimmingCharacters(in: .whitespacesAndNewlines)) ?? 99 < 8)
    #expect(try !place.text("seen-sysctl").isEmpty && !place.text("seen-mknod").isEmpty)
    #expect(!place.exists("seen-disk"))
    let outside = try place.text("seen-outside")
    #expect(!outside.contains("secret") && !outside.contains("safebox-test") && !outside.contains("home"))
    #expect(!outside.contains("shadow"))
    let environment = try place.text("seen-environment")
    #expect(environment.contains("DEBIAN_FRONTEND=noninteractive"))
    #expect(!environment.contains("SAFEBOX"))
  }

  /// A server listens on this machine's loopback and on its address; the script finds neither.
  @Test func connectingFails() throws {
    let place = try RootPlace()
    try RootPlace.run("/bin/cp", ["/bin/bash", place.root + "/usr/bin/real-bash"])
    for library in ["libtinfo.so.6"] {
      for from in ["/lib/x86_64-linux-gnu/", "/lib/aarch64-linux-gnu/"]
      where FileManager.default.fileExists(atPath: from + library) {
        try RootPlace.run("/bin/cp", ["-L", from + library, place.root + from + library])
      }
    }
    let listener = try Listener()
    let script = """
      real-bash -c 'exec 3<>/dev/tcp/127.0.0.1/\(listener.port) && echo connected' > /seen 2>&1
      echo $? >> /seen
      """
    let caller = try place.build("caller", scripts: ["postinst": script])
    _ = try place.installer().install(place.manifest(caller), from: place.files, snapshot: label, at: 0)
    let seen = try place.text("seen")
    #expect(seen.contains("Network is unreachable"), "\(seen)")
    #expect(!seen.contains("connected\n"))
    // The same words do connect where there is a network.
    let here = try Subprocess.run(
      "/bin/bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(listener.port) && echo connected"])
    #expect(here.output == Array("connected\n".utf8))
  }

  private final class Listener: Sendable {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          bind(descriptor, address, length) == 0 && listen(descriptor, 4) == 0
            && getsockname(descriptor, address, &length) == 0
        }
      }
      guard result else { throw RootPlace.Failed(description: "no socket") }
      port = UInt16(bigEndian: address.sin_port)
      self.descriptor = descriptor
    }

    deinit { close(descriptor) }
  }

  @Test func timeIsLimited() throws {
    let place = try RootPlace()
    // What it leaves in the background goes too, or it would hold the output open for ever.
    let slow = try place.build("slow", scripts: ["postinst": "echo waiting; sleep 600 & sleep 600"])
    let before = try place.digest()
    let fault = #expect(throws: PackageFault.self) {
      try place.installer(seconds: 3).install(place.manifest(slow), from: place.files, snapshot: label, at: 0)
    }
    guard case .rolledBack(.timedOut(3, _), let evidence) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(evidence.restored == before)
  }

  /// dpkg being content is not enough.
  @Test func whatIsInstalledIsWhatTheManifestSays() throws {
    let place = try RootPlace()
    let installed = try PackageRoot(path: place.root).installed()
    let good = try place.build("good")
    let manifest = try place.manifest(good)
    _ = try place.installer().install(manifest, from: place.files, snapshot: label, at: 0)
    try place.installer().hold(manifest, against: installed)
    let newer = try place.manifest(place.build("good", "1.1"))
    #expect(throws: InstallFailure.wrongResult(["good:all is 1.0 instead of 1.1"])) {
      try place.installer().hold(newer, against: installed)
    }
    let status = place.root + "/var/lib/dpkg/status"
    let text = try String(contentsOfFile: status, encoding: .utf8)
    for (from, to, problems) in [
      (
        "Package: good\n", "Package: evil\n",
        ["evil:all is 1.0 instead of absent", "good:all is absent instead of 1.0"]
      ),
      (
        "Package: good\nStatus: install ok installed", "Package: good\nStatus: install ok unpacked",
        ["good: install ok unpacked", "good:all is absent instead of 1.0"]
      ),
    ] {
      let altered = text.replacingOccurrences(of: from, with: to)
      #expect(altered != text)
      try altered.write(toFile: status, atomically: false, encoding: .utf8)
      #expect(throws: InstallFailure.wrongResult(problems)) {
        try place.installer().hold(manifest, against: installed)
      }
    }
  }

  // MARK: refused before anything is touched

  @Test func bytesAreVerified() throws {
    let place = try RootPlace()
    let good = try place.build("good")
    let before = try place.digest()
    let path = place.files + "/" + good.file
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    func refused(_ expected: PackageFault, _ line: SourceLocation = #_sourceLocation) throws {
      #expect(throws: expected, sourceLocation: line) {
        try place.installer().install(place.manifest(good), from: place.files, snapshot: label, at: 0)
      }
    }
    var flipped = bytes
    flipped[100] ^= 1
    try flipped.write(to: URL(fileURLWithPath: path))
    try refused(.wrongDigest(file: good.file, expected: good.sha256, actual: SHA256.hash([UInt8](flipped))))
    try bytes.dropLast().write(to: URL(fileURLWithPath: path))
    try refused(.wrongSize(file: good.file, expected: good.size, actual: good.size - 1))
    try FileManager.default.removeItem(atPath: path)
    try refused(.missingFile(good.file))
    try bytes.write(to: URL(fileURLWithPath: place.files + "/real"))
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "real")
    try refused(.missingFile(good.file))
    try FileManager.default.removeItem(atPath: path)
    #expect(mkfifo(path, 0o600) == 0)
    try refused(.missingFile(good.file))
    #expect(try place.digest() == before)
    #expect(try place.keeper.list() == [])
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.staging) == [])
  }

  /// Bytes that were approved under another name, version or architecture.
  @Test(arguments: ["Package", "Version", "Architecture"])
  func whatAPackageSaysOfItselfIsHeldAgainstTheManifest(_ field: String) throws {
    let place = try RootPlace()
    let real = try place.build("real", "2.0")
    let name = field == "Package" ? "other" : "real"
    let version = field == "Version" ? "2.1" : "2.0"
    let architecture = field == "Architecture" ? RootPlace.architecture : "all"
    let path = place.files + "/\(name)_\(version)_\(architecture).deb"
    try FileManager.default.moveItem(atPath: place.files + "/" + real.file, toPath: path)
    let claimed = try RootPlace.package(at: path, name, version, architecture)
    let values = ["Package": ("other", "real"), "Version": ("2.1", "2.0"), "Architecture": (architecture, "all")]
    let (expected, actual) = try #require(values[field])
    #expect(
      throws: PackageFault.wrongControl(file: claimed.file, field: field, expected: expected, actual: actual)
    ) { try place.installer().install(place.manifest(claimed), from: place.files, snapshot: label, at: 0) }
    #expect(try place.keeper.list() == [])
  }

  @Test func whatIsNoPackageIsRefused() throws {
    let place = try RootPlace()
    let path = place.files + "/junk_1_all.deb"
    try Data("!<arch>\nnothing of the kind".utf8).write(to: URL(fileURLWithPath: path))
    let junk = try RootPlace.package(at: path, "junk", "1", "all")
    let fault = #expect(throws: PackageFault.self) {
      try place.installer().check(place.manifest(junk), from: place.files)
    }
    guard case .unreadable("junk_1_all.deb", _) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
  }

  @Test func dependenciesAreLookedAtFirst() throws {
    let place = try RootPlace()
    let before = try place.digest()
    let needy = try place.build("needy", control: "Depends: libc6, not-there (>= 2) | neither")
    #expect(throws: PackageFault.unsatisfied(["needy needs not-there (>= 2) | neither"])) {
      try place.installer().install(place.manifest(needy), from: place.files, snapshot: label, at: 0)
    }
    let hostile = try place.build("hostile", control: "Conflicts: sed")
    let sed = try place.status("sed").split(separator: " ").last.map(String.init) ?? ""
    #expect(throws: PackageFault.unsatisfied(["hostile conflicts with sed \(sed)"])) {
      try place.installer().install(place.manifest(hostile), from: place.files, snapshot: label, at: 0)
    }
    #expect(try place.digest() == before)
    #expect(try place.keeper.list() == [])
  }

  @Test func olderVersionsNeedTheManifestsWord() throws {
    let place = try RootPlace()
    let new = try place.build("tool", "2:1.0")
    _ = try place.installer().install(place.manifest(new), from: place.files, snapshot: label, at: 0)
    let old = try place.build("tool", "1:9.9")
    let second = "second" as SnapshotLabel
    #expect(
      throws: PackageFault.downgrade([.init(name: "tool", installed: new.version, manifest: old.version)])
    ) { try place.installer().install(place.manifest(old), from: place.files, snapshot: second, at: 0) }
    _ = try place.installer().install(
      place.manifest(old, downgrades: ["tool"]), from: place.files, snapshot: second, at: 0)
    #expect(try place.status("tool") == "install ok installed 1:9.9")
  }

  @Test func aLockedDatabaseIsLeftAlone() throws {
    let place = try RootPlace()
    let good = try place.build("good")
    for name in ["lock", "lock-frontend"] {
      let path = place.root + "/var/lib/dpkg/" + name
      // Another process, because fcntl's locks are between processes.
      let process = try ChildProcess(
        "/usr/bin/python3",
        [
          "-c",
          "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); input()",
          path,
        ], input: .pipe, output: .pipe, errors: .nothing)
      #expect(process.line() == "held")
      #expect(throws: PackageFault.locked("var/lib/dpkg/" + name)) {
        try place.installer().install(place.manifest(good), from: place.files, snapshot: label, at: 0)
      }
      process.closeInput()
      process.wait()
    }
    #expect(try place.keeper.list() == [])
    _ = try place.installer().install(place.manifest(good), from: place.files, snapshot: label, at: 0)
  }

  /// Some other thread may be starting a process at any time.
  @Test func theLockIsLetGoAlsoWhereAForkedProcessHasItsFile() throws {
    let place = try RootPlace()
    let root = PackageRoot(path: place.root)
    var held: [Int32] = []
    defer { for file in held { close(file) } }
    try withExtendedLifetime(root.lock()) {
      held = try OpenFiles.duplicates(of: place.root + "/var/lib/dpkg/lock-frontend")
      #expect(throws: PackageFault.locked("var/lib/dpkg/lock-frontend")) { try root.lock() }
    }
    #expect(held.count == 1)
    #expect(throws: Never.self) { try root.lock() }
  }

  @Test func aTakenSnapshotNameIsRefused() throws {
    let place = try RootPlace()
    let good = try place.build("good")
    try place.keeper.before(label, at: 0)
    #expect(throws: PackageFault.snapshot(.exists(label))) {
      try place.installer().install(place.manifest(good), from: place.files, snapshot: label, at: 0)
    }
    #expect(try place.status("good") == "")
  }

  // MARK: after a crash

  @Test func aHalfInstallationIsUndone() throws {
    let place = try RootPlace()
    let good = try place.build("good")
    let manifest = try place.manifest(good)
    #expect(try place.installer().reconcile(manifest, snapshot: label) == .notBegun)
    let before = try place.keeper.before(label, at: 0).digest
    // The machine stopped after dpkg had unpacked.
    try RootPlace.run("/usr/bin/dpkg", ["--root=\(place.root)", "--unpack", place.files + "/" + good.file])
    #expect(throws: PackageFault.self) { try place.installer().check(manifest, from: place.files) }
    guard case .rolledBack(let evidence) = try place.installer().reconcile(manifest, snapshot: label) else {
      Issue.record("not rolled back")
      return
    }
    #expect(evidence.before == before && evidence.restored == before)
    #expect(try place.digest() == before)
    let second = "second" as SnapshotLabel
    _ = try place.installer().install(manifest, from: place.files, snapshot: second, at: 0)
    #expect(try place.installer().reconcile(manifest, snapshot: second) == .installed)
  }
}
