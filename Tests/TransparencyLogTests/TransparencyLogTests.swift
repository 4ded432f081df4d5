import Testing

@testable import TransparencyLog

@Suite struct TransparencyLogRoomTests {}
