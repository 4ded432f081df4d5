import CanonicalJSON

/// The strict parser and the canonical writer.
enum JSONTargets {
  private static let limits: [JSONLimits] = [
    .entry, .claim, .document(maxBytes: 1 << 20), JSONLimits(maxBytes: 4096, maxDepth: 3, maxStringBytes: 16),
  ]

  private static let seeds: [[UInt8]] = [
    #"{"at":1700000000000,"body":{"action":"d2a84f4b8b650937ec8f73cd8be2c74a","n":[1,-2,3]},"kind":"proposal.opened"}"#,
    #"[null,true,false,0,-0,1.5,1e21,1E-7,-9007199254740991,"\u20ac$\u000F\nA'\"\\\/\ud83d\ude00é"]"#,
    #"{"\u20ac":"Euro","\r":1,"\u000a":2,"1":{},"\u0080":[],"ö":[[[]]],"דּ":{"a":{"b":{"c":0}}},"</script>":""}"#,
    #"{"key":["data:key/es256;base64,MFkw"],"ocp":1,"sig":[null],"stm":{"threshold":2}}"#,
    "\"plain text that is longer than eight bytes, so that the word-wide scan runs\"", "0", " [ ] ",
  ].map { Array($0.utf8) }

  /// Whatever is accepted is written canonically, reads back as the same value under the same limits, and a second
  /// writing gives the same bytes.
  static let parse = FuzzTarget(name: "json.parse", shape: .json, seeds: seeds) { input throws(FuzzTarget.Violation) in
    var label = "accepted"
    for limits in limits {
      let json: JSON
      do throws(JSONError) {
        json = try JSON(parsing: input, limits: limits)
      } catch {
        try FuzzTarget.require(
          error.offset >= 0 && error.offset <= input.count, "offset \(error.offset) outside the input")
        try FuzzTarget.require(error.line >= 1 && error.column >= 1, "position \(error.line):\(error.column)")
        label = error.kind.code
        continue
      }
      let written = json.canonicalBytes()
      // Escapes and white space only shrink, numbers may grow ("1e20"), so the limit of the second reading is wider.
      var wider = limits
      wider.maxBytes = .max
      let again: JSON
      do throws(JSONError) {
        again = try JSON(parsing: written, limits: wider)
      } catch {
        throw FuzzTarget.Violation("the canonical form is refused: \(error)")
      }
      try FuzzTarget.require(again == json, "the canonical form reads as another value")
      try FuzzTarget.require(again.hashValue == json.hashValue, "equal values hash differently")
      try FuzzTarget.require(again.canonicalBytes() == written, "the canonical form is not a fixed point")
      try FuzzTarget.require(
        !limits.integersOnly || written.count <= input.count, "integers and strings grew when written canonically")
    }
    return label
  }

  /// Agrees with a second, simpler reader of the same grammar on what is JSON at all.
  static let agreement = FuzzTarget(name: "json.agreement", shape: .json, seeds: seeds) {
    input throws(FuzzTarget.Violation) in
    var limits = JSONLimits.document(maxBytes: 1 << 20)
    limits.maxDepth = JSONLimits.deepest
    let accepted = try? JSON(parsing: input, limits: limits)
    var reference = SimpleJSONReader(input)
    let expected = reference.read()
    try FuzzTarget.require(
      (accepted != nil) == expected,
      "strict parser \(accepted == nil ? "refuses" : "accepts"), simple reader \(expected ? "accepts" : "refuses")")
    return expected ? "accepted" : "refused"
  }
}
