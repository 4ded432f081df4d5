/// Which ranges of one file come from which of its sources: what to ask for next, and what a failure means. Pure: it is
/// told what happened and says what to do.
///
/// Sources are used in their order. A source that fails for good is left, and the next one goes on from the bytes that are
/// there. Nobody can say which source is to blame when the whole does not have its digest and several sources, or an
/// earlier run, gave parts of it: then everything is dropped, and from there on each source is used *alone*, so
/// that the next mismatch has one author.
public struct TransferPlan: Sendable {
  /// How a file is cut up.
  public struct Bounds: Sendable, Hashable {
    /// Most bytes in one request. Bounds how far ahead of the hash bytes can arrive, together with `ranges`.
    public var pieceBytes: Int
    /// Most requests for one file at once.
    public var ranges: Int
    /// Failures in a row after which a source is left.
    public var attempts: Int

    public init(pieceBytes: Int = 64 << 20, ranges: Int = 4, attempts: Int = 4) {
      self.pieceBytes = max(1, pieceBytes)
      self.ranges = max(1, ranges)
      self.attempts = max(1, attempts)
    }
  }

  /// One request.
  public struct Piece: Sendable, Hashable {
    public let id: Int
    /// Index in the file's list of sources.
    public let source: Int
    public let range: Range<Int>
    /// Whether to ask for a range; otherwise for the whole file.
    public let isRanged: Bool
    /// How often this source has failed in a row before: for the pause in front.
    public let failures: Int
  }

  /// What to do now.
  public enum Step: Sendable, Hashable {
    case fetch(Piece)
    /// Requests are under way.
    case wait
    /// Drop all bytes of the file, then ask again. No request is under way.
    case startOver
    /// All bytes are here.
    case verify
    /// No source is left.
    case exhausted
  }

  /// What a failure says about its source.
  public enum Weight: Sendable, Hashable {
    /// The network or the server may do better next time.
    case passing
    /// It will not give this file.
    case final
    /// It gives whole files only.
    case noRanges
  }

  /// Who is to blame for bytes that are not the file.
  public enum Blame: Sendable, Hashable {
    case source(Int)
    /// Several sources or an earlier run gave parts.
    case unclear
  }

  private enum RangeSupport { case unknown, present, absent }

  private struct Source {
    var failures = 0
    var isLeft = false
    var ranges = RangeSupport.unknown
  }

  public let size: Int
  private let bounds: Bounds
  private var sources: [Source]
  private var held: ByteRanges
  /// Sources of which bytes are held; -1 stands for an earlier run.
  private var authors: Set<Int>
  private var running: [Int: Piece] = [:]
  private var isAlone = false
  private var mustStartOver = false
  private var nextID = 0

  private static let earlierRun = -1

  /// A plan for a file of `size` bytes.
  ///
  /// - Parameters:
  ///   - whole: Sources that are always taken whole, such as local directories.
  ///   - held: What an earlier run left on the disk.
  public init(
    size: Int, sources: Int, whole: Set<Int> = [], held: ByteRanges = ByteRanges(), bounds: Bounds = Bounds()
  ) {
    self.size = size
    self.bounds = bounds
    self.sources = (0..<sources).map { Source(ranges: whole.contains($0) ? .absent : .unknown) }
    self.held = held
    authors = held.isEmpty ? [] : [Self.earlierRun]
  }

  /// Bytes that are on the disk.
  public var heldBytes: Int { held.count }

