import Cryptography
import Foundation
import Models
import TestSupport
import Testing

@testable import Acquisition

struct PartialFileTests {
  private let scratch: TemporaryDirectory
  private static let size = 5 << 20 + 12_345

  init() throws { scratch = try TemporaryDirectory() }

  private func open(_ name: String, received: ByteRanges = ByteRanges()) throws -> PartialFile {
    let descriptor = Glibc.open(scratch.file(name), O_RDWR | O_CREAT, 0o600)
    try #require(descriptor >= 0)
    let file = PartialFile(
      path: name, index: 0, size: Self.size, descriptor: descriptor, received: received, checkpoint: { _ in })
    try file.allocate()
    return file
  }

  private func write(_ content: [UInt8], _ range: Range<Int>, to file: PartialFile) throws {
    try content[range].withUnsafeBytes { try file.write($0, at: range.lowerBound) }
  }

  @Test func theHashIsTheFilesWhateverTheOrder() async throws {
    let content = Content.bytes(Self.size, seed: 1)
    for round in 0..<4 {
      let file = try open("file-\(round)")
      var ranges = stride(from: 0, to: Self.size, by: 70_000).map { $0..<min(Self.size, $0 + 70_000) }
      ranges.shuffle()
      for range in ranges { try write(content, range, to: file) }
      #expect(try await file.digest() == SHA256.hash(content))
      #expect(try scratch.read("file-\(round)") == content)
    }
  }

  @Test func whatAnEarlierRunLeftIsReadBack() async throws {
    var content = Content.bytes(Self.size, seed: 2)
    let half = Self.size / 2
    try scratch.write(content, to: "file")
    let file = try open("file", received: ByteRanges([0..<half]))
    try write(content, half..<Self.size, to: file)
    #expect(try await file.digest() == SHA256.hash(content))

    // Not what the journal remembers but what the disk holds: one bit of the first half is another.
    content[half - 7] ^= 4
    try scratch.write(content, to: "altered")
    let altered = try open("altered", received: ByteRanges([0..<half]))
    try write(content, half..<Self.size, to: altered)
    #expect(try await altered.digest() == SHA256.hash(content))
  }

  @Test func hashedBytesAreNeverWrittenAgain() async throws {
    let content = Content.bytes(Self.size, seed: 3)
    let file = try open("file")
    try write(content, 0..<1000, to: file)
    #expect(throws: SystemCallFault.self) { try write(content, 999..<1001, to: file) }
    #expect(throws: SystemCallFault.self) { try write(content, 0..<1000, to: file) }
    // Nor anything behind the end.
    #expect(throws: SystemCallFault.self) {
      try [UInt8](repeating: 0, count: 2).withUnsafeBytes { try file.write($0, at: Self.size - 1) }
    }
    try file.startOver()
    #expect(file.received.isEmpty)
    try write(content, 0..<Self.size, to: file)
    #expect(try await file.digest() == SHA256.hash(content))
  }

  @Test func aDropForgetsWhatWasHashed() async throws {
    let (wrong, right) = (Content.bytes(Self.size, seed: 4), Content.bytes(Self.size, seed: 5))
    let file = try open("file")
    for _ in 0..<3 {
      try write(wrong, 0..<Self.size - 1, to: file)
      try file.startOver()
    }
    try write(right, 0..<Self.size, to: file)
    #expect(try await file.digest() == SHA256.hash(right))
  }

  @Test func cancellationEndsTheWait() async throws {
    let file = try open("file")
    let task = Task { try await file.digest() }
    task.cancel()
    await #expect(throws: SystemCallFault.self) { try await task.value }
  }
}
