import CanonicalJSON
import Cryptography
import Governance

/// Goes through the entries in the order of the log and decides everything again. After a fault it goes on, so that all
/// are found.
struct FoldCheck {
  private(set) var tracker: ConstitutionTracker
  private(set) var population = Population()
  /// Entries that the fold took.
  private(set) var decided: UInt64 = 0
  /// Nil where the range does not begin at 0: without the entries before it nothing can be decided.
  private var state: BoxState?
  /// Times alone, for what is not folded.
  private var lastAt: Int64 = 0
  private var opened: UInt64 = 0
  private var ended: [String: UInt64] = [:]
  /// The first fault about each proposal.
  private var tainted: [SHA256Digest: Int] = [:]
  private static let maxTainted = 100_000

  /// - Parameter before: The constitution before the range; nil for a range that begins at 0.
  init(folding: Bool, before: Constitution?) {
    state = folding ? BoxState() : nil
    tracker = before.map(ConstitutionTracker.init) ?? ConstitutionTracker()
  }

  var epoch: Int64? { state?.constitution?.epoch ?? tracker.constitution?.epoch }

  /// An entry; nil bytes are one that was not found, which is a fault already.
  mutating func add(_ index: UInt64, _ bytes: [UInt8]?, _ faults: inout FaultList) {
    guard let bytes else {
      population.add(nil, names: tracker.names)
      return
    }
    let entry: Entry
    do {
      entry = try Entry(parsing: bytes)
    } catch {
      faults.add(Self.code(error), entry: index, "\(error)", follows: faults.first(about: index))
      population.add(nil, names: tracker.names)
      return
    }
    tracker.add(entry)
    population.add(entry, names: tracker.names)
    guard state != nil else { return checkTime(entry, index, &faults) }
    fold(entry, index, &faults)
  }

  private mutating func checkTime(_ entry: Entry, _ index: UInt64, _ faults: inout FaultList) {
    if entry.at < lastAt {
      let fault = Fault.order(.timeReversed(last: lastAt, actual: entry.at))
      report(fault, entry, index, &faults)
    }
    lastAt = max(lastAt, entry.at)
  }

  private mutating func fold(_ entry: Entry, _ index: UInt64, _ faults: inout FaultList) {
    guard let last = state?.lastAt else { return }
    do throws(Fault) {
      note(entry, try state?.apply(entry))
    } catch .order(.timeReversed(let expected, let actual)) {
      report(.order(.timeReversed(last: expected, actual: actual)), entry, index, &faults)
      // Everything else about it is looked at as if it had been recorded when it could have been.
      guard let timed = try? Entry(at: last, kind: entry.kind, body: entry.body) else { return }
      do throws(Fault) {
        note(entry, try state?.apply(timed))
      } catch {
        report(error, entry, index, &faults)
      }
    } catch {
      report(error, entry, index, &faults)
    }
  }

  private mutating func note(_ entry: Entry, _ applied: Applied?) {
    guard let applied else { return }
    decided += 1
    if entry.kind == .proposalOpened { opened += 1 }
    for settlement in applied.settled { ended[settlement.status.name, default: 0] += 1 }
  }

  private mutating func report(_ fault: Fault, _ entry: Entry, _ index: UInt64, _ faults: inout FaultList) {
    // What the entry is about: a run or a proposal. One that cannot stand explains those that come after it.
    let subject = entry.body[entry.kind.isOfRun ? "run" : "proposal"]?.string.flatMap { SHA256Digest(hex: $0) }
    let cause = subject.flatMap { tainted[$0] } ?? faults.first(about: index)
    let expectation = fault.expectation
    let number = faults.add(
      fault.code, entry: index, "\(entry.kind.rawValue) cannot stand here: \(fault)", expected: expectation?.expected,
      actual: expectation?.actual, follows: cause)
    if let subject, tainted[subject] == nil, tainted.count < Self.maxTainted { tainted[subject] = cause ?? number }
  }

  private static func code(_ error: EntryError) -> String {
    switch error {
    case .notJSON: "entry.not-json"
    case .notCanonical: "entry.not-canonical"
    case .field: "entry.field"
    case .tooLarge: "entry.too-large"
    }
  }

  /// Where proposals stand at the time of the last entry.
  var proposalsByStatus: [String: UInt64] {
    guard let state else { return [:] }
    var counts = ended
    var live: UInt64 = 0
    for proposal in state.proposals {
      live += 1
      if let status = state.status(of: proposal.id, at: state.lastAt) { counts[status.name, default: 0] += 1 }
    }
    // The fold lets go of what has expired without telling.
    let told = ended.values.reduce(0, +) + live
    if opened > told { counts["expired", default: 0] += opened - told }
    return counts
  }
}
