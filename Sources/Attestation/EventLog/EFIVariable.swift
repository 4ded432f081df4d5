import CanonicalJSON
import Cryptography

/// UEFI_VARIABLE_DATA: a variable as firmware measures it (TCG PC Client Platform Firmware Profile, section 10.4.3).
struct EFIVariable: Sendable, Hashable {
  /// 16 bytes as they are logged.
  let vendor: [UInt8]
  let name: String
  let value: [UInt8]

  /// EFI_GLOBAL_VARIABLE (UEFI section 3.3): SecureBoot, PK, KEK.
  static let global = Hex.decode("61dfe48bca93d211aa0d00e098032b8c") ?? []
  /// EFI_IMAGE_SECURITY_DATABASE_GUID (UEFI section 32.6.1): db, dbx, dbt, dbr.
  static let imageSecurity = Hex.decode("cbb219d73a3d9645a3bcdad00e67656f") ?? []
  /// The GUID of shim: SbatLevel, MokListTrusted, Shim.
  static let shim = Hex.decode("50ab5d6046e00043abb63dd810dd8b23") ?? []

  /// nil where the data is not exactly one variable.
  init?(_ data: [UInt8]) {
    var reader = ByteReader(data)
    do throws(FieldError) {
      vendor = try reader.bytes(16, "vendor")
      let nameCount = try reader.uint64(littleEndian: "nameLength")
      let valueCount = try reader.uint64(littleEndian: "valueLength")
      // 1,024 characters are more than any firmware stores; the bound keeps the product below from overflowing.
      guard nameCount <= 1024, valueCount <= UInt64(data.count) else { return nil }
      let nameBytes = try reader.bytes(Int(nameCount) * 2, "name")
      value = try reader.bytes(Int(valueCount), "value")
      try reader.finish()
      guard let name = LoggedText.utf16(nameBytes) else { return nil }
      self.name = name
    } catch {
      return nil
    }
  }

  /// Whether it is one of the variables that make the secure-boot policy.
  var isSecureBootPolicy: Bool {
    switch vendor {
    case Self.global: [ExactText("SecureBoot"), ExactText("PK"), ExactText("KEK")].contains(ExactText(name))
    case Self.imageSecurity: ["db", "dbx", "dbt", "dbr"].contains(name)
    default: false
    }
  }

  /// Whether it can be what authorised an image: an entry of `db`, or what shim checked an image against.
  var isAuthority: Bool { vendor == Self.imageSecurity && name == "db" || vendor == Self.shim }
}
