import Testing

@testable import Terminal

@Suite struct TerminalRoomTests {}
