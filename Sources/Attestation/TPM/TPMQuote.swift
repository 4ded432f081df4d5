public import CanonicalJSON
import Cryptography

/// What a TPM signs when it is asked for a quote (TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE; TPM 2.0 part 2, section 10.12.12).
/// Nothing in it is to be believed before ``TPMQuoteVerifier`` has passed.
public struct TPMQuote: Sendable, Hashable {
  /// What the TPM knows of its own time (TPMS_CLOCK_INFO; part 2, section 10.11.1).
  public struct ClockInfo: Sendable, Hashable {
    /// Milliseconds of powered time; goes back only when an owner clears the TPM, or while ``isSafe`` is false.
    public let clock: UInt64
    /// How often the TPM was reset: boots. Shifted by a constant for keys outside the endorsement hierarchy.
    public let resetCount: UInt32
    /// How often it was restarted or resumed since the last reset. Shifted likewise.
    public let restartCount: UInt32
    /// Whether no greater value of `clock` was ever reported before.
    public let isSafe: Bool

    public init(clock: UInt64, resetCount: UInt32, restartCount: UInt32, isSafe: Bool) {
      self.clock = clock
      self.resetCount = resetCount
      self.restartCount = restartCount
      self.isSafe = isSafe
    }
  }

  /// Registers of one bank (TPMS_PCR_SELECTION; part 2, section 10.6.2), in the order in which they are hashed.
  public struct Selection: Sendable, Hashable {
    public let bank: BankAlgorithm
    public let indexes: [Int]

    public init(bank: BankAlgorithm, indexes: [Int]) {
      self.bank = bank
      self.indexes = indexes
    }
  }

  /// TPM_GENERATED_VALUE: a restricted key signs nothing from outside that begins so (part 2, section 6.2).
  public static let magic: UInt32 = 0xFF54_4347
  /// TPM_ST_ATTEST_QUOTE (part 2, section 6.9).
  public static let type: UInt16 = 0x8018
  /// The longest TPMS_ATTEST that is read, in bytes.
  public static let maxBytes = 1024

  /// The bytes that were signed.
  public let bytes: [UInt8]
  /// Qualified name of the key that signed: a digest over its ancestors' names.
  public let qualifiedSigner: [UInt8]
  /// What the caller of the quote asked to be signed with it: a nonce, or a digest over keys and a nonce.
  public let extraData: [UInt8]
  public let clockInfo: ClockInfo
  /// The vendor's number for the TPM's firmware; shifted likewise.
  public let firmwareVersion: UInt64
  public let selections: [Selection]
  /// Digest over the values of the selected registers, in the order of the selection.
  public let pcrDigest: [UInt8]

  /// Reads a TPMS_ATTEST and nothing after it.
  ///
  /// - Throws: names the field: `quote.magic`, `quote.type`, `quote.pcrSelect`, ...
  public init(_ bytes: [UInt8], path: String = "quote") throws(FieldError) {
    guard bytes.count <= Self.maxBytes else {
      throw FieldError(field: path, expected: "at most \(Self.maxBytes) bytes", actual: "\(bytes.count) bytes")
    }
    var reader = ByteReader(bytes, path: path)
    let magic = try reader.uint32(bigEndian: "magic")
    guard magic == Self.magic else {
      throw FieldError(field: "\(path).magic", expected: TPMHex.word(Self.magic), actual: TPMHex.word(magic))
    }
    let type = try reader.uint16(bigEndian: "type")
    guard type == Self.type else {
      throw FieldError(field: "\(path).type", expected: TPMHex.word(Self.type), actual: TPMHex.word(type))
    }
    self.bytes = bytes
    qualifiedSigner = try reader.sized16("qualifiedSigner", max: 66)
    extraData = try reader.sized16("extraData", max: 66)
    clockInfo = try Self.clockInfo(&reader, path: path)
    firmwareVersion = try reader.uint64(bigEndian: "firmwareVersion")
    selections = try Self.selections(&reader, path: path)
    pcrDigest = try reader.sized16("pcrDigest", max: 64)
    try reader.finish()
  }

  private static func clockInfo(_ reader: inout ByteReader, path: String) throws(FieldError) -> ClockInfo {
    let clock = try reader.uint64(bigEndian: "clock")
    let resetCount = try reader.uint32(bigEndian: "resetCount")
    let restartCount = try reader.uint32(bigEndian: "restartCount")
    let safe = try reader.uint8("safe")
    guard safe <= 1 else {
      throw FieldError(field: "\(path).safe", expected: "0 or 1", actual: "\(safe)")
    }
    return ClockInfo(clock: clock, resetCount: resetCount, restartCount: restartCount, isSafe: safe == 1)
  }

  private static func selections(_ reader: inout ByteReader, path: String) throws(FieldError) -> [Selection] {
    let field = "\(path).pcrSelect"
    let count = try reader.uint32(bigEndian: "pcrSelect")
    guard count <= PCRBank.maxBanks else {
      throw FieldError(field: field, expected: "at most \(PCRBank.maxBanks) banks", actual: "\(count)")
    }
    var selections: [Selection] = []
    for _ in 0..<count {
      let bank = try BankAlgorithm(reading: &reader, "pcrSelect.hash", path: path)
      guard !selections.contains(where: { $0.bank == bank }) else {
        throw FieldError(field: field, expected: "each bank once", actual: "\(bank.rawValue) twice")
      }
      let size = try reader.uint8("pcrSelect.sizeofSelect")
      // Three bytes hold the 24 registers that there are; more would select what has no meaning here.
      guard (1...3).contains(size) else {
        throw FieldError(field: "\(field).sizeofSelect", expected: "1 to 3", actual: "\(size)")
      }
      let map = try reader.bytes(Int(size), "pcrSelect.select")
      let indexes = (0..<map.count * 8).filter { map[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
      selections.append(Selection(bank: bank, indexes: indexes))
    }
    return selections
  }
}
