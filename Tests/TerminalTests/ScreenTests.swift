import Foundation
import Synchronization
import Testing

@testable import Terminal

@Suite struct TerminalTextTests {
  @Test(arguments: [
    ("plain text, 100 EUR", "plain text, 100 EUR"), ("Grüße an Łukasz 你好", "Grüße an Łukasz 你好"),
    ("\u{1b}[2J\u{1b}[1;1H", "\\u{1b}[2J\\u{1b}[1;1H"), ("a\u{9b}31mb", "a\\u{9b}31mb"), ("a\rb", "a\\rb"),
    ("a\nb\tc", "a\\nb\\tc"), ("bell\u{7}\u{8}\u{7f}\0", "bell\\u{7}\\u{8}\\u{7f}\\u{0}"),
    // Trojan source: what is read is not what is there.
    ("pay \u{202e}001\u{202c} EUR", "pay \\u{202e}001\\u{202c} EUR"), ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
    ("a\u{200e}\u{200f}\u{61c}b", "a\\u{200e}\\u{200f}\\u{61c}b"),
    // Nothing to see.
    ("pay\u{200b}pal\u{200d}\u{2060}\u{feff}", "pay\\u{200b}pal\\u{200d}\\u{2060}\\u{feff}"),
    ("\u{ad}\u{3164}\u{115f}\u{ffa0}\u{2800}", "\\u{ad}\\u{3164}\\u{115f}\\u{ffa0}\\u{2800}"),
    ("x\u{e0041}\u{fe0f}\u{e0100}", "x\\u{e0041}\\u{fe0f}\\u{e0100}"), ("a\u{a0}b\u{3000}c", "a\\u{a0}b\\u{3000}c"),
    ("a\u{2028}b\u{2029}c\u{85}", "a\\u{2028}b\\u{2029}c\\u{85}"), ("\u{e000}\u{10ffff}", "\\u{e000}\\u{10ffff}"),
    // An escape cannot be faked.
    ("\\u{202e}", "\\\\u{202e}"),
    // A mark needs a letter, and not twenty.
    ("e\u{301}", "e\u{301}"), ("\u{301}e", "\\u{301}e"), ("e\u{301}\u{302}\u{303}", "e\u{301}\u{302}\\u{303}"),
    ("\n\u{301}", "\\n\\u{301}"),
  ])
  func whatIsNotPlainlyVisibleIsEscaped(_ text: String, _ expected: String) {
    #expect(TerminalText.escaped(text).unicodeScalars.elementsEqual(expected.unicodeScalars))
  }

  @Test func noControlCharacterEverPasses() {
    for value in UInt32(0)...0x10ffff {
      guard let scalar = Unicode.Scalar(value) else { continue }
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        #expect(TerminalText.escaped("a\(scalar)").utf8.allSatisfy { (0x20...0x7e).contains($0) }, "\(value)")
      default: break
      }
    }
  }

  @Test func lookAlikesShowInNames() {
    #expect(TerminalText.asciiOnly("p\u{430}yp\u{430}l.com") == "p\\u{430}yp\\u{430}l.com")
    #expect(TerminalText.asciiOnly("a\\b\n") == "a\\\\b\\n")
  }

  @Test func linesStayLines() {
    #expect(TerminalText.escapedLines("a\nb\r\n\u{1b}c\n") == "a\nb\\r\n\\u{1b}c\n")
  }

  @Test func columnsAreCounted() {
    #expect(TerminalText.columns(of: "abc") == 3 && TerminalText.columns(of: "你好") == 4)
    #expect(TerminalText.columns(of: "e\u{301}") == 1)
    #expect(TerminalText.cut("abcdef", toColumns: 6) == "abcdef" && TerminalText.cut("abcdef", toColumns: 5) == "abcd…")
    #expect(TerminalText.cut("你好吗", toColumns: 5) == "你好…" && TerminalText.cut("abc", toColumns: 0) == "")
  }
}

