import CanonicalJSON
import Cryptography

/// Takes the secrets of a call out of what comes back, whichever way they are written: as they are, hexadecimal, base64
/// and base64url (also within longer encoded bytes), percent-encoded, JSON-escaped, and each of these of what the filters
/// made of them. `[redacted]` stands in their place.
///
/// Not found: encryptions, compressions, and encodings of encodings. At an edge of base64 that begins or ends within the
/// secret's neighbours, up to four bits of its first and last byte stay.
public struct Redactor: Sendable, CustomStringConvertible, CustomReflectable {
  /// What stands where a secret was.
  public static let marker = "[redacted]"

  let automaton: PatternAutomaton

  /// Redacts what the resolver gave out under these references so far (`NAME@VERSION`).
  public init(_ resolver: SecretResolver, used references: [String]) {
    self.init(secrets: resolver.given(references))
  }

  /// Redacts everything that the resolver gave out so far.
  public init(_ resolver: SecretResolver) { self.init(resolver, used: resolver.used) }

  init(secrets: [SecretBytes]) {
    automaton = PatternAutomaton(secrets.flatMap(SecretPatterns.of))
  }

  /// Whether there is nothing to look for.
  public var isEmpty: Bool { automaton.isEmpty }

  public var description: String { "Redactor" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }

  /// For bytes that come in pieces.
  public func stream() -> RedactionStream { RedactionStream(automaton) }

  public func redact(_ bytes: [UInt8]) -> [UInt8] {
    guard !isEmpty else { return bytes }
    var stream = stream()
    return stream.feed(bytes) + stream.finish()
  }

  public func redact(_ text: String) -> String {
    guard !isEmpty else { return text }
    return String(decoding: redact(Array(text.utf8)), as: UTF8.self)
  }

  /// Redacts every string, name of a member and number. A number becomes the text `[redacted]`; of two members whose names
  /// become the same one stays.
  public func redact(_ json: JSON) -> JSON {
    guard !isEmpty else { return json }
    switch json {
    case .string(let text): return .string(redact(text))
    case .array(let elements): return .array(elements.map { redact($0) })
    case .object(let members):
      var object: JSONObject = [:]
      for (name, value) in members { object[redact(name)] = redact(value) }
      return .object(object)
    case .integer, .double:
      let text = json.canonicalString()
      return redact(text) == text ? json : .string(Self.marker)
    case .null, .bool: return json
    }
  }
}

/// Redacts a stream: a secret that is split over pieces is found all the same. What could be the beginning of one is held
/// back until it is known not to be; everything else passes at once.
public struct RedactionStream: Sendable {
  private let automaton: PatternAutomaton
  private var views: [View]
  /// Source bytes that have not gone out, and the offset of the first.
  private var held: [UInt8] = []
  private var heldStart = 0
  /// What is to go, as ranges of source offsets.
  private var found: [Range<Int>] = []

  init(_ automaton: PatternAutomaton) {
    self.automaton = automaton
    views = EscapeDecoder.Style.allCases.map { View(decoder: EscapeDecoder($0)) }
  }

  /// What can go out after one more piece.
  public mutating func feed(_ piece: some Sequence<UInt8>) -> [UInt8] {
    let start = heldStart + held.count
    held.append(contentsOf: piece)
    guard !automaton.isEmpty else { return release(upTo: heldStart + held.count) }
    for index in views.indices {
      for (offset, byte) in held[(start - heldStart)...].enumerated() {
        views[index].feed(byte, at: start + offset, automaton, &found)
      }
    }
    let end = heldStart + held.count
    return release(upTo: views.map { $0.heldFrom(automaton) ?? end }.min() ?? end)
  }

  /// The rest, when nothing more comes.
  public mutating func finish() -> [UInt8] {
    for index in views.indices { views[index].finish(automaton, &found) }
    return release(upTo: heldStart + held.count)
  }

  private mutating func release(upTo limit: Int) -> [UInt8] {
    found.sort { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
    var merged: [Range<Int>] = []
    for range in found {
      if let last = merged.last, range.lowerBound <= last.upperBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    // What reaches the part that is held back may grow with it.
    let isEnd = limit == heldStart + held.count
    let crossing = merged.first { $0.lowerBound < limit && $0.upperBound >= limit }
    let limit = isEnd ? limit : crossing?.lowerBound ?? limit
    var output: [UInt8] = []
    var position = heldStart
    for range in merged where range.lowerBound < limit {
      output.append(contentsOf: held[(position - heldStart)..<(range.lowerBound - heldStart)])
      output.append(contentsOf: Redactor.marker.utf8)
      position = range.upperBound
    }
    if position < limit { output.append(contentsOf: held[(position - heldStart)..<(limit - heldStart)]) }
    found = merged.filter { $0.lowerBound >= limit }
    let gone = max(position, limit) - heldStart
    held.removeFirst(gone)
    heldStart += gone
    return output
  }

  /// The stream as one style of escapes reads it.
  private struct View {
    var decoder: EscapeDecoder
    var state = PatternAutomaton.root
    /// Where the sources of the last decoded bytes begin: at least as many as the state is deep.
    var starts: [Int] = []

    init(decoder: EscapeDecoder) { self.decoder = decoder }

    mutating func feed(_ byte: UInt8, at offset: Int, _ automaton: PatternAutomaton, _ found: inout [Range<Int>]) {
      var decoded: [(UInt8, Int, Int)] = []
      decoder.feed(byte, at: offset) { decoded.append(($0, $1, $2)) }
      for (byte, start, end) in decoded { step(byte, start, end, automaton, &found) }
    }

    mutating func finish(_ automaton: PatternAutomaton, _ found: inout [Range<Int>]) {
      var decoded: [(UInt8, Int, Int)] = []
      decoder.flush { decoded.append(($0, $1, $2)) }
      for (byte, start, end) in decoded { step(byte, start, end, automaton, &found) }
    }

    private mutating func step(
      _ byte: UInt8, _ start: Int, _ end: Int, _ automaton: PatternAutomaton, _ found: inout [Range<Int>]
    ) {
      state = automaton.step(state, byte)
      guard state != PatternAutomaton.root else { return starts.removeAll(keepingCapacity: true) }
      starts.append(start)
      let match = automaton.match(state)
      if match > 0 { found.append(starts[starts.count - match]..<end) }
      let depth = automaton.depth(state)
      if starts.count > 2 * depth + 4096 { starts.removeFirst(starts.count - depth) }
    }

    func heldFrom(_ automaton: PatternAutomaton) -> Int? {
      let depth = automaton.depth(state)
      let begun = depth > 0 ? starts[starts.count - depth] : nil
      guard let begun, let held = decoder.heldFrom else { return begun ?? decoder.heldFrom }
      return min(begun, held)
    }
  }
}
