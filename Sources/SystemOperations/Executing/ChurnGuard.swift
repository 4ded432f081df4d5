/// Holds back what keeps failing, or keeps being stopped and started: after a few strains on one object each further one
/// doubles how long it is left alone. A value without a clock; times are milliseconds of any one clock.
///
/// Remembers at most ``maxObjects`` objects; one more makes it forget the one that was left alone longest.
public struct ChurnGuard: Sendable, Hashable {
  /// How much is borne before the waiting begins, and how long that is.
  public struct Patience: Sendable, Hashable {
    /// Strains without any wait.
    public var free: Int
    /// The first wait, in milliseconds; each further one is twice as long.
    public var first: Int64
    /// No wait is longer. It must stay below the recency window, or a decision would be too old when its time comes.
    public var longest: Int64
    /// After this long without strain all is forgotten.
    public var memory: Int64

    public init(free: Int, first: Int64, longest: Int64, memory: Int64) {
      self.free = free
      self.first = first
      self.longest = longest
      self.memory = memory
    }

    /// Three strains are free; then 5 s, 10 s, ... up to 5 minutes; an hour of peace forgets.
    public static let standard = Patience(free: 3, first: 5000, longest: 300_000, memory: 3_600_000)
  }

  private struct Strain: Hashable, Sendable {
    var count = 0
    var last: Int64 = 0
    var until: Int64 = 0
  }

  public static let maxObjects = 1024

  public let patience: Patience
  private var strains: [String: Strain] = [:]

  public init(patience: Patience = .standard) { self.patience = patience }

  /// How many objects are remembered.
  public var count: Int { strains.count }

  /// How long an object must still be left alone at `now`, in milliseconds; nil when it need not.
  public func wait(for object: String, at now: Int64) -> Int64? {
    guard let strain = strains[object], strain.until > now else { return nil }
    return strain.until - now
  }

  /// Notes a strain on an object: a failure, a stop, a start.
  public mutating func strain(_ object: String, at now: Int64) {
    var strain = strains[object] ?? Strain()
    if now - strain.last > patience.memory { strain = Strain() }
    strain.count += 1
    strain.last = now
    if strain.count > patience.free {
      // The shift is bounded, or the product would overflow long before a patient attacker gives up.
      let doublings = min(strain.count - patience.free - 1, 32)
      let (wait, overflow) = patience.first.multipliedReportingOverflow(by: 1 << Int64(doublings))
      strain.until = now + (overflow ? patience.longest : min(wait, patience.longest))
    }
    if strains[object] == nil, strains.count >= Self.maxObjects,
      let oldest = strains.min(by: { ($0.value.last, $0.key) < ($1.value.last, $1.key) })?.key
    {
      strains[oldest] = nil
    }
    strains[object] = strain
  }
}
