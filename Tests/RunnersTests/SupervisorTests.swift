import CanonicalJSON
import Foundation
import Models
import TestSupport
import Testing

@testable import Runners

@Suite(.enabled(if: RunnerBox.runtime, RunnerBox.absence))
struct SupervisorTests {
  @Test func whoIsKilledIsStartedAgain() async throws {
    try await RunnerBox.with { box in
      let first = try await box.supervisor.start(box.hostile("mortal"))
      kill(try #require(first.pid), SIGKILL)
      let second = try await box.wait("mortal") { $0.restarts == 1 && $0.phase == .ready }
      #expect(second.pid != first.pid)
      #expect(try await box.ask(second, "/health").status == 200)
      #expect(box.alarms.contains { if case .ended("mortal", _) = $0 { true } else { false } })
    }
  }

  @Test func whoFailsTooOftenIsLeftAlone() async throws {
    try await RunnerBox.with {
      $0.restarts.maxFailures = 2
    } _: { box in
      var status = try await box.supervisor.start(box.hostile("failing"))
      kill(try #require(status.pid), SIGKILL)
      status = try await box.wait("failing") { $0.restarts == 1 && $0.phase == .ready }
      kill(try #require(status.pid), SIGKILL)
      status = try await box.wait("failing") { $0.phase == .failed }
      #expect(status.pid == nil)
      #expect(box.alarms.contains { if case .gaveUp("failing", failures: 2, _) = $0 { true } else { false } })
    }
  }

  @Test func whoDoesNotAnswerIsKilled() async throws {
    try await RunnerBox.with {
      $0.healthInterval = .milliseconds(50)
      $0.healthDeadline = .seconds(2)
      $0.healthFailures = 1
    } _: { box in
      let first = try await box.supervisor.start(box.hostile("hanging"))
      // The server answers one after the other, so nobody is answered after this.
      let hanging = Task { try? await box.ask(first, "/hang") }
      let second = try await box.wait("hanging") { $0.restarts == 1 && $0.phase == .ready }
      _ = await hanging.value
      #expect(second.pid != first.pid)
      #expect(box.alarms.contains(.unresponsive(name: "hanging")))
    }
  }

  @Test func aByteFlippedMeanwhileIsRefusedAtTheRestart() async throws {
    try await RunnerBox.with { box in
      let order = try box.hostile("flipped")
      let first = try await box.supervisor.start(order)
      try box.tamper(order.manifest) { path in
        try Data("other bytes that are no weights..................".utf8).write(to: URL(fileURLWithPath: path))
      }
      kill(try #require(first.pid), SIGKILL)
      let status = try await box.wait("flipped") { $0.phase == .failed }
      #expect(status.restarts == 1)
      #expect(box.alarms.contains { if case .modelRefused("flipped", _) = $0 { true } else { false } })
    }
  }

  @Test(arguments: ["flip", "extra", "remove"])
  func alteredModelsAreRefusedAtTheStart(how: String) async throws {
    try await RunnerBox.with { box in
      let order = try box.hostile("altered")
      try box.tamper(order.manifest) { path in
        switch how {
        case "flip":
          var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
          bytes[3] ^= 1
          try bytes.write(to: URL(fileURLWithPath: path))
        case "extra": try Data("x".utf8).write(to: URL(fileURLWithPath: path + ".more"))
        default: try FileManager.default.removeItem(atPath: path)
        }
      }
      await #expect { try await box.supervisor.start(order) } throws: { error in
        if case RunnerFault.modelRefused = error { true } else { false }
      }
      #expect(await box.supervisor.status().isEmpty)
      #expect(box.alarms.contains { if case .modelRefused("altered", _) = $0 { true } else { false } })
    }
  }

  @Test func whatIsSwappedAfterItWasVerifiedIsNotServed() async throws {
    try await RunnerBox.with { box in
      var order = try box.hostile("swapped", weights: "the approved weights")
      let (store, manifest) = (box.store, order.manifest)
      order.verify = {
        let model = try store.verify(manifest.digest, reading: .everyByte)
        // The attacker is as fast as can be: the name leads to other bytes before anybody uses it.
        try box.tamper(manifest) { path in
          try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
          try Data("the attacker's weights".utf8).write(to: URL(fileURLWithPath: path))
        }
        return model
      }
      let status = try await box.supervisor.start(order)
      let served = String(decoding: try await box.ask(status, "/weights").body, as: UTF8.self)
      #expect(served == "the approved weights")
    }
  }

  @Test func anotherRootIsRefused() async throws {
    try await RunnerBox.with { box in
      let order = try box.hostile("rooted")
      try Data("#!".utf8).write(to: URL(fileURLWithPath: order.root + "/rootfs/etc/planted"))
      await #expect { try await box.supervisor.start(order) } throws: { error in
        if case RunnerFault.rootDigest = error { true } else { false }
      }
      #expect(box.alarms.contains { if case .rootRefused("rooted", _) = $0 { true } else { false } })
    }
  }

  @Test func aDrainLetsRequestsEndAndNoNewOnesIn() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(box.hostile("draining"))
      let slow = Task { try await box.ask(status, "/slow") }
      // In flight as soon as the server has a socket beside the one on which it listens.
      let pid = try #require(status.pid)
      for _ in 0..<1000 where Self.sockets(of: pid) < 2 { try await Task.sleep(for: .milliseconds(1)) }
      let stop = Task { try await box.supervisor.stop("draining", drain: .seconds(30)) }
      _ = try await box.wait("draining") { $0.phase == .draining }
      await #expect(throws: (any Error).self) { try await box.ask(status, "/health") }
      #expect(try await slow.value.status == 200)
      try await stop.value
      #expect(!box.alarms.contains { if case .drainCutShort = $0 { true } else { false } })
      #expect(await box.supervisor.status().isEmpty)
    }
  }

