import Governance

/// What is so about a running box, as far as it can know it of itself: the input of ``ClaimCeiling``. Facts, not opinions:
/// each is read from the process, the configuration or the log by whoever makes this value.
public struct BoxFacts: Sendable, Hashable {
  /// What the hardware says about this machine.
  public enum Hardware: Sendable, Hashable {
    /// Nothing: this version collects no evidence.
    case none
  }

  /// The witnesses of the log.
  public enum Witnesses: Sendable, Hashable {
    /// Entry 0 names none, or asks for none.
    case none
    /// A quorum is asked for. `cosigned` is the size of the newest checkpoint that reached it; `askedAtStart` says whether
    /// they were asked at start-up whether they remember a larger log.
    case configured(count: Int, cosigned: UInt64?, askedAtStart: Bool)
  }

  /// Whether the log may be written, and what start-up found.
  public enum Log: Sendable, Hashable {
    /// The tail was replayed and led to the signed root.
    case writable(entries: UInt64)
    /// Something did not fit, so the box only reads.
    case readOnly(reason: String)
  }

  /// Where time comes from.
  public enum Clock: Sendable, Hashable { case host }

  /// When an answer is given.
  public enum Durability: Sendable, Hashable {
    /// After the storage has confirmed the write; a failed confirmation stops the box.
    case confirmed
    /// Before: a crash can lose what was answered.
    case unconfirmed(why: String)
  }

  /// One address on which the box answers.
  public struct Listener: Sendable, Hashable {
    public var address: String
    public var isLoopback: Bool
    public var isEncrypted: Bool

    public init(address: String, isLoopback: Bool, isEncrypted: Bool) {
      self.address = address
      self.isLoopback = isLoopback
      self.isEncrypted = isEncrypted
    }
  }

  /// What stands around the tools.
  public enum Sandbox: Sendable, Hashable {
    case none(reason: String)
    /// Each tool has a jail of its own; the layers that this machine does not give it, sorted.
    case jail(missing: [String])
  }

  public var hardware: Hardware
  public var witnesses: Witnesses
  public var log: Log
  public var clock: Clock
  public var durability: Durability
  public var listeners: [Listener]
  /// The process has the privileges of root.
  public var isRoot: Bool
  public var sandbox: Sandbox
  /// The private keys of the box lie in files that the operator can read.
  public var keysAreFiles: Bool
  /// Private values lie encrypted beside the log and can be erased.
  public var valuesAreErasable: Bool
  public var constitution: Constitution

  public init(
    hardware: Hardware, witnesses: Witnesses, log: Log, clock: Clock, durability: Durability, listeners: [Listener],
    isRoot: Bool, sandbox: Sandbox, keysAreFiles: Bool, valuesAreErasable: Bool, constitution: Constitution
  ) {
    self.hardware = hardware
    self.witnesses = witnesses
    self.log = log
    self.clock = clock
    self.durability = durability
    self.listeners = listeners
    self.isRoot = isRoot
    self.sandbox = sandbox
    self.keysAreFiles = keysAreFiles
    self.valuesAreErasable = valuesAreErasable
    self.constitution = constitution
  }
}
