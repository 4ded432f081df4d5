import CanonicalJSON
import JavaScript

/// Policy code: a program that looks at a proposal when it is opened and names the rule that decides it (docs/formats.md
/// section 12). It decides nothing itself, and where it names nothing the policy denies.
public struct CodeRule: Sendable, Hashable {
  /// An ES module with `export default function (facts) { ... }`.
  public var source: String
  /// The rules of which it names one.
  public var branches: [String: Rule]
  /// What it named; nil until it has run.
  public internal(set) var choice: Choice?

  public enum Choice: Sendable, Hashable {
    case branch(String)
    /// It named no branch, and why.
    case failed(String)
  }

  /// Bytes of a source.
  public static let maxBytes = 16_384
  /// Code rules of one rule.
  static let maxInRule = 4
  /// Code rules of one constitution: whoever may propose a change makes the box read all of them.
  static let maxInConstitution = 32
  /// What the answers of a procedure's programs take in memory, in bytes.
  static let weight = 2 * maxInRule * 256
  /// What each run may use up; the same everywhere and for ever.
  static let limits = MachineLimits.policy

  public init(source: String, branches: [String: Rule]) {
    self.source = source
    self.branches = branches
  }

  /// The branches that can still decide: all of them before the code has run, then the one that it named.
  var standing: [Rule] {
    switch choice {
    case nil: everyBranch
    case .branch(let name): branches[name].map { [$0] } ?? []
    case .failed: []
    }
  }

  /// By name.
  var everyBranch: [Rule] { branches.sorted { $0.key < $1.key }.map(\.value) }

  /// Runs the code on what is known of a proposal at its opening.
  func choice(for facts: PolicyFacts) -> Choice {
    switch PolicyCode.evaluate(
      source: Array(source.utf8), facts: facts.json.canonicalBytes(), at: facts.openedAt, limits: Self.limits)
    {
    case .success(let name):
      branches[name] != nil ? .branch(name) : .failed("it named \(JSON.string(name).summary), which is no branch")
    case .failure(let failure): .failed(Self.sentence(failure))
    }
  }

  /// Why the source is no program with a default export; nil where it is one. Nothing of it runs: whoever may propose a
  /// change could make the box compute. So what it does shows only when there is a proposal.
  func fault() -> String? {
    if let failure = Self.compile("throw 0;" + source) { return Self.sentence(failure) }
    // Only where the source has a default export is a second one too many.
    let doubled = Self.compile("throw 0;" + source + "\n;export default 0")
    return doubled == nil ? "\(MachineFailure.Kind.source.rawValue): it has no default export" : nil
  }

  /// Why a text cannot be read as a module that throws before it does anything else; nil where it can.
  private static func compile(_ text: String) -> MachineFailure? {
    guard
      case .failure(let failure) = PolicyCode.evaluate(
        source: Array(text.utf8), facts: Array("null".utf8), at: 0, limits: limits), failure.kind != .exception
    else { return nil }
    return failure
  }

  /// The message is the program's, and people read it in a terminal.
  private static func sentence(_ failure: MachineFailure) -> String {
    "\(failure.kind.rawValue): \(JSON.string(failure.message).summary)"
  }
}

extension Rule {
  /// The rule with every code rule that can decide run on these facts. A rule without code stays as it is.
  func choosing(for facts: PolicyFacts) -> Rule {
    guard everyNode.contains(where: { if case .code = $0 { true } else { false } }) else { return self }
    switch self {
    case .code(var code):
      let choice = code.choice(for: facts)
      code.choice = choice
      if case .branch(let name) = choice { code.branches[name] = code.branches[name]?.choosing(for: facts) }
      return .code(code)
    case .timelock(var lock):
      lock.after = lock.after.choosing(for: facts)
      return .timelock(lock)
    case .all(let rules): return .all(rules.map { $0.choosing(for: facts) })
    case .any(let rules): return .any(rules.map { $0.choosing(for: facts) })
    case .deny, .automatic, .single, .quorum, .groups: return self
    }
  }

  /// The code rules within, outermost first.
  public var codes: [CodeRule] { everyNode.compactMap { if case .code(let code) = $0 { code } else { nil } } }
}