  @Test func aNameIsTakenOnce() async throws {
    try await RunnerBox.with { box in
      let order = try box.hostile("one")
      try await box.supervisor.start(order)
      await #expect(throws: RunnerFault.nameTaken("one")) { try await box.supervisor.start(order) }
      #expect(await box.supervisor.status().map(\.name) == ["one"])
    }
  }

  @Test func leftoversOfACrashAreRemoved() async throws {
    // The supervisor that is to be forgotten must not interfere.
    try await RunnerBox.with {
      $0.restarts.maxFailures = 1
    } _: { box in
      let order = try box.hostile("orphan")
      let status = try await box.supervisor.start(order)
      let pid = try #require(status.pid)
      // As after a crash of the process: another supervisor begins with the same directory.
      let next = try RunnerSupervisor(box.configuration)
      #expect(kill(pid, 0) != 0 || Self.isZombie(pid))
      _ = try await box.wait("orphan") { $0.phase == .failed }
      let again = try await next.start(order)
      #expect(again.phase == .ready)
      await next.shutDown()
      #expect(try !String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8).contains(box.directory.path))
    }
  }

  @Test func longPathsOfSocketsAreRefused() throws {
    let parent = "/" + String(repeating: "d", count: 90)
    #expect(throws: RunnerFault.self) { try RunnerPlaces(name: "name", below: parent) }
    #expect(throws: RunnerFault.self) { try RunnerPlaces(name: "../etc", below: "/run") }
    #expect(try RunnerPlaces(name: "name", below: "/run").socket == "/run/name/runner.sock")
  }

  private static func sockets(of pid: Int32) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []
    let targets = names.compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
    }
    return targets.filter { $0.hasPrefix("socket:") }.count
  }

  private static func isZombie(_ pid: Int32) -> Bool {
    (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") Z ") ?? true
  }
}

extension RunnerBox {
  /// Changes an installed model as root can, whatever protects its files.
  func tamper(_ manifest: ModelManifest, _ change: (_ weights: String) throws -> Void) throws {
    let directory = store.path(of: manifest.digest)
    let path = directory + "/" + manifest.files[0].path
    chmod(directory, 0o755)
    // A file that the kernel seals cannot be written: it is replaced instead.
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    if access(path, W_OK) == 0, chmod(path, 0o644) == 0 {
      let descriptor = open(path, O_RDWR)
      if descriptor < 0 {
        try FileManager.default.removeItem(atPath: path)
        try bytes.write(to: URL(fileURLWithPath: path))
      } else {
        close(descriptor)
      }
    }
    try change(path)
    chmod(path, 0o444)
    chmod(directory, 0o555)
  }
}
