// What somebody who knows what runs on a machine makes reference values from: the registers as they stand in the evidence.

extension TPMEvidence {
  public var unverifiedRegisters: [String: [UInt8]] {
    pcrs.reduce(into: [:]) { $0.merge($1.registers) { old, _ in old } }
  }
}

extension AzureEvidence {
  public var unverifiedRegisters: [String: [UInt8]] {
    pcrs.reduce(into: [:]) { $0.merge($1.registers) { old, _ in old } }
  }
}

extension SNPEvidence {
  public var unverifiedRegisters: [String: [UInt8]] {
    guard let report = try? SNPReport(report) else { return [:] }
    return [
      "measurement": report.measurement, "host-data": report.hostData, "id-key-digest": report.idKeyDigest,
      "author-key-digest": report.authorKeyDigest,
    ]
  }
}

extension TDXEvidence {
  public var unverifiedRegisters: [String: [UInt8]] { (try? TDXQuote(parsing: quote).report.registers) ?? [:] }
}

extension GCPEvidence {
  public var unverifiedRegisters: [String: [UInt8]] {
    quotes.flatMap(\.pcrs).reduce(into: [:]) { $0.merge($1.registers) { old, _ in old } }
  }
}
