import HTTPClient

/// Status and header fields of an answer, held against what was asked for (RFC 9110 sections 14 and 15). Pure.
struct AnswerHead {
  var status: Int
  var headers: [HTTPClientHeader]

  /// Throws unless the body that follows is the piece, or, from byte 0, the whole file.
  ///
  /// - Parameter size: The file's size by the manifest. What the server says about it is only ever compared.
  func check(against piece: TransferPlan.Piece, size: Int) throws(SourceFault) {
    if let encoding = value("Content-Encoding"), encoding.lowercased() != "identity" { throw .encoded(encoding) }
    switch (status, piece.isRanged) {
    case (206, true):
      try checkRange(piece.range, size)
      try checkLength(piece.range.count)
    case (200, true):
      // From byte 0 on, the whole file is as good.
      guard piece.range.lowerBound == 0 else { throw .rangesIgnored }
      try checkLength(size)
    case (200, false): try checkLength(size)
    case (416, true): throw .rangeNotSatisfiable(piece.range)
    default: throw .status(status)
    }
  }

  /// Throws unless the body that follows is a whole file, of whatever size.
  func checkWhole() throws(SourceFault) {
    if let encoding = value("Content-Encoding"), encoding.lowercased() != "identity" { throw .encoded(encoding) }
    guard status == 200 else { throw .status(status) }
  }

  private func checkLength(_ expected: Int) throws(SourceFault) {
    // Absent is allowed: then the end of the body decides, and the sink stops after the last byte that is wanted.
    guard let text = value("Content-Length") else { return }
    let length = Int(text) ?? -1
    guard length == expected else { throw .length(expected: expected, actual: length) }
  }

  private func checkRange(_ range: Range<Int>, _ size: Int) throws(SourceFault) {
    let expected = "bytes \(range.lowerBound)-\(range.upperBound - 1)"
    guard let actual = value("Content-Range") else { throw .contentRange(expected: expected, actual: "no range") }
    let parts = actual.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw .contentRange(expected: expected, actual: actual) }
    if parts[1] != "*" {
      let total = Int(parts[1]) ?? -1
      guard total == size else { throw .length(expected: size, actual: total) }
    }
    guard parts[0] == expected else { throw .contentRange(expected: expected, actual: actual) }
  }

  private func value(_ name: String) -> String? {
    let name = name.lowercased()
    return headers.first { $0.name.lowercased() == name }?.value
  }
}
