public import CanonicalJSON

/// What the members of a genuine combination say, each for itself.
public struct CombinedClaims: EvidenceClaims {
  /// What one member says.
  public struct Part: Sendable {
    public let kind: EvidenceKind
    public let claims: any EvidenceClaims
  }

  /// By the names of their kinds.
  public let parts: [Part]

  init(parts: [Part]) { self.parts = parts }

  /// That of the weakest: software, where software vouches for any of them.
  public var assurance: Assurance {
    var vendors: [String] = []
    var names: [String] = []
    for part in parts {
      switch part.claims.assurance {
      case .hardware(let vendor): if !vendors.contains(vendor) { vendors.append(vendor) }
      case .software(let name): if !names.contains(name) { names.append(name) }
      }
    }
    return names.isEmpty
      ? .hardware(vendor: vendors.joined(separator: " and ")) : .software(name: names.joined(separator: " and "))
  }

  /// Named `<kind>.<register>`.
  public var registers: [String: [UInt8]] {
    var registers: [String: [UInt8]] = [:]
    for part in parts {
      for (name, value) in part.claims.registers { registers["\(part.kind.rawValue).\(name)"] = value }
    }
    return registers
  }

  public func measured(as _: EvidenceKind) -> [EvidenceKind: [String: [UInt8]]] {
    parts.reduce(into: [:]) { $0.merge($1.claims.measured(as: $1.kind)) { old, _ in old } }
  }

  public var allMeasurements: [MeasurementClaims] { parts.flatMap(\.claims.allMeasurements) }

  public var json: JSON {
    [
      "members": .array(
        parts.map { part in
          [
            "kind": .string(part.kind.rawValue), "assurance": part.claims.assurance.json, "claims": part.claims.json,
          ]
        })
    ]
  }
}
