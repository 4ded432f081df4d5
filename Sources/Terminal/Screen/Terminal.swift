import Glibc

/// Where a command writes: results to standard output, everything else to standard error. Quiet on success.
public struct Terminal: Sendable {
  /// Columns to assume where nothing tells.
  public static let fallbackWidth = 80

  public let outputIsTTY: Bool
  public let errorIsTTY: Bool
  /// Columns; never less than 20.
  public let width: Int
  /// Colours, where the stream is a terminal.
  public let usesColour: Bool
  private let program: String
  private let putOutput: @Sendable (String) -> Void
  private let putError: @Sendable (String) -> Void

  /// This process's own streams.
  public static let standard = Terminal(
    program: "safebox", outputIsTTY: isatty(1) == 1, errorIsTTY: isatty(2) == 1,
    width: measuredWidth(columns: environment("COLUMNS")),
    usesColour: permitsColour(noColour: environment("NO_COLOR"), term: environment("TERM")),
    output: { Self.put($0, on: 1) }, error: { Self.put($0, on: 2) })

  public init(
    program: String, outputIsTTY: Bool, errorIsTTY: Bool, width: Int, usesColour: Bool,
    output: @escaping @Sendable (String) -> Void, error: @escaping @Sendable (String) -> Void
  ) {
    self.program = program
    self.outputIsTTY = outputIsTTY
    self.errorIsTTY = errorIsTTY
    self.width = max(20, width)
    self.usesColour = usesColour
    putOutput = output
    putError = error
  }

  /// Results. The text is written as it is: pass foreign parts through `TerminalText` first.
  public func write(_ text: String) { putOutput(text) }
  /// Remarks for the human, as they are.
  public func writeError(_ text: String) { putError(text) }

  /// `safebox: error: ...`. Made harmless here, as messages quote what they complain about.
  public func error(_ message: String) {
    putError("\(program): \(errorStyle.red("error:")) \(TerminalText.escaped(message))\n")
  }

  /// `safebox: hint: ...`
  public func hint(_ message: String) {
    putError("\(program): \(errorStyle.cyan("hint:")) \(TerminalText.escaped(message))\n")
  }

  public var outputStyle: TextStyle { TextStyle(isOn: outputIsTTY && usesColour) }
  public var errorStyle: TextStyle { TextStyle(isOn: errorIsTTY && usesColour) }

  /// no-color.org: any non-empty value means no.
  static func permitsColour(noColour: String?, term: String?) -> Bool { (noColour ?? "").isEmpty && term != "dumb" }

  /// A pseudo-terminal without a size says 0 columns.
  static func width(columns: String?, measured: Int) -> Int {
    if let columns = columns.flatMap({ Int($0) }), (1...1000).contains(columns) { return columns }
    return measured > 0 ? measured : fallbackWidth
  }

  private static func measuredWidth(columns: String?) -> Int {
    var size = winsize()
    for stream: Int32 in [1, 2, 0] where ioctl(stream, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 {
      return width(columns: columns, measured: Int(size.ws_col))
    }
    return width(columns: columns, measured: 0)
  }

  private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  private static func put(_ text: String, on descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      // Nobody is left to be told.
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// ANSI colours, or nothing.
public struct TextStyle: Sendable {
  let isOn: Bool

  public init(isOn: Bool) { self.isOn = isOn }

  public func bold(_ text: String) -> String { wrap(text, "1") }
  public func dim(_ text: String) -> String { wrap(text, "2") }
  public func red(_ text: String) -> String { wrap(text, "31") }
  public func green(_ text: String) -> String { wrap(text, "32") }
  public func yellow(_ text: String) -> String { wrap(text, "33") }
  public func cyan(_ text: String) -> String { wrap(text, "36") }

  private func wrap(_ text: String, _ code: String) -> String { isOn ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text }
}
