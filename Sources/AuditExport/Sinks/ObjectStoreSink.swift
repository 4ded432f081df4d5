import Cryptography
public import ObjectStorage

/// Puts batches into a bucket as objects that nobody can remove before their time (Object Lock, COMPLIANCE).
///
/// An object is JSON Lines: first a heading with the signed checkpoint that covers it, then the entries. So each object proves
/// by itself which log it is a part of. Its name is the prefix, then first and last index with 20 digits each; its
/// SHA-256 goes along and is checked by the service.
public final class ObjectStoreSink: ExportSink {
  /// Days that an object may be locked: 1 to 100 years.
  public static let retainDays = 1...36_525

  public var destination: String { "s3://\(store.bucket.name)/\(prefix)" }
  private let store: ObjectStore
  private let prefix: String
  private let retainDays: Int
  private let clock: @Sendable () -> Int64

  /// - Parameters:
  ///   - prefix: put before names as it is, such as `audit/`; it and 46 characters are a key.
  ///   - retainDays: how long each object is locked, from when it is put.
  ///   - clock: Unix milliseconds.
  public init(
    store: ObjectStore, prefix: String, retainDays: Int, clock: @escaping @Sendable () -> Int64
  ) {
    self.store = store
    self.prefix = prefix
    self.retainDays = min(max(retainDays, Self.retainDays.lowerBound), Self.retainDays.upperBound)
    self.clock = clock
  }

  public func deliver(_ batch: ExportBatch) async throws(ExportFault) {
    var bytes = JSONLines.heading(
      box: batch.box, first: batch.first, last: batch.last, checkpoint: batch.checkpoint)
    for event in batch.events { bytes += JSONLines.line(event) }
    let key = "\(prefix)\(Self.padded(batch.first))-\(Self.padded(batch.last)).jsonl"
    do throws(ObjectStoreFault) {
      let until = clock() + Int64(retainDays) * 86_400_000
      _ = try await store.put(
        key, bytes, retention: .compliance(until: until), onlyIfAbsent: true, contentType: "application/jsonl")
    } catch {
      // From an attempt whose answer got lost. The same entries give the same bytes; other bytes are somebody else's.
      if case .refused(let refusal) = error, refusal.status == 412 || refusal.status == 409 {
        try await checkStored(key, SHA256.hash(bytes).hex)
        return
      }
      throw Self.fault(error)
    }
  }

  public func close() async {}

  private func checkStored(_ key: String, _ expected: String) async throws(ExportFault) {
    let facts: ObjectFacts
    do throws(ObjectStoreFault) {
      facts = try await store.head(key)
    } catch {
      throw Self.fault(error)
    }
    guard facts.sha256 == expected else {
      throw .refused("\(key) exists and holds other bytes (SHA-256 \(facts.sha256 ?? "unknown"))")
    }
    guard facts.lockMode == "COMPLIANCE" else { throw .refused("\(key) exists and is not locked") }
  }

  private static func fault(_ error: ObjectStoreFault) -> ExportFault {
    switch error {
    case .transport(let transport): .connection(transport.description)
    case .invalid, .refused, .malformed, .checksum: .refused(error.description)
    }
  }

  private static func padded(_ index: UInt64) -> String {
    let digits = String(index)
    return String(repeating: "0", count: 20 - digits.count) + digits
  }
}
