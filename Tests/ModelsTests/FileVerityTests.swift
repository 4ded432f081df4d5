import CanonicalJSON
import Cryptography
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Models

/// What the store makes of fs-verity, with a kernel that is played: it measures what a file was when it was sealed.
@Suite struct FileVerityTests {
  /// Files by inode.
  private final class Kernel: Sendable {
    let sealed = Mutex<[UInt64: SHA256Digest]>([:])
    let result: Int32
    /// What it answers for the smallest file.
    let resultForSmall: Int32

    init(result: Int32 = 0, resultForSmall: Int32 = 0) {
      self.result = result
      self.resultForSmall = resultForSmall
    }

    var verity: FileVerity {
      FileVerity(
        enableCall: { file in
          guard let (digest, size) = try? ContentHash.of(file, path: ""), let identity = try? FileIdentity(of: file)
          else { return -EIO }
          let result = size < 100 && self.resultForSmall != 0 ? self.resultForSmall : self.result
          guard result == 0 else { return result }
          return self.sealed.withLock { $0.updateValue(digest, forKey: identity.inode) == nil ? 0 : -EEXIST }
        },
        measure: { file in
          (try? FileIdentity(of: file)).flatMap { identity in self.sealed.withLock { $0[identity.inode] } }
        })
    }
  }

  private func checks(_ depot: Depot, _ reading: ModelStore.Reading) throws -> Set<VerifiedModel.File.Check> {
    Set(try depot.store.verify(depot.manifest.digest, reading: reading).files.map(\.check))
  }

  /// Content that differs in one bit, behind the kernel's back, as a broken disk would.
  private func flip(_ path: String, _ content: [UInt8]) throws {
    #expect(chmod(path, 0o644) == 0)
    let file = open(path, O_WRONLY | O_CLOEXEC)
    try #require(file >= 0)
    defer { close(file) }
    #expect(pwrite(file, [content[0] ^ 1], 1, 0) == 1)
    #expect(chmod(path, 0o444) == 0)
  }

  @Test func theMeasuredDigestStandsInForReading() throws {
    let kernel = Kernel()
    let depot = try Depot(verity: kernel.verity)
    try depot.fetch()
    #expect(try depot.store.commit(depot.manifest) == .verity)
    #expect(try checks(depot, .unlessSealed) == [.verity])
    #expect(try checks(depot, .everyByte) == [.content])
    // It is the kernel that is believed then, and nothing is read; whoever wants it reads.
    try flip(depot.path("config.json"), Fixture.contents[0].bytes)
    #expect(depot.fault(reading: .unlessSealed) == nil)
    #expect(depot.fault(reading: .everyByte)?.code == "digest")
  }

  @Test func anotherFileUnderVerityIsFound() throws {
    let kernel = Kernel()
    let depot = try Depot(verity: kernel.verity)
    try depot.fetch()
    try depot.store.commit(depot.manifest)
    let path = depot.path("config.json")
    let other = Array(#"{"hidden":999}"#.utf8)
    try depot.breakIn {
      #expect(rename(path, depot.store.root + "/old") == 0)
      try Fixture.write(other, to: path)
      #expect(chmod(path, 0o444) == 0)
      let file = open(path, O_RDONLY | O_CLOEXEC)
      #expect(kernel.verity.enable(file) == .yes)
      close(file)
    }
    #expect(
      depot.fault(reading: .unlessSealed)
        == .verity(path: "config.json", expected: depot.manifest.files[0].sha256, actual: SHA256.hash(other)))
  }

  @Test func aCopyWithoutVerityIsRead() throws {
    let kernel = Kernel()
    let depot = try Depot(verity: kernel.verity)
    try depot.fetch()
    try depot.store.commit(depot.manifest)
    // A rollback that copied the files.
    kernel.sealed.withLock { $0 = [:] }
    #expect(try checks(depot, .unlessSealed) == [.content])
    try flip(depot.path("config.json"), Fixture.contents[0].bytes)
    #expect(depot.fault(reading: .unlessSealed)?.code == "digest")
  }

  @Test func withoutItsRecordEverythingIsRead() throws {
    let kernel = Kernel()
    let depot = try Depot(verity: kernel.verity)
    try depot.fetch()
    try depot.store.commit(depot.manifest)
    let path = depot.store.root + "/seals/\(depot.manifest.digest.hex).json"
    let record = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let json = try JSON(parsing: record, limits: .document(maxBytes: 65_536))
    #expect(json["verity"]?["config.json"]?.string == depot.manifest.files[0].sha256.hex)
    #expect(try !FileManager.default.contentsOfDirectory(atPath: depot.path("")).contains { $0.contains("json.") })
    let other = try Fixture.manifest(name: "other").digest
    let stranger = VerityRecord(manifest: other, digests: ["config.json": SHA256.hash([1])])
    for bytes in [[], Array("{".utf8), stranger.bytes, Array(record.dropLast())] {
      #expect(unlink(path) == 0)
      try Fixture.write(bytes, to: path)
      #expect(try checks(depot, .unlessSealed) == [.content])
    }
    #expect(unlink(path) == 0)
    #expect(try checks(depot, .unlessSealed) == [.content])
  }

  @Test func whereThereIsNoVerityTheReasonIsTold() throws {
    let depot = try Depot(verity: Kernel(result: -EOPNOTSUPP).verity)
    try depot.fetch()
    #expect(try depot.store.commit(depot.manifest) == .permissions(reason: SystemCallFault.text(EOPNOTSUPP)))
    #expect(try checks(depot, .unlessSealed) == [.content])
    #expect(try FileManager.default.contentsOfDirectory(atPath: depot.store.root + "/seals") == [])
  }

