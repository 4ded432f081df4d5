public import CanonicalJSON
import Cryptography

/// What genuine evidence of a Google vTPM says.
public struct GCPClaims: MeasuringClaims {
  public let assurance: Assurance
  /// What Google certifies of the machine.
  public let machine: GCPInstanceCertificate
  /// One or more, each bank once.
  public let quotes: [VerifiedQuote]
  public let measurements: MeasurementClaims
  /// The attestation key's name.
  public let keyName: [UInt8]
  public let key: TPMPublicKey

  init(
    assurance: Assurance, machine: GCPInstanceCertificate, quotes: [VerifiedQuote], measurements: MeasurementClaims,
    keyName: [UInt8], key: TPMPublicKey
  ) {
    self.assurance = assurance
    self.machine = machine
    self.quotes = quotes
    self.measurements = measurements
    self.keyName = keyName
    self.key = key
  }

  public var registers: [String: [UInt8]] {
    quotes.reduce(into: [:]) { $0.merge($1.registers) { old, _ in old } }
  }

  public var json: JSON {
    [
      "machine": machine.json, "akName": .string(Hex.encode(keyName)), "akAlgorithm": .string(key.algorithm),
      "ak": .string(SHA256.hash(key.spkiDER).hex), "pcrs": PCRBank.json(quotes.flatMap(\.banks)),
      "measurements": measurements.json,
    ]
  }
}
