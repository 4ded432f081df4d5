internal import COpenSSL

/// Bytes that are overwritten with zeros when the last reference goes away.
///
/// They lie on the library's secure heap where there is room: locked in memory as far as the process may, between guard
/// pages, and left out of core dumps. What does not fit lies on the ordinary heap.
///
/// Immutable, hence safe to share between threads. Never printed: `description` and mirrors show only the count.
public final class SecretBytes: Sendable, CustomStringConvertible, CustomReflectable {
  private nonisolated(unsafe) let memory: UnsafeMutableRawBufferPointer
  private let ownsMemory: Bool

  /// A copy. The array that was passed is the caller's to forget; prefer `init(count:filling:)` for fresh secrets.
  public init(copying bytes: some Collection<UInt8>) {
    memory = Self.allocate(bytes.count)
    memory.copyBytes(from: bytes)
    ownsMemory = true
  }

  /// `count` bytes that a function writes in place, so that no second copy exists. They are zero before the call.
  public init<Failure: Error>(
    count: Int, filling write: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    memory = Self.allocate(count)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    ownsMemory = true
    try write(memory)
  }

  /// Secrets in memory of somebody else, which is wiped but not freed: lets a test look at it afterwards.
  init(wiping borrowed: UnsafeMutableRawBufferPointer) {
    memory = borrowed
    ownsMemory = false
  }

  deinit {
    // A plain store before a free is dead code to the optimiser; these calls are not.
    OPENSSL_cleanse(memory.baseAddress, memory.count)
    if ownsMemory { CRYPTO_secure_clear_free(memory.baseAddress, memory.count, #fileID, Int32(#line)) }
  }

  /// Bytes of the secure heap, a power of two. More would not be locked under the usual limit (RLIMIT_MEMLOCK, 8 MiB, and
  /// 64 KiB in old containers, where nothing is locked and the rest holds all the same).
  private static let heapBytes = 1 << 20
  private static let hasHeap = CRYPTO_secure_malloc_init(heapBytes, 32) != 0

  private static func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
    guard count > 0 else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    _ = hasHeap
    if let base = CRYPTO_secure_malloc(count, #fileID, Int32(#line)) ?? CRYPTO_malloc(count, #fileID, Int32(#line)) {
      return UnsafeMutableRawBufferPointer(start: base, count: count)
    }
    fatalError("out of memory for \(count) secret bytes")
  }

  /// `count` bytes from the library's generator for private values.
  public static func random(count: Int) -> SecretBytes {
    SecretBytes(count: count) { SecureRandom.fill($0, privately: true) }
  }

  /// How many bytes.
  public var count: Int { memory.count }

  /// Calls the function with the bytes in place. They must not outlive the call.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(memory))
  }

  /// Equality in time that depends on the counts only.
  public func isEqual(to other: SecretBytes) -> Bool {
    count == other.count && CRYPTO_memcmp(memory.baseAddress, other.memory.baseAddress, count) == 0
  }

  public var description: String { "SecretBytes(\(count) bytes)" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
