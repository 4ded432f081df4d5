import CanonicalJSON
import Governance
import Testing

@testable import BoxService

/// The event stream, and the hub behind it.
@Suite struct EventTests {
  @Test func entriesArriveInOrderAndAStreamResumesWhereItEnded() async throws {
    try await TestBox.with { box in
      let reader = EventReader(box, "/v1/events?from=0")
      #expect(await reader.next(1).map(\.event) == ["box.created"])
      let opened = try await box.open("note.write")
      let events = await reader.next(3)
      #expect(events.map(\.event) == ["proposal.opened", "execution.started", "execution.finished"])
      #expect(events.map(\.id) == ["1", "2", "3"])
      #expect(events.first?.json["index"]?.integer == 1)
      let entry = try Entry(parsing: Array((events.first?.json["entry"]?.string ?? "").utf8))
      #expect(entry.body["proposal"]?.string == opened.id)
      await reader.cancel()
      _ = try await box.open("note.single")
      let resumed = EventReader(box, lastEventID: "2")
      #expect(await resumed.next(2).map(\.id) == ["3", "4"])
      await resumed.cancel()
      #expect(try await box.call("GET", "/v1/events", headers: [("Last-Event-ID", "x")]).status == 422)
    }
  }

  @Test func aBigEntryKeepsItsKind() async throws {
    try await TestBox.with { box in
      let text = String(repeating: "x", count: 30_000)
      let opened = try await box.open("note.single", ["text": .string(text)])
      let reader = EventReader(box, "/v1/events?from=1")
      let event = try #require(await reader.next(1).first)
      #expect(event.event == "proposal.opened")
      #expect(event.data.contains(opened.id))
      await reader.cancel()
    }
  }

  @Test func aRemovedClientHearsNothingMore() async throws {
    try await TestBox.with { box in
      let reader = EventReader(box, "/v1/events?from=0", as: "other")
      #expect(await reader.next(1).count == 1)
      var clients = try box.home.directory.clients()
      let isRemoved0 = clients.remove("other")
      #expect(isRemoved0)
      try box.home.directory.write(clients)
      _ = try await box.open("note.single")
      #expect(await reader.rest().isEmpty)
      await reader.cancel()
    }
  }

  @Test func stoppingEndsTheStream() async throws {
    let box = try await TestBox.make()
    let reader = EventReader(box, "/v1/events?from=0")
    #expect(await reader.next(1).count == 1)
    await box.stop()
    #expect(await reader.rest().isEmpty)
    await reader.cancel()
  }

  @Test func theHubWakesEachWaiterOnce() async throws {
    let hub = EventHub(size: 3)
    #expect(await hub.growth(beyond: 2) == 3)
    async let one = hub.growth(beyond: 3)
    async let two = hub.growth(beyond: 4)
    hub.advance(to: 4)
    #expect(await one == 4)
    hub.advance(to: 4)
    hub.advance(to: 2)
    hub.advance(to: 9)
    #expect(await two == 9)
    #expect(await hub.growth(beyond: 4) == 9)
    let cancelled = Task { await hub.growth(beyond: 9) }
    cancelled.cancel()
    #expect(await cancelled.value == nil)
    #expect(hub.waiting == 0)
    async let last = hub.growth(beyond: 9)
    hub.close()
    #expect(await last == nil)
    #expect(await hub.growth(beyond: 0) == nil, "a closed hub keeps nobody")
  }

  @Test func thousandsOfWaitersLoseNoGrowth() async throws {
    let hub = EventHub(size: 0)
    await withTaskGroup(of: UInt64?.self) { group in
      for index in 0..<2000 { group.addTask { await hub.growth(beyond: UInt64(index % 50)) } }
      for size in 1...50 {
        hub.advance(to: UInt64(size))
        await Task.yield()
      }
      for await size in group { #expect(size != nil) }
    }
    #expect(hub.waiting == 0)
  }
}
