import Governance

extension Fault {
  /// What the fold expected and what the entry says, where the fault is that the two differ.
  var expectation: (expected: String, actual: String)? {
    switch self {
    case .order(.notCreated(let first)): ("box.created", first.rawValue)
    case .order(.timeReversed(let last, let actual)): ("at least \(last)", "\(actual)")
    case .order(.createdTwice): nil
    case .body(_, let error): ("\(error.field): \(error.expected)", error.actual)
    case .constitution: nil
    case .statement(let fault): fault.expectation
    case .claim(let fault): fault.expectation
    case .vote(let fault): fault.expectation
    case .execution(let fault): fault.expectation
    case .run(let fault): fault.expectation
    case .identity(let fault): fault.expectation
    case .measurement(let fault): fault.expectation
    }
  }
}

extension IdentityFault {
  fileprivate var expectation: (expected: String, actual: String)? {
    switch self {
    case .claim(let fault): fault.expectation
    case .key: nil
    case .future(let size, let actual): ("at most \(size)", "\(actual)")
    case .counter(let last, let actual): ("at least \(last)", actual.map { "\($0)" } ?? "none")
    }
  }
}

extension MeasurementFault {
  fileprivate var expectation: (expected: String, actual: String)? {
    switch self {
    case .boot(let expected, let actual), .index(let expected, let actual): ("\(expected)", "\(actual)")
    case .locked, .off, .tooMany, .repeated, .unmeasured: nil
    }
  }
}

extension StatementFault {
  fileprivate var expectation: (expected: String, actual: String)? {
    switch self {
    case .digest(let expected, let actual), .policy(let expected, let actual), .nonce(let expected, let actual):
      (expected.hex, actual.hex)
    case .box(let expected, let actual): (expected, actual)
    case .epoch(let expected, let actual): ("\(expected)", "\(actual)")
    case .expired(let expires, let at): ("before \(expires)", "\(at)")
    case .expiresTooLate(let limit, let actual): ("at most \(limit)", "\(actual)")
    default: nil
    }
  }
}

extension ClaimFault {
  fileprivate var expectation: (expected: String, actual: String)? {
    switch self {
    case .issuer(let expected, let actual), .subject(let expected, let actual): (expected, actual)
    case .statement(let field, let expected, let actual): ("\(field): \(expected)", actual)
    case .keys(let expected, let actual): ("\(expected)", "\(actual)")
    case .expiryTooFar(let limit, let actual): ("at most \(limit)", "\(actual)")
    default: nil
    }
  }
}

extension VoteFault {
  fileprivate var expectation: (expected: String, actual: String)? {
    switch self {
    case .notOpen(_, let status): ("open, approved or locked", status.name)
    case .notProposer(let expected, let actual): (expected, actual)
    default: nil
    }
  }
}

extension ExecutionFault {
  fileprivate var expectation: (expected: String, actual: String)? {
    func shown(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "none" }
    return switch self {
    case .refused(.notApproved(_, let status)): ("approved", status.name)
    case .refused(.unknownProposal): ("a proposal that was opened", "none")
    case .approvals(let expected, let actual): (expected.joined(separator: ", "), actual.joined(separator: ", "))
    case .mode(let expected, let actual): (expected.rawValue, actual.rawValue)
    case .notExecuting(_, let status): ("executing", status?.name ?? "not known")
    case .epoch(let expected, let actual): (shown(expected), shown(actual))
    case .constitution(let expected, let actual): (shown(expected), shown(actual))
    default: nil
    }
  }
}

extension RunFault {
  fileprivate var expectation: (expected: String, actual: String)? {
    switch self {
    case .calls(let expected, let actual): ("\(expected)", "\(actual)")
    case .callLimit(let limit, let actual): ("below \(limit)", "\(actual)")
    case .chain(let expected, let actual), .execution(let expected, let actual): (expected.hex, actual.hex)
    case .isolation(let expected, let actual): (expected.backend, actual.backend)
    default: nil
    }
  }
}