  @Test func oneFileWithoutVerityIsAModelWithoutVerity() throws {
    let depot = try Depot(verity: Kernel(resultForSmall: -EFBIG).verity)
    try depot.fetch()
    #expect(try depot.store.commit(depot.manifest) == .permissions(reason: SystemCallFault.text(EFBIG)))
    #expect(try checks(depot, .unlessSealed) == [.content, .verity])
  }

  @Test func aWriterThatTheKernelKnowsStopsTheCommit() throws {
    let depot = try Depot(verity: Kernel(resultForSmall: -ETXTBSY).verity)
    try depot.fetch()
    let error = fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) }
    #expect(error == .openForWriting(path: "config.json"))
  }

  @Test func aSecondCommitFindsFilesSealedAlready() throws {
    let kernel = Kernel()
    let directory = try TemporaryDirectory()
    let end = ModelFault.system(SystemCallFault(call: "killed", path: "", errno: EINTR))
    let depot = try Depot(verity: kernel.verity, at: directory.path) { (step) throws(ModelFault) in
      if step == .filesSealed { throw end }
    }
    try depot.fetch()
    #expect(fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) } == end)
    let store = ModelStore(root: directory.path, verity: kernel.verity)
    #expect(try store.commit(depot.manifest) == .verity)
    #expect(try store.verify(depot.manifest.digest).files.allSatisfy { $0.check == .verity })
  }
}

/// The same with the kernel's own, on an ext4 of its own.
@Suite(.enabled(if: VerityFileSystem.absence == nil, Comment(rawValue: VerityFileSystem.absence ?? "")), .serialized)
struct KernelVerityTests {
  @Test func sealedFilesCannotBeWrittenAndAreMeasured() throws {
    let system = try VerityFileSystem()
    defer { system.unmount() }
    let depot = try Depot(at: system.path)
    try depot.fetch()
    #expect(try depot.store.commit(depot.manifest) == .verity)
    let model = try depot.store.verify(depot.manifest.digest)
    #expect(model.files.allSatisfy { $0.check == .verity })
    let path = depot.path("weights/model-1.gguf")
    #expect(open(path, O_WRONLY | O_CLOEXEC) < 0 && errno == EPERM)
    let tool = try #require(Subprocess.find("fsverity"))
    let said = String(decoding: try Subprocess.run(tool, ["measure", path]).output, as: UTF8.self)
    let file = try #require(model.file(at: "weights/model-1.gguf"))
    let measured = try #require(FileVerity.kernel.measure(file.descriptor))
    #expect(said.contains("sha256:\(measured.hex)"))
    #expect(
      try depot.store.verify(depot.manifest.digest, reading: .everyByte).files.allSatisfy { $0.check == .content })
  }

  @Test func anotherFileIsFoundWithoutReadingIt() throws {
    let system = try VerityFileSystem()
    defer { system.unmount() }
    let depot = try Depot(at: system.path)
    try depot.fetch()
    try depot.store.commit(depot.manifest)
    let path = depot.path("config.json")
    try depot.breakIn {
      #expect(unlink(path) == 0)
      try Fixture.write(Array(#"{"hidden":999}"#.utf8), to: path)
      #expect(chmod(path, 0o444) == 0)
      let file = open(path, O_RDONLY | O_CLOEXEC)
      #expect(FileVerity.kernel.enable(file) == .yes)
      close(file)
    }
    #expect(depot.fault(reading: .unlessSealed)?.code == "verity")
  }
}

/// An ext4 with the verity feature on a loop device, mounted until it is unmounted.
private final class VerityFileSystem {
  /// Why there cannot be one here, or nil.
  static let absence: String? = {
    guard getuid() == 0 else { return "mounting needs root" }
    guard access("/sys/fs/ext4/features/verity", F_OK) == 0 else {
      return "the kernel was built without fs-verity: there is no /sys/fs/ext4/features/verity"
    }
    guard Subprocess.find("mkfs.ext4", "/usr/sbin/mkfs.ext4") != nil, Subprocess.find("fsverity") != nil else {
      return "needs mkfs.ext4 and fsverity: scripts/setup test"
    }
    guard access("/dev/loop-control", F_OK) == 0 else { return "there are no loop devices" }
    return nil
  }()

  let path: String
  private let directory: TemporaryDirectory

  struct Failed: Error { let what: String }

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("mounted")
    let image = directory.file("image")
    guard mkdir(path, 0o755) == 0, creat(image, 0o600) >= 0, truncate(image, 64 << 20) == 0,
      let make = Subprocess.find("mkfs.ext4", "/usr/sbin/mkfs.ext4"), let mount = Subprocess.find("mount", "/bin/mount")
    else { throw Failed(what: "making an image") }
    for (tool, arguments) in [
      (make, ["-q", "-O", "verity", "-b", "4096", image]), (mount, ["-o", "loop", image, path]),
    ] {
      let result = try Subprocess.run(tool, arguments)
      guard result.status == 0 else { throw Failed(what: "\(tool): \(result.errors)") }
    }
  }

  /// The loop device goes with the mount, and that with the last descriptor that a test still holds.
  func unmount() {
    if let unmount = Subprocess.find("umount", "/bin/umount") { _ = try? Subprocess.run(unmount, ["-l", path]) }
  }
}
