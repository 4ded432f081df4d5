public import CanonicalJSON
import Cryptography

/// What genuine evidence of an Azure confidential VM says.
public struct AzureClaims: MeasuringClaims {
  public enum Hardware: Sendable {
    case snp(SNPClaims)
    case tdx(VerifiedTDXQuote)
  }

  public let hardware: Hardware
  public let runtimeData: AzureRuntimeData
  public let quote: VerifiedQuote
  public let measurements: MeasurementClaims

  public var assurance: Assurance {
    switch hardware {
    case .snp(let claims): claims.assurance
    case .tdx(let quote): quote.assurance
    }
  }

  /// The TPM's, and those of the hardware below, which measure the paravisor.
  public var registers: [String: [UInt8]] {
    let below =
      switch hardware {
      case .snp(let claims): claims.registers
      case .tdx(let quote): quote.registers
      }
    return quote.registers.merging(below) { ours, _ in ours }
  }

  public var json: JSON {
    let below: JSON =
      switch hardware {
      case .snp(let claims): ["snp": claims.json]
      case .tdx(let quote): ["tdx": quote.json]
      }
    return [
      "hardware": below, "runtimeData": runtimeData.json, "pcrs": PCRBank.json(quote.banks),
      "extraData": .string(Hex.encode(quote.quote.extraData)), "measurements": measurements.json,
    ]
  }
}
