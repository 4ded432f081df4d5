public import CanonicalJSON
import Cryptography

/// The security versions of a platform's firmware, as the 8 bytes TCB_VERSION of a product carry them (AMD 56860 table 3).
public struct SNPTCB: Sendable, Hashable {
  /// The first mutable code; Turin only.
  public let fmc: UInt8?
  public let bootLoader: UInt8
  public let tee: UInt8
  public let snp: UInt8
  public let microcode: UInt8

  /// Reads the 8 bytes. Reserved bytes must be zero: a later product would put something there that nobody compares.
  init(_ bytes: [UInt8], of product: SNPProduct, field: String) throws(FieldError) {
    var reader = ByteReader(bytes, path: field)
    switch product {
    case .milan, .genoa:
      fmc = nil
      bootLoader = try reader.uint8("boot loader")
      tee = try reader.uint8("tee")
      try reader.zeros(4, "reserved")
      snp = try reader.uint8("snp")
    case .turin:
      fmc = try reader.uint8("fmc")
      bootLoader = try reader.uint8("boot loader")
      tee = try reader.uint8("tee")
      snp = try reader.uint8("snp")
      try reader.zeros(3, "reserved")
    }
    microcode = try reader.uint8("microcode")
    try reader.finish()
  }

  init(fmc: UInt8?, bootLoader: UInt8, tee: UInt8, snp: UInt8, microcode: UInt8) {
    self.fmc = fmc
    self.bootLoader = bootLoader
    self.tee = tee
    self.snp = snp
    self.microcode = microcode
  }

  /// A minimum of a policy, every component written out; `fmc` exactly for Turin.
  init(json: JSON, of product: SNPProduct, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    fmc = product == .turin ? UInt8(truncatingIfNeeded: try reader.integer("fmc", in: 0...255)) : nil
    bootLoader = UInt8(truncatingIfNeeded: try reader.integer("bootLoader", in: 0...255))
    tee = UInt8(truncatingIfNeeded: try reader.integer("tee", in: 0...255))
    snp = UInt8(truncatingIfNeeded: try reader.integer("snp", in: 0...255))
    microcode = UInt8(truncatingIfNeeded: try reader.integer("microcode", in: 0...255))
    try reader.finish()
  }

  /// Whether no component is below the minimum's. As one integer a new boot loader would hide old microcode.
  public func isAtLeast(_ minimum: SNPTCB) -> Bool {
    (fmc ?? 0) >= (minimum.fmc ?? 0) && bootLoader >= minimum.bootLoader && tee >= minimum.tee && snp >= minimum.snp
      && microcode >= minimum.microcode
  }

  public var json: JSON {
    var object: JSONObject = [
      "bootLoader": .integer(Int64(bootLoader)), "tee": .integer(Int64(tee)), "snp": .integer(Int64(snp)),
      "microcode": .integer(Int64(microcode)),
    ]
    if let fmc { object["fmc"] = .integer(Int64(fmc)) }
    return .object(object)
  }
}

extension SNPTCB: CustomStringConvertible {
  /// `4/0/24/219`: boot loader, TEE, SNP and microcode, after Turin's FMC.
  public var description: String {
    ((fmc.map { [$0] } ?? []) + [bootLoader, tee, snp, microcode]).map(String.init).joined(separator: "/")
  }
}
