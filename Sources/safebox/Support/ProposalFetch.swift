import CanonicalJSON
import Cryptography
import Terminal

/// A proposal from the box, or from a file that `safebox show --json` wrote.
enum ProposalFetch {
  /// The proposal with its openings merged in as `openings`, and its checked text.
  static func fetch(_ id: String, _ connection: BoxConnection) async throws -> (JSON, ProposalText) {
    let digest = try digest(id)
    var proposal = try await connection.get("/v1/proposals/\(digest.hex)").object ?? [:]
    // Without the scope the values stay private; the caller is told what it does not see.
    if let openings = try? await connection.get("/v1/proposals/\(digest.hex)/openings")["openings"] {
      proposal["openings"] = openings
    }
    let text = try ProposalText(proposal: .object(proposal), openings: proposal["openings"], expected: digest)
    return (.object(proposal), text)
  }

  static func digest(_ id: String) throws(CommandError) -> SHA256Digest {
    guard let digest = SHA256Digest(hex: id) else {
      throw CommandError(
        "\"\(id)\" is not an action digest", hints: ["64 hexadecimal digits, as `safebox proposals` shows them"],
        exitCode: .usage)
    }
    return digest
  }
}
