import CanonicalJSON
import Cryptography

/// The table in which hosts hand certificates to guests: `auxblob` of configfs-tsm, or behind the report of an extended
/// request (GHCB specification 4.1.8.1). A header of GUID, offset and length for each entry ends with zeros.
enum SNPCertificateTable {
  enum Limits {
    static let entries = 16
    static let bytes = 64 << 10
  }

  enum Entry: String, CaseIterable {
    case vcek = "63da758de6644564adc5f4b93be8accd"
    case vlek = "a8074bc2a25a483eaae639c045a0b8a1"
    case ask = "4ab7b379bbac4fe4a02f05aef327c782"
    case ark = "c0b406a4a803495297433fb6014cd0ae"
    case crl = "92f81bc358114d3d97ffd19f88dc67ea"

    /// GUIDs are written in both orders of the bytes of their first three groups.
    init?(_ guid: [UInt8]) {
      guard guid.count == 16 else { return nil }
      let swapped = guid[0..<4].reversed() + guid[4..<6].reversed() + guid[6..<8].reversed() + guid[8...]
      for entry in Self.allCases
      where entry.rawValue == Hex.encode(guid) || entry.rawValue == Hex.encode(Array(swapped)) {
        self = entry
        return
      }
      return nil
    }
  }

  /// The certificates of the table, in DER or as PEM, the one of the chip or the provider first. nil where the bytes are no such
  /// table; entries of unknown kinds are passed over, since nothing is trusted for standing in a table.
  static func certificates(_ bytes: [UInt8]) -> [[UInt8]]? {
    guard bytes.count <= Limits.bytes else { return nil }
    var reader = ByteReader(bytes)
    var found: [(entry: Entry, der: [UInt8])] = []
    for index in 0... {
      guard index < Limits.entries, let guid = try? reader.bytes(16, "guid"),
        let offset = try? reader.uint32(littleEndian: "offset"), let length = try? reader.uint32(littleEndian: "length")
      else { return nil }
      if guid.allSatisfy({ $0 == 0 }) { break }
      let start = Int(offset)
      guard start <= bytes.count, Int(length) <= bytes.count - start else { return nil }
      if let entry = Entry(guid), entry != .crl {
        let content = Array(bytes[start..<start + Int(length)])
        // Hosts pass on the files that their owner gave them, whatever the form.
        for der in AttachedCertificates.pem(content) ?? [content] { found.append((entry, der)) }
      }
    }
    guard !found.isEmpty else { return nil }
    let order = Entry.allCases
    return found.sorted { (order.firstIndex(of: $0.entry) ?? 0) < (order.firstIndex(of: $1.entry) ?? 0) }.map(\.der)
  }

}
