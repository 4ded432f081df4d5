import Testing

@testable import HTTPClient

@Suite struct HTTPClientRoomTests {}
