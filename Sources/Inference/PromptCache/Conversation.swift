import CanonicalJSON
import Cryptography

/// Which conversation a request continues.
///
/// The key binds the owner and the model: a saved prefix of one owner can never be found by another, whatever the words.
struct Conversation: Sendable, Hashable {
  /// SHA-256 over owner, model digest and the client's tag or the leading messages.
  let key: SHA256Digest
  /// Who it belongs to: the client, and its tenant where it names one.
  let owner: String
  /// A digest after each message, each over all before it: tells whether a later request continues an earlier one.
  let chain: [SHA256Digest]

  /// - Parameters:
  ///   - tag: what the client calls the conversation; without it the messages up to the first of the user do.
  ///   - messages: those of the request, in order.
  init(owner: String, model: SHA256Digest, tag: String?, messages: [JSON]) {
    self.owner = owner
    var chain: [SHA256Digest] = []
    chain.reserveCapacity(messages.count)
    var running = SHA256.hash(utf8: "safebox conversation")
    var lead: SHA256Digest?
    for message in messages {
      var hash = SHA256()
      hash.update(running)
      hash.update(message.canonicalBytes())
      running = hash.finalize()
      chain.append(running)
      if lead == nil, message["role"]?.string == "user" { lead = running }
    }
    self.chain = chain
    let name: JSON = tag.map { ["tag": .string($0)] } ?? ["lead": .string((lead ?? running).hex)]
    let identity: JSON = ["owner": .string(owner), "model": .string(model.hex), "name": name]
    key = SHA256.hash(identity.canonicalBytes())
  }

  /// Whether this request holds every message of an earlier one, first of all and in order.
  func extends(_ earlier: Turn) -> Bool {
    earlier.count > 0 && earlier.count <= chain.count && chain[earlier.count - 1] == earlier.digest
  }

  /// What the latest turn was.
  var turn: (count: Int, digest: SHA256Digest)? { chain.last.map { (chain.count, $0) } }

  /// A turn that a runner has answered.
  struct Turn: Sendable, Hashable {
    var count: Int
    var digest: SHA256Digest
    /// Tokens of its prompt.
    var promptTokens: Int64
    /// Tokens of its answer.
    var answerTokens: Int64

    /// The tokens that a turn which extends this one finds again. At least all of the prompt but a tail, which templates
    /// render otherwise once an answer follows (16 tokens, or an eighth of a long prompt); at most prompt and answer, and
    /// as many again for what a template closes the answer with.
    var own: ClosedRange<Int64> {
      let least = max(1, promptTokens - max(16, promptTokens / 8))
      return least...(promptTokens + answerTokens + 16)
    }
  }
}
