import CanonicalJSON

/// The action types whose effect the fold itself brings about, or records (docs/formats.md sections 7, 14 and 17).
public enum ActionType {
  public static let policySet = "governance.policy.set"
  public static let committeeSet = "governance.committee.set"
  public static let recover = "governance.recover"
  public static let ratify = "governance.ratify"
  public static let resolve = "execution.resolve"
  public static let stop = "box.stop"
  public static let resume = "box.resume"
  public static let seal = "box.seal"
  public static let unseal = "box.unseal"
  public static let revoke = "signer.revoke"
  public static let registerTool = "tool.register"
  public static let retireTool = "tool.retire"
  public static let setCommunity = "community.set"
  public static let approveRelease = "release.approve"
  public static let revokeRelease = "release.revoke"
  public static let lockMeasurement = "measurement.lock"

  /// All of them.
  public static let folded: Set<String> = [
    policySet, committeeSet, recover, ratify, resolve, stop, resume, seal, unseal, revoke, registerTool, retireTool,
    setCommunity, approveRelease, revokeRelease, lockMeasurement,
  ]

  public static let installModel = "model.install"
  public static let removeModel = "model.remove"
  public static let startRunner = "runner.start"
  public static let stopRunner = "runner.stop"
  public static let installPackages = "package.install"
  public static let createSnapshot = "snapshot.create"
  public static let rollBack = "snapshot.rollback"
  public static let createDirectory = "directory.create"

  /// What the privileged process carries out. The fold reads the params and keeps what was executed.
  public static let system: Set<String> = [
    installModel, removeModel, startRunner, stopRunner, installPackages, createSnapshot, rollBack, createDirectory,
  ]

  public static let enrolKeyBox = "key.enrol"
  public static let createKey = "key.create"
  public static let appraiseKey = "key.appraise"
  public static let grantKey = "key.grant"
  public static let revokeKey = "key.revoke"
  public static let retireKey = "key.retire"
  public static let releaseKey = "key.release"
  public static let refuseKey = "key.refuse"
  public static let rotateKey = "key.rotate"
  public static let eraseKey = "key.erase"

  /// What a broker of keys carries out, and what a box does with the keys of its communities. The fold reads the params and
  /// keeps what was executed.
  public static let keys: Set<String> = [
    enrolKeyBox, createKey, appraiseKey, grantKey, revokeKey, retireKey, releaseKey, refuseKey, rotateKey, eraseKey,
  ]

  /// Types that change the constitution and open a new epoch.
  public static let constitutional: Set<String> = [policySet, committeeSet, recover]

  /// First words that no other type may use: an executor cannot be hung on a type that looks like governance.
  static let reservedWords: Set<String> = [
    "governance", "execution", "box", "signer", "tool", "community", "run", "model", "runner", "package", "snapshot",
    "directory", "release", "measurement", "key",
  ]

  /// True for a type that is reserved and does not exist.
  static func isReserved(_ type: String) -> Bool {
    guard let word = type.split(separator: ".").first else { return true }
    return reservedWords.contains(String(word)) && !folded.contains(type) && !system.contains(type)
      && !keys.contains(type)
  }

  /// What still executes while the box is stopped.
  static func runsWhileStopped(_ type: String) -> Bool { folded.contains(type) }

  /// What is still accepted while the box is sealed: the ways out, and what only takes more power away.
  static let acceptedWhileSealed: Set<String> = [unseal, stop, revoke, recover, ratify, resolve]
}