@Suite struct TableTests {
  private func table() -> Table {
    var table = Table([
      .init("ID", mayBeCut: false), .init("WHAT"), .init("AMOUNT", alignment: .right, mayBeCut: false),
    ])
    table.add(["p1", "a payment to somebody far away", "100"])
    table.add(["p200", "x\u{1b}[31m", "7"])
    return table
  }

  @Test func columnsAreAligned() {
    #expect(
      table().text(width: nil) == """
        ID    WHAT                            AMOUNT
        p1    a payment to somebody far away     100
        p200  x\\u{1b}[31m                          7

        """)
  }

  @Test func onlyTheColumnThatMayBeIsCut() {
    let text = table().text(width: 30)
    #expect(text.split(separator: "\n").allSatisfy { TerminalText.columns(of: String($0)) <= 30 })
    #expect(text.contains("a payment to so…") && text.contains("100") && text.contains("p200"))
    // What may not be cut stays whole even where there is no room.
    #expect(table().text(width: 5).contains("p200"))
  }

  @Test func headingsAreBoldOnATerminal() {
    #expect(table().text(width: nil, style: TextStyle(isOn: true)).hasPrefix("\u{1b}[1mID"))
  }
}

@Suite struct ProgressTests {
  @Test func theLineFitsAndTells() {
    let line = ProgressLine(label: "verifying", total: 2_000_000, unit: .bytes)
    let text = line.text(completed: 500_000, elapsed: .seconds(2), width: 80)
    #expect(TerminalText.columns(of: text) <= 79)
    #expect(text.contains("[####") && text.contains("500.0 kB/2.0 MB  250.0 kB/s  0:06 left"))
    let narrow = line.text(completed: 500_000, elapsed: .seconds(2), width: 30)
    #expect(TerminalText.columns(of: narrow) <= 29 && !narrow.contains("["))
  }

  @Test func unknownTotalsAndExtremesAreFine() {
    let unknown = ProgressLine(label: "reading", total: nil, unit: .items("entries"))
    #expect(unknown.text(completed: 12, elapsed: .zero, width: 80) == "reading  12 entries  0 entries/s")
    let done = ProgressLine(label: "x", total: 0, unit: .bytes)
    #expect(done.text(completed: 0, elapsed: .zero, width: 80).contains("###]"))
    let over = ProgressLine(label: "x", total: 1, unit: .items("y"))
    #expect(!over.text(completed: .max, elapsed: .seconds(1), width: 80).contains("left"))
    let slow = ProgressLine(label: "x", total: .max, unit: .bytes)
    #expect(slow.text(completed: 1, elapsed: .seconds(100), width: 80).contains("99:59:59 left"))
  }

  @Test func withoutATerminalNothingIsWritten() {
    let recorder = Recorder()
    let bar = ProgressBar("x", total: 10, unit: .bytes, terminal: recorder.terminal(isTTY: false))
    bar.update(5)
    bar.finish()
    #expect(recorder.error.isEmpty && recorder.output.isEmpty)
  }

  @Test func onATerminalItIsDrawnSeldomAndRemoved() {
    let recorder = Recorder()
    let bar = ProgressBar("x\u{1b}", total: 10, unit: .bytes, terminal: recorder.terminal(isTTY: true))
    for _ in 0..<1000 { bar.update(5) }
    bar.finish()
    bar.finish()
    bar.update(6)
    #expect(recorder.error.hasPrefix("\rx\\u{1b}  [###") && recorder.error.hasSuffix("\r\u{1b}[K"))
    #expect(recorder.error.split(separator: "\r").count < 20)
    #expect(recorder.output.isEmpty)
  }
}

