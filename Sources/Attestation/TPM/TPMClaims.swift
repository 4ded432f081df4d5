public import CanonicalJSON
import Cryptography

/// What a genuine quote of a TPM says.
public struct TPMClaims: MeasuringClaims {
  public let assurance: Assurance
  public let quote: VerifiedQuote
  public let measurements: MeasurementClaims
  /// The attestation key's name; nil where only the bare key was known.
  public let keyName: [UInt8]?
  /// The attestation key's SubjectPublicKeyInfo.
  public let key: TPMPublicKey

  init(
    assurance: Assurance, quote: VerifiedQuote, measurements: MeasurementClaims, keyName: [UInt8]?, key: TPMPublicKey
  ) {
    self.assurance = assurance
    self.quote = quote
    self.measurements = measurements
    self.keyName = keyName
    self.key = key
  }

  public var registers: [String: [UInt8]] { quote.registers }

  public var json: JSON {
    let clock = quote.quote.clockInfo
    return [
      "akName": keyName.map { .string(Hex.encode($0)) } ?? .null, "akAlgorithm": .string(key.algorithm),
      "ak": .string(SHA256.hash(key.spkiDER).hex), "extraData": .string(Hex.encode(quote.quote.extraData)),
      "clock": [
        // Above 2^53 (285,000 years) a number of JSON is not exact.
        "clock": .integer(Int64(clamping: min(clock.clock, UInt64(JSON.maxSafeInteger)))),
        "resetCount": .integer(Int64(clock.resetCount)), "restartCount": .integer(Int64(clock.restartCount)),
        "safe": .bool(clock.isSafe),
      ],
      "pcrs": PCRBank.json(quote.banks), "measurements": measurements.json,
    ]
  }
}
