import HTTPClient
import Keychain

/// What the families of host calls and their executors stand on.
public struct HostServices: Sendable {
  public var client: HTTPClient
  public var keychain: Keychain
  public var files: FileStreams
  /// Fresh random bytes for a commitment's salt.
  public var salt: @Sendable () -> [UInt8]

  public init(
    client: HTTPClient, keychain: Keychain, files: FileStreams, salt: @escaping @Sendable () -> [UInt8]
  ) {
    self.client = client
    self.keychain = keychain
    self.files = files
    self.salt = salt
  }
}
