import Testing

@testable import BoxService

@Suite struct BoxServiceRoomTests {}
