import Testing

@testable import OpenClaims

@Suite struct OpenClaimsRoomTests {}
