import Testing

@testable import CanonicalJSON

@Suite struct CanonicalJSONRoomTests {}
