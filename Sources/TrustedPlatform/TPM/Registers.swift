public import Attestation
import CTPM
import CanonicalJSON

/// A quote as the TPM gave it, with the values that it is over.
public struct SignedQuote: Sendable, Hashable {
  public let key: AttestationKey
  /// TPMS_ATTEST.
  public let quote: TPMQuote
  /// TPMT_SIGNATURE.
  public let signature: [UInt8]
  /// The registers that are quoted, as they were then.
  public let registers: PCRBank
}

extension TPMDevice {
  /// Quotes registers with our attestation key, which is made if it is not there.
  ///
  /// - Parameters:
  ///   - extraData: what the quote is bound to: 1 to 50 bytes, which every TPM takes.
  ///   - registers: at least one of 0...23.
  public func quote(
    by kind: AttestationKey.Kind = .p256, extraData: [UInt8], registers: Set<Int>, bank: BankAlgorithm = .sha256
  ) async throws(TPMFailure) -> SignedQuote {
    let selection = try RegisterSelection(registers, operation: "quote")
    return try await perform("quote") { (connection) throws(TPMFailure) in
      try connection.quote(
        by: try connection.attestationKey(kind), extraData: extraData, selection: selection, bank: bank)
    }
  }

  /// Quotes registers with a key that lies at a persistent handle already.
  public func quote(
    byKeyAt handle: UInt32, extraData: [UInt8], registers: Set<Int>, bank: BankAlgorithm = .sha256
  ) async throws(TPMFailure) -> SignedQuote {
    let selection = try RegisterSelection(registers, operation: "quote")
    return try await perform("quote") { (connection) throws(TPMFailure) in
      try connection.quote(
        by: try connection.persistentKey(at: handle), extraData: extraData, selection: selection, bank: bank)
    }
  }

  /// Values of registers, all of one moment.
  public func readPCRs(
    _ registers: Set<Int>, bank: BankAlgorithm = .sha256
  ) async throws(TPMFailure) -> PCRBank {
    let selection = try RegisterSelection(registers, operation: "read registers")
    return try await perform("read registers") { (connection) throws(TPMFailure) in
      try connection.registers(selection, bank: bank)
    }
  }

  /// Extends a register of one bank. The other banks' register of that number stays as it is.
  ///
  /// - Parameter digest: as many bytes as the bank's registers have.
  /// - Returns: what the register holds then; extensions of others may be in it.
  @discardableResult
  public func extend(
    _ register: Int, with digest: [UInt8], bank: BankAlgorithm = .sha256
  ) async throws(TPMFailure) -> [UInt8] {
    let operation = "extend a register"
    let selection = try RegisterSelection([register], operation: operation)
    guard digest.count == bank.byteCount else {
      throw .field(
        operation: operation,
        FieldError(field: "digest", expected: "\(bank.byteCount) bytes", actual: "\(digest.count) bytes"))
    }
    return try await perform(operation) { (connection) throws(TPMFailure) in
      try connection.check(
        ctpm_extend(connection.tpm, UInt32(register), [bank.identifier], 1, digest, digest.count), bank: bank)
      // A TPM without the bank extends nothing and reports success (part 3, section 22.2.1): reading tells.
      return try connection.registers(selection, bank: bank)[register] ?? []
    }
  }
}

extension TPMDevice {
  /// The banks of registers that the TPM keeps and this program computes, in the order of their TPM_ALG_ID.
  public func activeBanks() async throws(TPMFailure) -> [BankAlgorithm] {
    try await perform("list its banks") { (connection) throws(TPMFailure) in
      var banks = [UInt16](repeating: 0, count: 16)
      var count = banks.count
      try connection.check(ctpm_banks(connection.tpm, &banks, &count))
      return banks.prefix(count).compactMap(BankAlgorithm.init(identifier:)).sorted { $0.identifier < $1.identifier }
    }
  }

