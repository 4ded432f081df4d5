import Attestation
import CanonicalJSON
import Cryptography
import Governance
import HTTPClient

/// The box's side: asks a broker for a key, proves what runs here, and opens what comes.
///
/// Both ends of the connection show a key. The broker's is pinned; the box's own is bound into its evidence, with the
/// broker's nonce, the wrapping key and the box's name, so that evidence passed on by somebody else is worth nothing.
public final class KeyReleaseClient: Sendable {
  /// Where the broker is and by what key it is known.
  public struct Broker: Sendable, Hashable {
    /// Such as `https://broker.example:8472`.
    public var url: String
    /// SHA-256 of the SubjectPublicKeyInfo of its TLS key; `safebox broker serve` prints it.
    public var key: SHA256Digest

    public init(url: String, key: SHA256Digest) {
      self.url = url
      self.key = key
    }
  }

  /// Makes evidence that carries the 32 bytes.
  public typealias Attester = @Sendable (_ binding: [UInt8]) async throws -> Evidence

  /// How long to wait between two questions about a release that people decide.
  public static let pollInterval = Duration.seconds(2)

  public let broker: Broker
  /// The name by which the broker knows this box.
  public let box: String
  private let identity: ChannelIdentity
  private let client: HTTPClient
  private let egress: EgressPolicy

  /// - Parameter identity: this box's end of the connection.
  /// - Throws: `FieldError` for a URL that is none, or not `https`.
  public init(broker: Broker, box: String, identity: ChannelIdentity) throws(FieldError) {
    guard let url = try? HTTPURL(broker.url), url.scheme == .https else {
      throw FieldError(field: "broker", expected: "an https URL", actual: JSON.string(broker.url).summary)
    }
    guard Name.isOrigin(box) else {
      throw FieldError(field: "box", expected: "the name of a box", actual: JSON.string(box).summary)
    }
    self.broker = broker
    self.box = box
    self.identity = identity
    var configuration = HTTPClient.Configuration()
    configuration.pinnedPublicKey = ChannelIdentity.pin(broker.key)
    configuration.trustsPinnedKeyAlone = true
    configuration.identity = .init(
      certificateChainPEM: identity.certificatePEM, privateKeyPEM: identity.privateKeyPEM)
    client = HTTPClient(configuration)
    egress = .only([(host: url.host, port: url.port)])
  }

  /// Closes its connections.
  public func shutDown() { client.shutDown() }

  /// Asks for a key and waits until it is released, refused, or the time is up.
  ///
  /// - Parameters:
  ///   - wrapping: the key to which the broker seals; a fresh one for each call.
  ///   - patience: how long to wait for people. The release stays open; `resume` asks again for the same one.
  ///   - attester: called once, and again whenever the evidence has become too old while people decided.
  public func release(
    _ key: String, wrapping: X25519.PrivateKey, patience: Duration, attester: Attester
  ) async throws(KeyReleaseFailure) -> ReleasedKey {
    let (nonce, evidence) = try await evidence(wrapping: wrapping, attester)
    let request = ReleaseRequest(
      key: key, box: box, wrapping: wrapping.publicKey, nonce: nonce, evidence: evidence)
    let answer = try await ask(BrokerMessages.Path.releases, request.json)
    return try await follow(answer, key: key, wrapping: wrapping, patience: patience, attester: attester)
  }

  /// Goes on with a release that `release` left undecided. The wrapping key must be the one of then.
  public func resume(
    _ release: SHA256Digest, key: String, wrapping: X25519.PrivateKey, patience: Duration, attester: Attester
  ) async throws(KeyReleaseFailure) -> ReleasedKey {
    let answer = try await ask("\(BrokerMessages.Path.releases)/\(release.hex)", ReleasePoll(renewal: nil).json)
    return try await follow(answer, key: key, wrapping: wrapping, patience: patience, attester: attester)
  }

  private func follow(
    _ first: JSON, key: String, wrapping: X25519.PrivateKey, patience: Duration, attester: Attester
  ) async throws(KeyReleaseFailure) -> ReleasedKey {
    let deadline = ContinuousClock.now.advanced(by: patience)
    var json = first
    while true {
      let answer: ReleaseAnswer
      do {
        answer = try ReleaseAnswer(json: json)
      } catch {
        throw .malformed("\(error)")
      }
      switch answer {
      case .released(let statement, let sealed):
        let record = try check(statement, key: key, wrapping: wrapping)
        do {
          return ReleasedKey(
            key: try ReleaseSeal.open(sealed, with: wrapping, for: statement.digest), release: statement.digest,
            record: record)
        } catch {
          throw .doesNotOpen
        }
      case .pending(let statement, let status, let wantsEvidence):
        _ = try check(statement, key: key, wrapping: wrapping)
        guard ContinuousClock.now < deadline else { throw .undecided(release: statement.digest, status: status) }
        var renewal: (nonce: [UInt8], evidence: JSON)?
        if wantsEvidence {
          renewal = try await evidence(wrapping: wrapping, attester)
        } else {
          do {
            try await Task.sleep(for: min(Self.pollInterval, ContinuousClock.now.duration(to: deadline)))
          } catch {
            throw .undecided(release: statement.digest, status: status)
          }
        }
        json = try await ask(
          "\(BrokerMessages.Path.releases)/\(statement.digest.hex)", ReleasePoll(renewal: renewal).json)
      }
    }
  }

