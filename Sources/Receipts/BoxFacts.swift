import Attestation
import Cryptography
import Governance

/// What is so about a running box, as far as it can know it of itself: the input of ``ClaimCeiling``. Facts, not opinions:
/// each is read from the process, the configuration or the log by whoever makes this value.
public struct BoxFacts: Sendable, Hashable {
  /// What vouches for this machine.
  public enum Machine: Sendable, Hashable {
    /// Nothing: the configuration names no platform.
    case none
    /// The configuration names a platform, and the box has not claimed an identity.
    case silent(why: String)
    /// The platform makes evidence.
    case vouching(Vouching)
  }

  /// The evidence that the box claims now, and what of it the box itself could verify with the roots that it carries.
  public struct Vouching: Sendable, Hashable {
    /// What stands at the end of the chain, as far as the box can tell.
    public enum Root: Sendable, Hashable {
      case hardware(vendor: String)
      /// Software plays the hardware.
      case software(name: String)
      /// No root that this program carries vouches: the verifier needs one of its own.
      case unknown
    }

    /// What becomes of the code that the box takes into use.
    public enum Code: Sendable, Hashable {
      /// Extended into a register of the machine: so many events since it started. Locked where the owners closed the set.
      case measured(events: Int, isLocked: Bool)
      /// The machine has no register for it; why.
      case unmeasured(reason: String)
    }

    /// What guards the data directory against being put back.
    public enum Counter: Sendable, Hashable {
      /// The machine counts, and the count is in the identity.
      case stands(at: Int64)
      /// It does not; why.
      case none(reason: String)
    }

    /// One member of a combination, or all that there is.
    public struct Part: Sendable, Hashable {
      public var kind: EvidenceKind
      public var root: Root
      /// The evidence carries the firmware's event log.
      public var hasEventLog: Bool
      /// Its register is the one that shows the measured code.
      public var showsCode: Bool

      public init(kind: EvidenceKind, root: Root, hasEventLog: Bool, showsCode: Bool) {
        self.kind = kind
        self.root = root
        self.hasEventLog = hasEventLog
        self.showsCode = showsCode
      }
    }

    /// At least one, each of another kind.
    public var parts: [Part]
    /// SHA-256 of the evidence in the newest identity.
    public var digest: SHA256Digest
    /// Until when the identity is claimed, Unix milliseconds.
    public var expires: Int64
    /// Why it could not be renewed, where it could not.
    public var failure: String?
    public var code: Code
    public var counter: Counter

    public init(
      parts: [Part], digest: SHA256Digest, expires: Int64, failure: String?, code: Code, counter: Counter
    ) {
      self.parts = parts
      self.digest = digest
      self.expires = expires
      self.failure = failure
      self.code = code
      self.counter = counter
    }
  }

  /// Where the key came from under which the box's data lies.
  public enum DataKey: Sendable, Hashable {
    /// A file beside the data.
    case file
    /// A broker has it and did not release it to this start of the box.
    case awaited(broker: String)
    /// A broker appraised this machine and released it.
    case released(Release)
  }

  /// How a broker released the key of the data to this start of the box.
  public struct Release: Sendable, Hashable {
    /// Where the broker is.
    public var broker: String
    /// The action digest of the release: its entries, and their receipt, are in the broker's log.
    public var digest: SHA256Digest
    /// The release of the software that the broker accepted; `any` where its policy asks for none.
    public var accepted: String
    /// The broker found hardware at the end of the chain.
    public var isHardware: Bool

    public init(broker: String, digest: SHA256Digest, accepted: String, isHardware: Bool) {
      self.broker = broker
      self.digest = digest
      self.accepted = accepted
      self.isHardware = isHardware
    }
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

  public var machine: Machine
  public var dataKey: DataKey
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
    machine: Machine, dataKey: DataKey, witnesses: Witnesses, log: Log, clock: Clock, durability: Durability,
    listeners: [Listener],
    isRoot: Bool, sandbox: Sandbox, keysAreFiles: Bool, valuesAreErasable: Bool, constitution: Constitution
  ) {
    self.machine = machine
    self.dataKey = dataKey
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
