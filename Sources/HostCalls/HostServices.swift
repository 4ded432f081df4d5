import Glibc
import HTTPClient
import Keychain

/// What the families of host calls and their executors stand on.
public struct HostServices: Sendable {
  public var client: HTTPClient
  public var keychain: Keychain
  public var files: FileStreams
  /// Where signed transactions are kept; nil on a box that carries none out.
  public var transactions: TransactionJournal?
  /// Path of the socket on which the box's own models answer; nil on a box that has none.
  public var gateway: String?
  /// Fresh random bytes for a commitment's salt.
  public var salt: @Sendable () -> [UInt8]
  /// Unix milliseconds: for the dates of messages and the expiry of tokens that a peer demands.
  public var clock: @Sendable () -> Int64

  public init(
    client: HTTPClient, keychain: Keychain, files: FileStreams, transactions: TransactionJournal? = nil,
    gateway: String? = nil, salt: @escaping @Sendable () -> [UInt8],
    clock: @escaping @Sendable () -> Int64 = HostServices.systemClock
  ) {
    self.client = client
    self.keychain = keychain
    self.files = files
    self.transactions = transactions
    self.gateway = gateway
    self.salt = salt
    self.clock = clock
  }

  /// This machine's.
  public static let systemClock: @Sendable () -> Int64 = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