  /// A broker that answers about another release would have its key opened under a name that nobody asked for.
  private func check(
    _ statement: Statement, key: String, wrapping: X25519.PrivateKey
  ) throws(KeyReleaseFailure) -> KeyReleaseRecord {
    let record: KeyReleaseRecord
    do {
      guard statement.action.type == ActionType.releaseKey else {
        throw FieldError(field: "action.type", expected: ActionType.releaseKey, actual: statement.action.type)
      }
      record = try KeyReleaseRecord(params: statement.action.params)
    } catch {
      throw .malformed("\(error)")
    }
    guard record.key == key, record.box == box, record.wrapping == wrapping.publicKey, record.tls == identity.digest
    else { throw .malformed("it is about the key \(record.key) for \(record.box), or for other keys than this box's") }
    return record
  }

  private func evidence(
    wrapping: X25519.PrivateKey, _ attester: Attester
  ) async throws(KeyReleaseFailure) -> (nonce: [UInt8], evidence: JSON) {
    let answer = try await ask(BrokerMessages.Path.nonce, [:])
    guard let nonce = (answer["nonce"]?.string).flatMap({ Hex.decode($0) }), nonce.count == NonceBook.bytes else {
      throw .malformed("no nonce")
    }
    let binding = ReleaseBinding(nonce: nonce, wrapping: wrapping.publicKey, tls: identity.digest, box: box)
    do {
      return (nonce, try await attester(binding.bytes).json)
    } catch {
      throw .evidence("\(error)")
    }
  }

  /// Whether the pinned broker answers: asks for a nonce, which is not used.
  public func checkReachable() async throws(KeyReleaseFailure) { _ = try await ask(BrokerMessages.Path.nonce, [:]) }

  /// Makes this box known: shows its TPM's keys, and answers the broker's challenge where there is one.
  ///
  /// - Parameter activate: TPM2_ActivateCredential; gets the credential and the encrypted secret, and gives what was in it.
  /// - Returns: the proposal `key.enrol`, which the broker's owners decide.
  public func enrol(
    _ request: EnrolmentRequest, activate: @Sendable (_ credential: [UInt8], _ secret: [UInt8]) async throws -> [UInt8]
  ) async throws(KeyReleaseFailure) -> SHA256Digest {
    var answer = try await ask(BrokerMessages.Path.challenge, request.json)
    if let challenge = answer["challenge"] {
      guard let credential = (answer["credential"]?.string).flatMap({ Base64.decode($0) }),
        let secret = (answer["secret"]?.string).flatMap({ Base64.decode($0) })
      else { throw .malformed("a challenge without its parts") }
      let opened: [UInt8]
      do {
        opened = try await activate(credential, secret)
      } catch {
        throw .evidence("the TPM does not open the challenge: \(error)")
      }
      answer = try await ask(
        BrokerMessages.Path.proof, ["challenge": challenge, "answer": .string(Hex.encode(opened))])
    }
    guard let proposal = (answer["proposal"]?.string).flatMap({ SHA256Digest(hex: $0) }) else {
      throw .malformed("no proposal")
    }
    return proposal
  }

  func ask(_ path: String, _ body: JSON) async throws(KeyReleaseFailure) -> JSON {
    let response: HTTPClientResponse
    do {
      response = try await client.send(
        HTTPClientRequest(
          method: "POST", url: broker.url + path, headers: [HTTPClientHeader("Content-Type", "application/json")],
          body: body.canonicalBytes(), deadline: .seconds(120), maxResponseBytes: BrokerMessages.maxAnswerBytes),
        policy: egress)
    } catch {
      throw .unreachable("\(error)")
    }
    let answer = try? JSON(parsing: response.body, limits: .document(maxBytes: BrokerMessages.maxAnswerBytes))
    guard (200...299).contains(response.status) else { throw Self.refusal(response.status, answer ?? [:]) }
    guard let answer else { throw .malformed("status \(response.status) without JSON") }
    return answer
  }

  static func refusal(_ status: Int, _ answer: JSON) -> KeyReleaseFailure {
    let detail = answer["detail"]?.string ?? "status \(status)"
    guard status == 403, let reason = answer["code"]?.string else {
      // A broker that is busy says nothing about the release: who has one under way goes on with it.
      return status == 429 || status >= 500 ? .unreachable(detail) : .malformed(detail)
    }
    return .refused(
      entry: (answer["entry"]?.string).flatMap { SHA256Digest(hex: $0) }, reason: reason, detail: detail,
      registers: (answer["registers"]?.array ?? []).compactMap(\.string))
  }
}
