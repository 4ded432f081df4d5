import CanonicalJSON
import Cryptography

/// What the owners' executed orders have made of a broker's keys: which boxes are known by which attestation key, which keys
/// there are, and which box may have which key.
struct KeyRegistry: Sendable {
  enum Limits {
    static let boxes = 1024
    static let keys = 1024
    /// Of all keys together.
    static let grants = 16_384
    static let holders = 65_536
  }

  private(set) var boxes: [String: EnrolledBox] = [:]
  private(set) var keys: [String: BrokeredKey] = [:]
  private var grants = 0
  /// How often the keys of a holder were rotated or erased.
  private(set) var generations: [KeyHolder: Int64] = [:]

  /// Whether the order could be carried out now. Asked when a proposal opens and when its execution starts: in between, a
  /// grant may have been revoked or another appraisal policy have taken effect.
  func check(_ order: KeyOrder) throws(EffectFault) {
    switch order {
    case .enrol(let enrolment):
      // Two boxes with one attestation key could not be told apart: each could ask in the other's name.
      if let other = boxes.values.first(where: { $0.enrolment.ak == enrolment.ak && $0.enrolment.box != enrolment.box })
      {
        throw .attestationKeyTaken(box: other.enrolment.box)
      }
      guard boxes[enrolment.box] != nil || boxes.count < Limits.boxes else { throw .boxesFull(limit: Limits.boxes) }
    case .create(let key, _):
      // A name is one key for ever, also after it was retired.
      guard keys[key] == nil else { throw .keyExists(key) }
      guard keys.count < Limits.keys else { throw .keysFull(limit: Limits.keys) }
    case .appraise(let key, _), .retire(let key): _ = try active(key)
    case .grant(let key, let box):
      let found = try active(key)
      guard found.boxes.contains(box) || grants < Limits.grants else { throw .grantsFull(limit: Limits.grants) }
    case .revoke(let key, let box):
      guard keys[key]?.boxes.contains(box) == true else { throw .noGrant(key: key, box: box) }
    case .release(let record):
      let found = try active(record.key)
      guard found.boxes.contains(record.box) else { throw .noGrant(key: record.key, box: record.box) }
      guard found.appraisal == record.appraisal else {
        throw .appraisal(expected: found.appraisal, actual: record.appraisal)
      }
    case .rotate(let holder), .erase(let holder):
      guard generations[holder] != nil || generations.count < Limits.holders else {
        throw .holdersFull(limit: Limits.holders)
      }
    case .refuse: return
    }
  }

  private func active(_ key: String) throws(EffectFault) -> BrokeredKey {
    guard let found = keys[key], !found.isRetired else { throw .noKey(key) }
    return found
  }

  mutating func record(_ order: KeyOrder, by proposal: SHA256Digest) {
    switch order {
    case .enrol(let enrolment): boxes[enrolment.box] = EnrolledBox(enrolment: enrolment, proposal: proposal)
    case .create(let key, let appraisal):
      keys[key] = BrokeredKey(name: key, proposal: proposal, appraisal: appraisal)
    case .appraise(let key, let appraisal): keys[key]?.appraisal = appraisal
    case .grant(let key, let box):
      if keys[key]?.boxes.insert(box).inserted == true { grants += 1 }
    case .revoke(let key, let box):
      if keys[key]?.boxes.remove(box) != nil { grants -= 1 }
    case .retire(let key):
      grants -= keys[key]?.boxes.count ?? 0
      keys[key]?.boxes = []
      keys[key]?.isRetired = true
    case .release(let record): keys[record.key]?.releases += 1
    case .rotate(let holder), .erase(let holder): generations[holder, default: 0] += 1
    case .refuse: return
    }
  }
}

/// A box and the attestation key by which it is known.
public struct EnrolledBox: Sendable, Hashable {
  public let enrolment: KeyEnrolment
  /// The proposal that enrolled it.
  public let proposal: SHA256Digest
}

/// A key that a broker keeps.
public struct BrokeredKey: Sendable, Hashable {
  public let name: String
  /// The proposal that created it; its result names the wrapped key.
  public let proposal: SHA256Digest
  /// The appraisal policy that evidence must meet.
  public internal(set) var appraisal: SHA256Digest
  /// The boxes that may have it.
  public internal(set) var boxes: Set<String> = []
  /// How often it was released.
  public internal(set) var releases: Int64 = 0
  /// It is released to nobody any more.
  public internal(set) var isRetired = false
}

extension BoxState {
  /// The keys that a broker keeps, by name.
  public var brokeredKeys: [BrokeredKey] { keys.keys.values.sorted { $0.name < $1.name } }

  /// The key of this name, retired or not.
  public func brokeredKey(named name: String) -> BrokeredKey? { keys.keys[name] }

  /// The boxes that a broker knows by their attestation keys, by name.
  public var enrolledBoxes: [EnrolledBox] { keys.boxes.values.sorted { $0.enrolment.box < $1.enrolment.box } }

  /// The box of this name, if it is enrolled.
  public func enrolledBox(named name: String) -> EnrolledBox? { keys.boxes[name] }

  /// How often the keys of a community or tenant were rotated or erased.
  public func keyChanges(of holder: KeyHolder) -> Int64 { keys.generations[holder] ?? 0 }
}
