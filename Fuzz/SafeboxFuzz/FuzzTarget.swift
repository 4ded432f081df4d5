/// One parser (or codec, or decision) that untrusted bytes reach, and what must hold for every input.
struct FuzzTarget: Sendable {
  /// How inputs are built; it decides which mutations make sense beside those of plain bytes.
  enum Shape: Sendable {
    case json
    /// Lines of text: notes, requests, policies.
    case lines
    /// Length-prefixed or otherwise binary.
    case binary
  }

  /// A property that did not hold.
  struct Violation: Error {
    var what: String

    init(_ what: String) { self.what = what }
  }

  /// Name on the command line: room, dot, what is read, for example `json.parse`.
  var name: String
  var shape: Shape
  /// Valid inputs to start from.
  var seeds: [[UInt8]]
  /// Pieces of the format that chance would not find.
  var tokens: [String] = []
  /// Reads one input. Returns a short label of how the input was treated ("accepted", the kind of the error): inputs with
  /// a new label are kept and mutated further. Throws a ``Violation`` when a property fails; a trap ends the process.
  var check: @Sendable ([UInt8]) throws(Violation) -> String

  /// Throws a violation unless the property holds.
  static func require(_ property: Bool, _ what: @autoclosure () -> String) throws(Violation) {
    if !property { throw Violation(what()) }
  }
}
