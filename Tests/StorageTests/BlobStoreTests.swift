import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct BlobStoreTests {
  private let scratch: TemporaryDirectory
  private let master = SecretBytes(copying: [UInt8](repeating: 7, count: 32))

  init() throws { scratch = try TemporaryDirectory() }

  private func open(_ master: SecretBytes? = nil) throws -> BlobStore {
    try BlobStore(path: scratch.file("blobs"), master: master ?? self.master)
  }

  private func file(_ id: BlobID) -> String { "blobs/\(id.hex.prefix(2))/\(id.hex.dropFirst(2).prefix(2))/\(id.hex)" }

  /// Everything below the store's directory.
  private func allBytes() throws -> [UInt8] {
    let paths = try FileManager.default.subpathsOfDirectory(atPath: scratch.file("blobs"))
    return paths.flatMap { (try? scratch.read("blobs/\($0)")) ?? [] }
  }

  @Test(arguments: [0, 1, 100, 1 << 20]) func aBlobComesBack(count: Int) throws {
    let plaintext = SecureRandom.bytes(count)
    let id = try open().put(plaintext, community: "a")
    // Also for the next process.
    let store = try open()
    #expect(try store.get(id, community: "a") == plaintext)
    #expect(try store.list(community: "a").map(\.size) == [count])
  }

  @Test func theNameIsTheDigestOfTheFile() throws {
    let store = try open()
    let id = try store.put([1, 2, 3], community: "a")
    #expect(SHA256.hash(try scratch.read(file(id))) == id.digest)
    #expect(BlobID(hex: id.hex) == id)
    #expect(BlobID(hex: id.hex.uppercased()) == nil)
  }

  @Test func equalContentIsNotSeenToBeEqual() throws {
    let store = try open()
    let plaintext = Array("the same words, long enough to be found".utf8)
    let first = try store.put(plaintext, community: "a")
    let second = try store.put(plaintext, community: "a")
    #expect(first != second)
    #expect(Data(try allBytes()).range(of: Data(plaintext)) == nil)
  }

  @Test func anotherCommunityDoesNotReadIt() throws {
    let store = try open()
    let id = try store.put([1], community: "a")
    #expect(throws: BlobStore.Failure.absent(id)) { try store.get(id, community: "b") }
    #expect(try !store.erase(id, community: "b"))
    #expect(try store.get(id, community: "a") == [1])
    #expect(try store.list(community: "b").isEmpty)
  }

  /// A row of the key table copied to another community, or to another blob, opens nothing.
  @Test func aMovedKeyDoesNotOpen() throws {
    var store: BlobStore? = try open()
    let first = try #require(try store?.put([1], community: "a"))
    let second = try #require(try store?.put([2], community: "a"))
    store = nil
    let table = try SQLiteConnection(path: scratch.file("blobs/blob-keys.sqlite"), access: .readWrite)
    try table.execute("INSERT INTO keys SELECT 'b', id, wrapped, size FROM keys")
    try table.execute("UPDATE keys SET wrapped = (SELECT max(wrapped) FROM keys WHERE community = 'a')")
    let again = try open()
    for id in [first, second] {
      #expect(throws: BlobStore.Failure.doesNotOpen(id)) { try again.get(id, community: "b") }
    }
    // One of the two kept its own key.
    let readable = [first, second].filter { (try? again.get($0, community: "a")) != nil }
    #expect(readable.count == 1)
  }

  @Test func anotherMasterKeyDoesNotOpenIt() throws {
    let id = try open().put([1], community: "a")
    let other = try open(SecretBytes(copying: [UInt8](repeating: 8, count: 32)))
    #expect(throws: BlobStore.Failure.doesNotOpen(id)) { try other.get(id, community: "a") }
  }

  @Test func everyChangedByteOfAFileIsNoticed() throws {
    let store = try open()
    let id = try store.put([1, 2, 3, 4], community: "a")
    let bytes = try scratch.read(file(id))
    #expect(chmod(scratch.file(file(id)), 0o600) == 0)
    for position in bytes.indices {
      var changed = bytes
      changed[position] ^= 1
      try scratch.write(changed, to: file(id))
      #expect(throws: BlobStore.Failure.corrupt(id, actual: SHA256.hash(changed))) {
        try store.get(id, community: "a")
      }
    }
    try FileManager.default.removeItem(atPath: scratch.file(file(id)))
    #expect(throws: BlobStore.Failure.fileMissing(id)) { try store.get(id, community: "a") }
  }

  /// A forger who also renames the file and moves its row still has no key for it.
  @Test func aForgedFileWithAMatchingNameDoesNotOpen() throws {
    let cipher = try BlobCipher(master: master, community: "a")
    let sealed = try cipher.seal([1, 2, 3])
    var forged = sealed.file
    forged[forged.count - 1] ^= 1
    let name = BlobID(SHA256.hash(forged))
    #expect(throws: BlobStore.Failure.doesNotOpen(name)) {
      try cipher.open(forged, id: name, wrappedKey: sealed.wrappedKey)
    }
    var newer = sealed.file
    newer[4] = 2
    #expect(throws: BlobStore.Failure.unknownFormat(sealed.id)) {
      try cipher.open(newer, id: sealed.id, wrappedKey: sealed.wrappedKey)
    }
    #expect(try cipher.open(sealed.file, id: sealed.id, wrappedKey: sealed.wrappedKey) == [1, 2, 3])
  }

  @Test func anErasedBlobIsGoneWithItsKey() throws {
    let store = try open()
    let id = try store.put([1, 2, 3], community: "a")
    let table = try SQLiteConnection(path: scratch.file("blobs/blob-keys.sqlite"), access: .readOnly)
    let wrapped = try #require(try table.prepare("SELECT wrapped FROM keys").first { try $0.blob(0) })
    #expect(Data(try allBytes()).range(of: Data(wrapped)) != nil)

    #expect(try store.erase(id, community: "a"))
    #expect(throws: BlobStore.Failure.absent(id)) { try store.get(id, community: "a") }
    #expect(!FileManager.default.fileExists(atPath: scratch.file(file(id))))
    // Not in the table's free pages nor in a journal either.
    #expect(Data(try allBytes()).range(of: Data(wrapped)) == nil)
    #expect(try !store.erase(id, community: "a"))
  }

  @Test func erasingACommunityLeavesTheOthers() throws {
    let store = try open()
    let gone = try (0..<5).map { try store.put([UInt8($0)], community: "a") }
    let kept = try store.put([9], community: "b")
    #expect(try store.eraseAll(community: "a") == 5)
    for id in gone { #expect(throws: BlobStore.Failure.absent(id)) { try store.get(id, community: "a") } }
    #expect(try store.get(kept, community: "b") == [9])
    #expect(try store.garbage() == BlobStore.Garbage())
  }

  @Test func whatCrashesLeaveIsListedAndCollected() throws {
    let store = try open()
    let kept = try store.put([1], community: "a")
    // Died before the key was stored, and died before the file was linked.
    let orphan = BlobID(SHA256.hash([42]))
    try scratch.write([42], to: file(orphan))
    let temporary = "ab/cd/.tmp-x"
    try scratch.write([1], to: "blobs/" + temporary)
    try scratch.write([1], to: "blobs/ab/cd/unrelated")

    let garbage = try store.garbage()
    #expect(garbage == BlobStore.Garbage(files: [orphan], temporaryFiles: [temporary]))
    try store.collect(garbage)
    #expect(try store.garbage() == BlobStore.Garbage())
    #expect(try store.get(kept, community: "a") == [1])
    #expect(FileManager.default.fileExists(atPath: scratch.file("blobs/ab/cd/unrelated")))
  }

  @Test func unreferencedBlobsAreListed() throws {
    let store = try open()
    let cited = try store.put([1], community: "a")
    let forgotten = try store.put([2], community: "a")
    #expect(try store.unreferenced(community: "a") { $0 == cited } == [forgotten])
  }

  @Test func limitsAreKept() throws {
    let store = try open()
    let big = [UInt8](repeating: 0, count: BlobStore.maximumBytes + 1)
    #expect(throws: BlobStore.Failure.tooLarge(bytes: big.count, limit: big.count - 1)) {
      try store.put(big, community: "a")
    }
    for name in ["", "a\nb", String(repeating: "a", count: 129)] {
      #expect(throws: BlobStore.Failure.invalidCommunity(name)) { try store.put([1], community: name) }
      #expect(throws: BlobStore.Failure.invalidCommunity(name)) { try store.eraseAll(community: name) }
    }
    #expect(throws: (any Error).self) {
      try BlobStore(path: scratch.file("other"), master: SecretBytes(copying: [1, 2, 3]))
    }
  }

  @Test func aSecondStoreOnTheSameDirectoryIsRefused() throws {
    let store = try open()
    #expect(throws: ProcessLock.Failure.self) { try open() }
    withExtendedLifetime(store) {}
  }

  @Test func manyThreadsStoreAtOnce() async throws {
    let store = try open()
    let ids = try await withThrowingTaskGroup(of: BlobID.self) { group in
      for number in 0..<64 { group.addTask { try store.put([UInt8(number)], community: "a") } }
      return try await group.reduce(into: Set<BlobID>()) { $0.insert($1) }
    }
    #expect(ids.count == 64)
    #expect(Set(try ids.map { try store.get($0, community: "a") }) == Set((0..<64).map { [UInt8($0)] }))
  }
}
