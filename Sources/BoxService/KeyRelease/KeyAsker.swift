import Attestation
import Cryptography
import KeyRelease

/// Where the key of the box's data comes from, and whether it is here.
enum DataKey: Sendable, Hashable {
  /// `keys/master.key`.
  case file
  /// A broker has it. The box shows its log until it is here, and says why it is not.
  case awaited(why: String)
  /// A broker released it to this start of the box, and the data is open.
  case released(Released)

  struct Released: Sendable, Hashable {
    /// The action digest of the release.
    var release: SHA256Digest
    /// The software that the broker accepted, `any` where its policy asks for none.
    var accepted: String
    /// Hardware stands at the end of the chain that the broker followed.
    var isHardware: Bool
  }
}

/// Asks the broker for the key of the box's data. One release at a time: what people have not decided is asked for again, and
/// no second one is proposed to them.
actor KeyAsker {
  nonisolated let measurer: RuntimeMeasurer
  nonisolated let configuration: KeyReleaseConfiguration
  private let wrapping: X25519.PrivateKey
  private let client: KeyReleaseClient
  /// The release that nobody has decided yet.
  private var pending: SHA256Digest?

  /// - Parameters:
  ///   - machine: what makes the evidence, and the key to which the broker seals.
  ///   - at: Unix milliseconds, for the certificate of this end of the connection.
  init(_ configuration: KeyReleaseConfiguration, machine: BoxMachine, at: Int64) throws {
    self.configuration = configuration
    measurer = machine.measurer
    wrapping = machine.wrapping
    client = try KeyReleaseClient(
      broker: configuration.broker, box: configuration.box,
      identity: try ChannelIdentity(key: .generate(), name: configuration.box, at: at))
  }

  /// Asks, and waits for people as long as the configuration says.
  func ask() async throws(KeyReleaseFailure) -> ReleasedKey {
    let measurer = measurer
    let attester: KeyReleaseClient.Attester = { try await measurer.evidence(binding: $0) }
    do throws(KeyReleaseFailure) {
      // The name of the release first: a broker that is started again meanwhile is asked for the same one.
      guard let pending else {
        return try await client.release(
          configuration.key, wrapping: wrapping, patience: .zero, attester: attester)
      }
      return try await resume(pending, attester)
    } catch .undecided(let release, _) where pending == nil {
      pending = release
      return try await resume(release, attester)
    }
  }

  private func resume(
    _ release: SHA256Digest, _ attester: KeyReleaseClient.Attester
  ) async throws(KeyReleaseFailure) -> ReleasedKey {
    do throws(KeyReleaseFailure) {
      return try await client.resume(
        release, key: configuration.key, wrapping: wrapping, patience: .seconds(configuration.patience),
        attester: attester)
    } catch {
      switch error {
      // It is still there, as far as anybody can tell from here.
      case .undecided, .unreachable, .evidence: break
      // Denied, expired, or not known to this broker: the next question is a new one.
      case .refused, .malformed, .doesNotOpen: pending = nil
      }
      throw error
    }
  }

  nonisolated func shutDown() { client.shutDown() }
}
