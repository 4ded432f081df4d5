/// A line of AMD EPYC processors with SEV-SNP. Each has its own root, and Turin its own layout of TCB versions.
public enum SNPProduct: String, Sendable, Hashable, CaseIterable {
  case milan = "Milan"
  case genoa = "Genoa"
  case turin = "Turin"

  /// The line of a combined family and model number (CPUID Fn0000_0001_EAX), which reports carry from version 3 on.
  public init?(family: UInt8, model: UInt8) {
    switch (family, model) {
    case (0x19, 0x00...0x0F): self = .milan
    // Bergamo and Siena (0xA0...0xAF) hang below Genoa's root.
    case (0x19, 0x10...0x1F), (0x19, 0xA0...0xAF): self = .genoa
    case (0x1A, 0x00...0x1F): self = .turin
    default: return nil
    }
  }

  /// The line of the extension productName, which may name a stepping: `Milan-B0` (AMD 57230 section 3.1).
  init?(productName: String) {
    switch productName.prefix(while: { $0 != "-" }) {
    case "Milan": self = .milan
    case "Genoa", "Bergamo", "Siena": self = .genoa
    case "Turin": self = .turin
    default: return nil
    }
  }

  /// How many bytes of the chip's identity its certificates carry. Turin's is shorter than the report's field.
  var hardwareIDCount: Int { self == .turin ? 8 : 64 }
}
