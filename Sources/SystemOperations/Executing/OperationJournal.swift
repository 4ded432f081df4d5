import CanonicalJSON
import Cryptography

/// What was begun and how it ended, one pair of files for each proposal: `<proposal>.begun` before anything is touched,
/// `<proposal>.finished` before anybody is told. Both are durable when they are written, so after a crash at any moment it
/// is known which operations may have left something behind, and none of them is performed twice.
///
/// Not thread-safe; blocks on the disk.
final class OperationJournal {
  /// What the journal says of a proposal.
  enum Record: Sendable {
    case none
    /// Begun and not finished: the request as it came.
    case begun(OperationRequest)
    case finished(ReportedResult)
  }

  /// More than the fold lets execute at one time of these.
  static let maxNames = 200_000
  static let maxBytes = OperationRequest.maxBytes + 4096
  private static let begun = ".begun"
  private static let finished = ".finished"

  private let directory: AnchoredDirectory

  init(_ directory: AnchoredDirectory) { self.directory = directory }

  func record(of proposal: SHA256Digest) throws -> Record {
    if let bytes = try directory.read(proposal.hex + Self.finished, limit: Self.maxBytes) {
      let json = try JSON(parsing: bytes, limits: .document(maxBytes: Self.maxBytes))
      return .finished(try ReportedResult(line: json.object ?? [:]))
    }
    guard let bytes = try directory.read(proposal.hex + Self.begun, limit: Self.maxBytes) else { return .none }
    return .begun(try OperationRequest(json: JSON(parsing: bytes, limits: Self.limits)))
  }

  /// Durable on return. EEXIST for a proposal that was begun before: two callers cannot both begin it.
  func begin(_ request: OperationRequest) throws(SystemFault) {
    try directory.create(request.proposal.hex + Self.begun, request.json.canonicalBytes(), mode: 0o600)
  }

  /// Durable on return; the first result stays.
  func finish(_ proposal: SHA256Digest, _ result: ReportedResult) throws(SystemFault) {
    try directory.create(
      proposal.hex + Self.finished, JSON.object(result.line).canonicalBytes(), mode: 0o600)
  }

  /// The proposals that were begun and not finished.
  func unfinished() throws(SystemFault) -> [SHA256Digest] {
    let names = Set(try directory.names(limit: Self.maxNames))
    return names.filter { $0.hasSuffix(Self.begun) }.compactMap { SHA256Digest(hex: $0.dropLast(Self.begun.count)) }
      .filter { !names.contains($0.hex + Self.finished) }.sorted()
  }

  /// Lets go of finished proposals that `isLive` says are over: the fold mandates none of them again.
  func prune(_ isLive: (SHA256Digest) -> Bool) throws(SystemFault) {
    for name in try directory.names(limit: Self.maxNames) where name.hasSuffix(Self.finished) {
      guard let proposal = SHA256Digest(hex: name.dropLast(Self.finished.count)), !isLive(proposal) else { continue }
      // In this order: a crash between the two must not make a finished one look begun.
      try directory.remove(proposal.hex + Self.begun)
      try directory.sync()
      try directory.remove(name)
    }
    try directory.sync()
  }

  private static let limits = JSONLimits(maxBytes: maxBytes, maxStringBytes: maxBytes)
}
