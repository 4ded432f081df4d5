import CanonicalJSON

/// What a policy demands of the guest policy under which a guest was launched. Debugging is refused by a rule of its own.
struct SNPGuestPolicyDemands: Sendable, Hashable {
  /// Major and minor version of the firmware's interface.
  let minimumABI: ABI?
  let flags: [Flag: Bool]

  struct ABI: Sendable, Hashable {
    let major: UInt8
    let minor: UInt8
  }

  enum Flag: String, CaseIterable {
    case smt, migration, singleSocket, cxl, aes256xts, raplOff, ciphertextHiding, pageSwapOff

    func value(in policy: SNPGuestPolicy) -> Bool {
      switch self {
      case .smt: policy.allowsSMT
      case .migration: policy.allowsMigration
      case .singleSocket: policy.demandsSingleSocket
      case .cxl: policy.allowsCXL
      case .aes256xts: policy.demandsAES256XTS
      case .raplOff: policy.demandsNoRAPL
      case .ciphertextHiding: policy.demandsCiphertextHiding
      case .pageSwapOff: policy.forbidsPageSwap
      }
    }
  }

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    var ignored = JSONObject()
    minimumABI = try reader.anyOr("minimumABI", &ignored) { json, path throws(FieldError) -> ABI in
      var reader = try ObjectReader(json, path: path)
      let major = UInt8(truncatingIfNeeded: try reader.integer("major", in: 0...255))
      let minor = UInt8(truncatingIfNeeded: try reader.integer("minor", in: 0...255))
      try reader.finish()
      return ABI(major: major, minor: minor)
    }
    var flags: [Flag: Bool] = [:]
    for flag in Flag.allCases { flags[flag] = try reader.anyOrBool(flag.rawValue) }
    self.flags = flags
    try reader.finish()
  }
}

/// What a policy demands to be on or off in the platform.
struct SNPPlatformDemands: Sendable, Hashable {
  let flags: [SNPPlatformInfo.Flag: Bool]

  init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    var flags: [SNPPlatformInfo.Flag: Bool] = [:]
    for flag in SNPPlatformInfo.Flag.allCases { flags[flag] = try reader.anyOrBool(flag.rawValue) }
    self.flags = flags
    try reader.finish()
  }
}
