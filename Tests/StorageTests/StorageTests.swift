import Testing

@testable import Storage

@Suite struct StorageRoomTests {}