  /// What to do next. Call again after `.fetch`, as more requests may be allowed at once.
  public mutating func next() -> Step {
    if !mustStartOver, running.isEmpty, held.gaps(upTo: size).isEmpty { return .verify }
    guard let current = sources.firstIndex(where: { !$0.isLeft }) else { return running.isEmpty ? .exhausted : .wait }
    let isForeign = isAlone && !authors.isEmpty && authors != [current]
    let isWhole = sources[current].ranges == .absent
    if mustStartOver || isForeign || (isWhole && !held.isEmpty) {
      guard running.isEmpty else { return .wait }
      drop()
      return .startOver
    }
    guard running.count < bounds.ranges else { return .wait }
    // Until the first answer shows that the source knows ranges, one request is enough to find out.
    if sources[current].ranges != .present, !running.isEmpty { return .wait }
    let isRanged = !isWhole && !(held.isEmpty && running.isEmpty && (size <= bounds.pieceBytes || bounds.ranges == 1))
    guard let range = isRanged ? firstGap() : 0..<size else { return .wait }
    let piece = Piece(
      id: nextID, source: current, range: range, isRanged: isRanged, failures: sources[current].failures)
    nextID += 1
    running[piece.id] = piece
    return .fetch(piece)
  }

  private func firstGap() -> Range<Int>? {
    var taken = held
    for piece in running.values { taken.insert(piece.range) }
    guard let gap = taken.gaps(upTo: size).first else { return nil }
    return gap.lowerBound..<min(gap.upperBound, gap.lowerBound + bounds.pieceBytes)
  }

  private mutating func drop() {
    held = ByteRanges()
    authors = []
    mustStartOver = false
  }

  /// The source answered a ranged request with that range, or, from byte 0, with the whole file.
  public mutating func opened(_ piece: Piece, asWhole: Bool) {
    guard piece.isRanged, running[piece.id] != nil else { return }
    sources[piece.source].ranges = asWhole ? .absent : .present
    guard asWhole else { return }
    // The only request under way, as the source's range support was not known. What is held after its first byte
    // will be written again.
    held = ByteRanges()
    authors = []
    running[piece.id] = Piece(
      id: piece.id, source: piece.source, range: 0..<size, isRanged: false, failures: piece.failures)
  }

  /// All bytes of the piece are on the disk.
  public mutating func ended(_ piece: Piece) {
    guard let piece = running.removeValue(forKey: piece.id) else { return }
    sources[piece.source].failures = 0
    keep(piece, count: piece.range.count)
  }

  /// The piece failed after its first `count` bytes had reached the disk.
  public mutating func broke(_ piece: Piece, after count: Int, _ weight: Weight) {
    guard let piece = running.removeValue(forKey: piece.id) else { return }
    keep(piece, count: count)
    switch weight {
    case .passing:
      sources[piece.source].failures += 1
      if sources[piece.source].failures >= bounds.attempts { sources[piece.source].isLeft = true }
    case .final: sources[piece.source].isLeft = true
    case .noRanges: sources[piece.source].ranges = .absent
    }
  }

  /// The piece was given up because its source was left.
  public mutating func cancelled(_ piece: Piece, after count: Int) {
    guard let piece = running.removeValue(forKey: piece.id) else { return }
    keep(piece, count: count)
  }

  /// A source was caught giving another file than the manifest's: nothing of it is used any more.
  public mutating func lied(_ source: Int) {
    sources[source].isLeft = true
    if authors.contains(source) || running.values.contains(where: { $0.source == source }) { mustStartOver = true }
  }

  /// The bytes are all here and are not the file.
  public mutating func mismatched() -> Blame {
    let blame: Blame
    if authors.count == 1, let author = authors.first, author != Self.earlierRun {
      sources[author].isLeft = true
      blame = .source(author)
    } else {
      isAlone = true
      blame = .unclear
    }
    mustStartOver = true
    return blame
  }

  /// Requests that are to be given up: their source has been left, or everything will be dropped.
  public var superfluous: [Piece] { running.values.filter { mustStartOver || sources[$0.source].isLeft } }

  private mutating func keep(_ piece: Piece, count: Int) {
    guard count > 0 else { return }
    held.insert(piece.range.lowerBound..<min(piece.range.upperBound, piece.range.lowerBound + count))
    authors.insert(piece.source)
  }
}
