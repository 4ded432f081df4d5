import Cryptography
import TransparencyLog

extension ReceiptComposer {
  /// Composes the receipt of a run that is over.
  ///
  /// - Parameters:
  ///   - checkpoint: A signed checkpoint over a tree that holds every item, with whatever cosignatures it has.
  ///   - items: An item for every index of `roles`; further ones are left out.
  public static func compose(
    run roles: RunReceipt.Roles, checkpoint: SignedCheckpoint, items: [Receipt.Item], attested: Attested? = nil
  ) throws(Failure) -> RunReceipt {
    try checkFits(entries: roles.indices.count)
    let byIndex = Dictionary(items.map { ($0.index, $0) }) { first, _ in first }
    for index in roles.indices.sorted() where byIndex[index] == nil { throw .missingItem(index) }
    let receipt = RunReceipt(
      checkpoint: checkpoint.note.description, es256: try es256(of: checkpoint),
      entries: roles.indices.sorted().compactMap { byIndex[$0] }, roles: roles, attested: attested)
    let bytes = receipt.bytes
    guard bytes.count <= RunReceipt.Limits.bytes else {
      throw .tooLarge("\(bytes.count) bytes, of \(RunReceipt.Limits.bytes) at most")
    }
    let report = ReceiptVerifier(expecting: .anyBox).verify(bytes)
    guard report.verdict == .accepted else { throw .rejected(report.failures) }
    return receipt
  }

  /// Refuses a run of which no receipt can be made, before anybody gathers its entries.
  public static func checkFits(entries: Int) throws(Failure) {
    guard entries <= RunReceipt.Limits.entries else {
      throw .tooLarge("\(entries) entries, of \(RunReceipt.Limits.entries) at most")
    }
  }
}