@Suite struct TerminalTests {
  @Test func coloursAreForTerminalsThatWantThem() {
    #expect(Terminal.permitsColour(noColour: nil, term: "xterm") && Terminal.permitsColour(noColour: "", term: nil))
    #expect(
      !Terminal.permitsColour(noColour: "1", term: "xterm") && !Terminal.permitsColour(noColour: nil, term: "dumb"))
    for (isTTY, usesColour) in [(true, false), (false, true)] {
      let recorder = Recorder()
      recorder.terminal(isTTY: isTTY, usesColour: usesColour).error("x")
      #expect(recorder.error == "box: error: x\n")
    }
    let recorder = Recorder()
    recorder.terminal(isTTY: true, usesColour: true).error("\u{1b}[0m")
    #expect(recorder.error == "box: \u{1b}[31merror:\u{1b}[0m \\u{1b}[0m\n")
  }

  @Test func theWidthFallsBackToEighty() {
    #expect(Terminal.width(columns: nil, measured: 0) == 80 && Terminal.width(columns: nil, measured: 132) == 132)
    #expect(Terminal.width(columns: "100", measured: 132) == 100)
    for nonsense in ["", "x", "0", "-5", "100000"] { #expect(Terminal.width(columns: nonsense, measured: 0) == 80) }
  }
}

/// With a real pseudo-terminal.
@Suite(.timeLimit(.minutes(5))) struct ConfirmationTests {
  private final class PseudoTerminal: Sendable {
    let master: Int32
    let device: String

    init() throws {
      master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
      var (locked, number): (Int32, Int32) = (0, 0)
      // TIOCSPTLCK and TIOCGPTN of <asm-generic/ioctls.h>, which Glibc's module leaves out.
      guard master >= 0, ioctl(master, 0x4004_5431, &locked) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
        throw POSIXError(.ENOTTY)
      }
      device = "/dev/pts/\(number)"
    }

    deinit { close(master) }

    func type(_ text: String) { _ = write(master, text, text.utf8.count) }

    /// Reads until the text has been shown; what was shown.
    func read(until text: String) -> String {
      var shown: [UInt8] = []
      while !String(decoding: shown, as: UTF8.self).contains(text) {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(master, &bytes, bytes.count)
        guard count > 0 else { break }
        shown += bytes[..<count]
      }
      return String(decoding: shown, as: UTF8.self)
    }
  }

  /// Asks on a thread of its own, types once the question is on the screen, and returns the answer with what was shown.
  private func answer(
    _ typed: String, before: String = "", question: String = "approve?"
  ) async throws -> (Bool, String) {
    let terminal = try PseudoTerminal()
    // Someone has to hold the other side open, or what is typed beforehand would be lost anyway.
    let holder = open(terminal.device, O_RDWR | O_NOCTTY)
    defer { close(holder) }
    terminal.type(before)
    if !before.isEmpty { _ = terminal.read(until: "\n") }
    let device = terminal.device
    async let answer = withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: try? Confirmation(device: device).isGiven(question)) }
    }
    let shown = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let shown = terminal.read(until: "[y/N] ")
        terminal.type(typed)
        continuation.resume(returning: shown)
      }
    }
    let given: Bool? = await answer
    return (try #require(given as Bool?), shown)
  }

  @Test(arguments: [
    ("y\n", true), ("YES\n", true), ("n\n", false), ("\n", false), ("yep\n", false), (" y\n", false), ("\u{4}", false),
  ])
  func onlyYesIsYes(_ typed: String, _ expected: Bool) async throws {
    #expect(try await answer(typed).0 == expected)
  }

  /// Keys pressed, or pasted, before the question was shown.
  @Test func whatWasTypedBeforeIsNoAnswer() async throws {
    #expect(try await answer("n\n", before: "y\ny\n").0 == false)
  }

  @Test func theQuestionCannotPaintTheScreen() async throws {
    let shown = try await answer("n\n", question: "pay 1\u{1b}[2K\rpay 2").1
    #expect(shown.contains("pay 1\\u{1b}[2K\\rpay 2 [y/N] "))
  }

  @Test func aLongAnswerIsNo() async throws {
    #expect(try await answer(String(repeating: "y", count: 200) + "\ny\n").0 == false)
  }

  @Test func withoutATerminalItIsAUsageError() {
    #expect(throws: CommandError.self) { try Confirmation(device: "/nonexistent/tty").isGiven("x") }
  }
}
