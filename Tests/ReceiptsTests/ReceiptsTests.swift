import Testing

@testable import Receipts

@Suite struct ReceiptsRoomTests {}
