import Testing

@testable import Audit

@Suite struct AuditRoomTests {}
