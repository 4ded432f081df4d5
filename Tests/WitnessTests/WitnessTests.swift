import Testing

@testable import Witness

@Suite struct WitnessRoomTests {}
