import Testing

@testable import Governance

@Suite struct GovernanceRoomTests {}
