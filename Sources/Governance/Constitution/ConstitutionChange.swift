import CanonicalJSON

extension Constitution {
  /// The constitution that an action of governance makes of this one, in the next epoch. It is not validated yet.
  /// Throws for other types and for parameters that the type does not take.
  public func applying(_ action: Action) throws(ConstitutionRefusal) -> Constitution {
    if let name = unknownRemoval(action) { throw .unknownPolicy(name) }
    do throws(FieldError) {
      var reader = ObjectReader(members: action.params, path: "action.params")
      let changed: Constitution
      switch action.type {
      case ActionType.policySet: changed = try settingPolicy(&reader)
      case ActionType.committeeSet: changed = try settingCommittees(&reader)
      case ActionType.recover: changed = try recovering(&reader)
      default:
        throw FieldError(field: "action.type", expected: "a change of the constitution", actual: action.type)
      }
      try reader.finish()
      return changed
    } catch {
      throw .parameters(error)
    }
  }

  /// Refuses a change to `new`: it must be the next epoch of the same box, and fit to govern.
  public func validateChange(to new: Constitution) throws(ConstitutionRefusal) {
    try validateChange(to: new, with: .real)
  }

  func validateChange(to new: Constitution, with signatures: SignatureCheck) throws(ConstitutionRefusal) {
    guard new.box == box else { throw .wrongBox(expected: box, actual: new.box) }
    guard new.epoch == epoch + 1 else { throw .wrongEpoch(expected: epoch + 1, actual: new.epoch) }
    try new.validate(with: signatures, after: self)
  }

  private func settingPolicy(_ reader: inout ObjectReader) throws(FieldError) -> Constitution {
    let name = try reader.name("name")
    let json = try reader.json("policy")
    var policies = policies
    policies[name] = json.isNull ? nil : try Policy(json: json, path: reader.pathOf("policy"))
    guard policies.count <= Limits.policies else {
      throw FieldError(
        field: reader.pathOf("name"), expected: "at most \(Limits.policies) policies", actual: "one more")
    }
    return next(signers: Array(signers.values), committees, policies, root, passkeys)
  }

  private func settingCommittees(_ reader: inout ObjectReader) throws(FieldError) -> Constitution {
    let signers = try Self.signers(&reader)
    let committees = try Self.committees(&reader)
    var root = root
    if let json = reader.optionalJSON("root") { root = try RootRule(json: json, path: reader.pathOf("root")) }
    return next(signers: signers, committees, policies, root, try Self.passkeys(&reader) ?? passkeys)
  }

  private func recovering(_ reader: inout ObjectReader) throws(FieldError) -> Constitution {
    next(
      signers: try Self.signers(&reader), try Self.committees(&reader), try Self.policies(&reader),
      try RootRule(json: reader.json("root"), path: reader.pathOf("root")), try Self.passkeys(&reader))
  }

  private func next(
    signers: [Signer], _ committees: [String: [String]], _ policies: [String: Policy], _ root: RootRule,
    _ passkeys: Passkeys?
  ) -> Constitution {
    Constitution(
      box: box, epoch: epoch + 1, signers: signers, committees: committees, policies: policies, root: root,
      passkeys: passkeys)
  }

  private func unknownRemoval(_ action: Action) -> String? {
    guard action.type == ActionType.policySet, let name = action.params["name"]?.string,
      action.params["policy"]?.isNull == true, policies[name] == nil
    else { return nil }
    return name
  }
}
