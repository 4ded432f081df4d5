import Testing

@testable import Cryptography

@Suite struct CryptographyRoomTests {}
