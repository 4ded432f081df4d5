import Cryptography
import Glibc

/// Pins conversations to the slots of llama.cpp runners, and saves and restores what a slot knows when it has to give way.
///
/// A slot never serves the prefix of one owner to another: how long an answer takes would tell what others have said. What
/// a runner claims counts for nothing here: only the tokens that it reused, by its own count of the answer, make a hit.
///
/// Nothing is kept across a restart of this process: files of an earlier life have no conversation and are removed.
actor PromptCache {
  /// The permission to use one slot for one request.
  struct Lease: Sendable {
    /// The slot, or nil at a runner without any.
    let slot: Int?
    /// Whether the runner may reuse what the slot holds.
    let mayReuse: Bool
    fileprivate let endpoint: RunnerEndpoint
    fileprivate let instance: String
    fileprivate let conversation: Conversation?
    fileprivate let promise: Promise
  }

  fileprivate enum Promise: Sendable {
    /// Nothing can be expected: a first turn, however much of its beginning another conversation of the owner shares.
    case nothing
    /// A known conversation whose history was changed: as much as still agrees.
    case some
    /// The slot still holds the conversation: at least and at most these tokens can be its own.
    case held(ClosedRange<Int64>)
    /// The slot was restored; likewise.
    case restored(ClosedRange<Int64>)
    /// What the slot holds is another's; nothing may be reused.
    case foreign
  }

  private struct Holder {
    var owner: String
    var conversation: SHA256Digest?
  }

  private struct Slot {
    var holder: Holder?
    var isBusy = false
    var lastUse: UInt64 = 0
  }

  private struct Runner {
    var instance: String
    var slots: [Slot]
  }

  private struct Kept {
    var owner: String
    var turn: Conversation.Turn
    var file: File?
    var lastUse: UInt64
  }

  private struct File {
    var name: String
    var directory: String
    var tokens: Int64
    var bytes: Int64
    /// The turn that it holds, which may be older than the conversation's latest.
    var turn: Conversation.Turn
  }

  private let limits: PromptCacheLimits
  private let commands: SlotCommands
  private let alarm: @Sendable (CacheAlarm) -> Void
  private var runners: [String: Runner] = [:]
  private var conversations: [SHA256Digest: Kept] = [:]
  private var sweptDirectories: Set<String> = []
  private var uses: UInt64 = 0

  init(limits: PromptCacheLimits, connection: RunnerConnection, alarm: @escaping @Sendable (CacheAlarm) -> Void) {
    self.limits = limits
    self.alarm = alarm
    commands = SlotCommands(connection: connection, deadline: limits.slotDeadline)
  }

  // MARK: One request

  /// A slot for a request. The caller has a place at the runner, so that one is free.
  ///
  /// - Parameter conversation: nil for a request that is not to be remembered; it takes a slot all the same.
  ///
  /// - Throws: `overloaded` when every slot is in use after all.
  func lease(
    _ endpoint: RunnerEndpoint, owner: String, conversation: Conversation?
  ) async throws(InferenceFault) -> Lease {
    guard endpoint.hasSlots else {
      let kept = conversation.flatMap { conversations[$0.key]?.turn }
      let isExtension = kept.map { conversation?.extends($0) ?? false } ?? false
      return Lease(
        slot: nil, mayReuse: true, endpoint: endpoint, instance: "", conversation: conversation,
        promise: isExtension ? .held(1...Int64.max) : .nothing)
    }
    sweep(endpoint)
    let instance = refresh(endpoint)
    let index = choose(endpoint.socket, owner: owner, conversation: conversation?.key)
    guard let index, let slot = runners[endpoint.socket]?.slots[index] else {
      // Never without a slot of its own: the runner would take one that is somebody's.
      throw .overloaded(retryAfter: 1)
    }
    uses += 1
    // Before the first await: nobody else may choose it meanwhile.
    runners[endpoint.socket]?.slots[index] = Slot(
      holder: Holder(owner: owner, conversation: conversation?.key), isBusy: true, lastUse: uses)
    func lease(_ mayReuse: Bool, _ promise: Promise) -> Lease {
      Lease(
        slot: index, mayReuse: mayReuse, endpoint: endpoint, instance: instance, conversation: conversation,
        promise: promise)
    }
    guard let conversation else { return lease(false, .nothing) }
    if let holder = slot.holder, holder.owner == owner, holder.conversation == conversation.key {
      guard let turn = conversations[conversation.key]?.turn, conversation.extends(turn) else {
        return lease(true, .some)
      }
      return lease(true, .held(turn.own))
    }
    if let holder = slot.holder { await save(index, of: endpoint, holder) }
    if let promise = await restore(conversation, into: index, of: endpoint, erasing: slot.holder?.owner != owner) {
      return lease(true, promise)
    }
    // Another conversation of the same owner may share its beginning; another's may not.
    let isOwn = slot.holder?.owner == owner
    return lease(isOwn, isOwn ? .nothing : .foreign)
  }

  /// Ends a lease whose answer came, with the runner's own counts; nil where it did not say.
  func settle(_ lease: Lease, _ counts: TokenCounts?) -> CacheOutcome {
    free(lease)
    guard let counts else { return lease.conversation == nil ? .unused : .cold }
    let cached = counts.cached
    checkOrigin(of: cached, lease)
    guard let conversation = lease.conversation else { return .unused }
    if let turn = conversation.turn { remember(conversation, turn, counts) }
    switch lease.promise {
    case .nothing, .foreign: return .cold
    case .some: return cached > 0 ? .hit(tokens: cached) : .cold
    case .held(let own):
      return cached >= own.lowerBound ? .hit(tokens: cached) : .miss(expected: own.lowerBound, observed: cached)
    case .restored(let own):
      let expected = own.lowerBound
      if cached >= expected { return .restored(tokens: cached) }
      // It said "restored" and computed everything again: the file is worth nothing, whatever it says next time.
      dropFile(of: conversation.key)
      alarm(
        .restoreIgnored(
          runner: lease.endpoint.name, slot: lease.slot ?? -1, expected: expected, observed: cached))
      return .miss(expected: expected, observed: cached)
    }
  }

  /// Tokens that were reused and cannot be the owner's: a runner with a cache that its slots share would tell, by how long
  /// it takes, what others have said.
  private func checkOrigin(of cached: Int64, _ lease: Lease) {
    let most: Int64 =
      switch lease.promise {
      case .foreign: 0
      case .held(let own), .restored(let own): own.upperBound
      case .nothing, .some: lease.mayReuse ? .max : 0
      }
    guard cached > most, let slot = lease.slot else { return }
    alarm(.foreignReuse(runner: lease.endpoint.name, slot: slot, observed: cached))
  }

  /// Ends a lease whose answer did not come.
  func abandon(_ lease: Lease) { free(lease) }

  // MARK: Restarts and erasure

  /// Saves every idle slot that holds a conversation, before the runner goes away. The number saved.
  func save(_ endpoint: RunnerEndpoint) async -> Int {
    guard endpoint.hasSlots, runners[endpoint.socket]?.instance == endpoint.currentInstance else { return 0 }
    var saved = 0
    for index in 0..<endpoint.slots {
      guard let slot = runners[endpoint.socket]?.slots[index], !slot.isBusy, let holder = slot.holder else { continue }
      runners[endpoint.socket]?.slots[index].isBusy = true
      if await save(index, of: endpoint, holder) { saved += 1 }
      runners[endpoint.socket]?.slots[index].isBusy = false
    }
    return saved
  }

  /// Forgets what is kept of an owner: files now, slots at their next use, which is then another's.
  func forget(_ isForgotten: @Sendable (_ owner: String) -> Bool) {
    for (key, kept) in conversations where isForgotten(kept.owner) { forget(key) }
    for (socket, runner) in runners {
      for (index, slot) in runner.slots.enumerated() where slot.holder.map({ isForgotten($0.owner) }) ?? false {
        runners[socket]?.slots[index].holder = nil
      }
    }
  }

  /// Forgets one conversation, by the key that a request of it has.
  func forget(_ key: SHA256Digest) {
    dropFile(of: key)
    conversations[key] = nil
    for (socket, runner) in runners {
      for (index, slot) in runner.slots.enumerated() where slot.holder?.conversation == key {
        runners[socket]?.slots[index].holder = nil
      }
    }
  }

  /// The files that are kept: how many, and their bytes together.
  var kept: (files: Int, bytes: Int64) {
    conversations.values.reduce(into: (0, 0)) { sum, kept in
      guard let file = kept.file else { return }
      sum.0 += 1
      sum.1 += file.bytes
    }
  }

  // MARK: Slots

  /// Notices a runner that was started anew: nobody knows what its slots hold.
  private func refresh(_ endpoint: RunnerEndpoint) -> String {
    let instance = endpoint.currentInstance
    if let runner = runners[endpoint.socket], runner.instance == instance, runner.slots.count == endpoint.slots {
      return instance
    }
    runners[endpoint.socket] = Runner(
      instance: instance, slots: Array(repeating: Slot(), count: endpoint.slots))
    return instance
  }

  /// The slot of the conversation, else an unused one, else the one that was used longest ago.
  private func choose(_ socket: String, owner: String, conversation: SHA256Digest?) -> Int? {
    guard let slots = runners[socket]?.slots else { return nil }
    let idle = slots.indices.filter { !slots[$0].isBusy }
    if let conversation,
      let own = idle.first(where: {
        slots[$0].holder?.conversation == conversation && slots[$0].holder?.owner == owner
      })
    {
      return own
    }
    if let empty = idle.first(where: { slots[$0].holder == nil }) { return empty }
    return idle.min { slots[$0].lastUse < slots[$1].lastUse }
  }

  private func free(_ lease: Lease) {
    guard let slot = lease.slot, runners[lease.endpoint.socket]?.instance == lease.instance else { return }
    runners[lease.endpoint.socket]?.slots[slot].isBusy = false
  }

  // MARK: Files

  @discardableResult
  private func save(_ slot: Int, of endpoint: RunnerEndpoint, _ holder: Holder) async -> Bool {
    guard let directory = endpoint.cacheDirectory, let key = holder.conversation, let kept = conversations[key],
      kept.turn.promptTokens >= limits.minimumTokens
    else { return false }
    let name = "\(key.hex).slot"
    do throws(InferenceFault) {
      let saved = try await commands.save(slot, of: endpoint, as: name)
      guard saved.tokens > 0 else { throw .runnerFailed("it saved nothing") }
      // The conversation may have been erased while the runner wrote.
      guard conversations[key] != nil else {
        remove(name, in: directory)
        return false
      }
      conversations[key]?.file = File(
        name: name, directory: directory, tokens: saved.tokens, bytes: saved.bytes, turn: kept.turn)
      trimFiles()
      return conversations[key]?.file != nil
    } catch {
      dropFile(of: key)
      alarm(.saveFailed(runner: endpoint.name, slot: slot, reason: error.message))
      return false
    }
  }

  private func restore(
    _ conversation: Conversation, into slot: Int, of endpoint: RunnerEndpoint, erasing: Bool
  ) async -> Promise? {
    guard let file = conversations[conversation.key]?.file, file.directory == endpoint.cacheDirectory else {
      return nil
    }
    if erasing {
      // A restore that silently does nothing would leave another's prefix here to be reused.
      do throws(InferenceFault) {
        try await commands.erase(slot, of: endpoint)
      } catch {
        alarm(.eraseFailed(runner: endpoint.name, slot: slot, reason: error.message))
        return nil
      }
    }
    do throws(InferenceFault) {
      let tokens = try await commands.restore(slot, of: endpoint, from: file.name)
      guard tokens == file.tokens else {
        throw .runnerFailed("\(tokens) tokens restored of \(file.tokens)")
      }
    } catch {
      dropFile(of: conversation.key)
      alarm(.restoreFailed(runner: endpoint.name, slot: slot, reason: error.message))
      return nil
    }
    return .restored(conversation.extends(file.turn) ? file.turn.own : 1...Int64.max)
  }

  private func remember(
    _ conversation: Conversation, _ turn: (count: Int, digest: SHA256Digest), _ counts: TokenCounts
  ) {
    uses += 1
    let latest = Conversation.Turn(
      count: turn.count, digest: turn.digest, promptTokens: counts.prompt, answerTokens: counts.completion)
    if conversations[conversation.key] == nil {
      conversations[conversation.key] = Kept(owner: conversation.owner, turn: latest, file: nil, lastUse: uses)
    } else {
      conversations[conversation.key]?.turn = latest
      conversations[conversation.key]?.lastUse = uses
    }
    guard conversations.count > limits.conversations,
      let oldest = conversations.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
    else { return }
    forget(oldest)
  }

  private func trimFiles() {
    while true {
      let (files, bytes) = kept
      guard files > limits.files || bytes > limits.bytes,
        let oldest = conversations.filter({ $0.value.file != nil }).min(by: { $0.value.lastUse < $1.value.lastUse })
      else { return }
      dropFile(of: oldest.key)
    }
  }

  private func dropFile(of key: SHA256Digest) {
    guard let file = conversations[key]?.file else { return }
    conversations[key]?.file = nil
    remove(file.name, in: file.directory)
  }

  private func remove(_ name: String, in directory: String) {
    guard unlink("\(directory)/\(name)") != 0, errno != ENOENT else { return }
    alarm(.removalFailed(file: name, reason: String(cString: strerror(errno))))
  }

  /// Removes what an earlier life of this process left: prefixes of conversations that nobody can continue.
  private func sweep(_ endpoint: RunnerEndpoint) {
    guard let directory = endpoint.cacheDirectory, sweptDirectories.insert(directory).inserted,
      let handle = opendir(directory)
    else { return }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.utf8.count == 69, name.hasSuffix(".slot") { names.append(name) }
    }
    for name in names { remove(name, in: directory) }
  }
}