  /// Extends a register in several banks by one command: after a power cut either all of them show it or none does.
  ///
  /// - Parameter digests: for each bank, as many bytes as its registers have; at least one. A bank that the TPM does not
  ///   keep is passed over without a word.
  public func extend(_ register: Int, with digests: [BankAlgorithm: [UInt8]]) async throws(TPMFailure) {
    let operation = "extend a register"
    _ = try RegisterSelection([register], operation: operation)
    let ordered = digests.sorted { $0.key.identifier < $1.key.identifier }
    guard !ordered.isEmpty, ordered.allSatisfy({ $0.value.count == $0.key.byteCount }) else {
      throw .field(
        operation: operation,
        FieldError(
          field: "digests", expected: "one of each bank's own length",
          actual: ordered.map { "\($0.key.rawValue): \($0.value.count) bytes" }.joined(separator: ", ")))
    }
    try await perform(operation) { (connection) throws(TPMFailure) in
      let bytes = ordered.flatMap(\.value)
      try connection.check(
        ctpm_extend(
          connection.tpm, UInt32(register), ordered.map(\.key.identifier), ordered.count, bytes, bytes.count))
    }
  }
}

/// Registers that an operation is about: at least one.
struct RegisterSelection: Sendable, Hashable {
  let indexes: [Int]
  /// Bit i of byte i/8 stands for register i.
  let map: [UInt8]

  init(_ registers: Set<Int>, operation: String) throws(TPMFailure) {
    guard !registers.isEmpty, registers.allSatisfy(PCRBank.indexes.contains) else {
      throw .field(
        operation: operation,
        FieldError(
          field: "registers", expected: "at least one register from 0 to 23",
          actual: registers.sorted().map(String.init).joined(separator: ", ")))
    }
    indexes = registers.sorted()
    var map: [UInt8] = [0, 0, 0]
    for index in registers { map[index / 8] |= 1 << UInt8(index % 8) }
    self.map = map
  }
}

extension TPMConnection {
  func registers(_ selection: RegisterSelection, bank: BankAlgorithm) throws(TPMFailure) -> PCRBank {
    let (code, values) = Self.filling(24 * 64) {
      ctpm_read_registers(tpm, bank.identifier, selection.map, $0, $1)
    }
    try check(code, bank: bank)
    let width = bank.byteCount
    do throws(FieldError) {
      guard values.count == selection.indexes.count * width else {
        throw FieldError(
          field: "pcrs", expected: "\(selection.indexes.count) values", actual: "\(values.count) bytes")
      }
      let pairs = selection.indexes.enumerated().map { position, index in
        (index, [UInt8](values[position * width..<(position + 1) * width]))
      }
      return try PCRBank(algorithm: bank, values: Dictionary(uniqueKeysWithValues: pairs))
    } catch {
      throw .field(operation: operation, error)
    }
  }

  /// Reads and quotes until both speak of the same values: in between, another process may have extended a register.
  func quote(
    by key: AttestationKey, extraData: [UInt8], selection: RegisterSelection, bank: BankAlgorithm
  ) throws(TPMFailure) -> SignedQuote {
    guard (1...50).contains(extraData.count) else {
      throw .field(
        operation: operation,
        FieldError(field: "extraData", expected: "1 to 50 bytes", actual: "\(extraData.count) bytes"))
    }
    for _ in 0..<TPMDevice.Limits.attempts {
      let values = try registers(selection, bank: bank)
      let (code, attest, signature) = Self.filling(TPMQuote.maxBytes, 1024) {
        ctpm_quote(
          tpm, key.handle, extraData, extraData.count, bank.identifier, selection.map, $0, $1, $2, $3)
      }
      try check(code, bank: bank)
      let quote: TPMQuote
      do throws(FieldError) { quote = try TPMQuote(attest) } catch { throw .field(operation: operation, error) }
      // The digest is made with the hash of the key's scheme (TPM 2.0 part 3, section 18.4.1).
      let hash = key.publicArea.scheme?.hash ?? .sha256
      if quote.pcrDigest == hash.hash(selection.indexes.flatMap { values[$0] ?? [] }) {
        return SignedQuote(key: key, quote: quote, signature: signature, registers: values)
      }
    }
    throw .unsteadyRegisters
  }
}
