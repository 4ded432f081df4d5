/// Rows in columns. Cells are made harmless; on a narrow terminal the widest column is cut, with `…`.
public struct Table: Sendable {
  public struct Column: Sendable {
    public enum Alignment: Sendable { case left, right }
    public let title: String
    public let alignment: Alignment
    /// False for what must be read whole, such as digests and amounts.
    public let mayBeCut: Bool

    public init(_ title: String, alignment: Alignment = .left, mayBeCut: Bool = true) {
      self.title = title
      self.alignment = alignment
      self.mayBeCut = mayBeCut
    }
  }

  private let columns: [Column]
  private var rows: [[String]] = []

  public init(_ columns: [Column]) { self.columns = columns }

  /// Missing cells are empty; those beyond the columns are an error of the caller and are left out.
  public mutating func add(_ cells: [String]) {
    rows.append(columns.indices.map { $0 < cells.count ? TerminalText.escaped(cells[$0]) : "" })
  }

  public var isEmpty: Bool { rows.isEmpty }

  /// `width` in columns; `nil` cuts nothing, for output that is not a terminal.
  public func text(width: Int?, style: TextStyle = TextStyle(isOn: false)) -> String {
    var widths = columns.indices.map { column in
      rows.reduce(TerminalText.columns(of: columns[column].title)) { max($0, TerminalText.columns(of: $1[column])) }
    }
    if let width { shrink(&widths, to: width) }
    let head = line(columns.map(\.title), widths)
    return ([style.bold(head)] + rows.map { line($0, widths) }).map { $0 + "\n" }.joined()
  }

  private static let gap = 2
  private static let leastWidth = 6

  private func shrink(_ widths: inout [Int], to width: Int) {
    while widths.reduce(0, +) + Self.gap * (widths.count - 1) > width {
      let candidates = widths.indices.filter { columns[$0].mayBeCut && widths[$0] > Self.leastWidth }
      guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { return }
      widths[widest] -= 1
    }
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var parts: [String] = []
    for (index, cell) in cells.enumerated() {
      let text = TerminalText.cut(cell, toColumns: widths[index])
      let padding = String(repeating: " ", count: max(0, widths[index] - TerminalText.columns(of: text)))
      switch columns[index].alignment {
      case .right: parts.append(padding + text)
      case .left: parts.append(index == cells.count - 1 ? text : text + padding)
      }
    }
    return parts.joined(separator: String(repeating: " ", count: Self.gap))
  }
}
