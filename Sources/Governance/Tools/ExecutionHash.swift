import CanonicalJSON
import Cryptography

/// Everything that fixes a run, and what came of it, under one digest (docs/formats.md section 13). The run's name does not
/// enter it: whoever runs the same program with the same answers gets the same hash, on any machine.
public struct ExecutionHash: Sendable, Hashable {
  /// Digest of the manifest.
  public var tool: SHA256Digest
  public var source: SHA256Digest
  public var limits: ToolManifest.Limits
  public var community: String
  /// Name and version of the engine that computed the outcome: of the last session, which went through it all.
  public var engine: String
  /// Salted digest of the input.
  public var input: SHA256Digest
  /// 32 bytes.
  public var seed: [UInt8]
  /// `at` of the `run.started` entry (Unix milliseconds).
  public var start: Int64
  public var chain: RunChain
  public var fuel: Int64
  public var outcome: RunOutcome

  /// The version of the shape below.
  public static let version: Int64 = 1

  public init(
    manifest: ToolManifest, community: String, engine: String, input: SHA256Digest, seed: [UInt8], start: Int64,
    chain: RunChain, fuel: Int64, outcome: RunOutcome
  ) {
    tool = manifest.digest
    source = manifest.source
    limits = manifest.limits
    self.community = community
    self.engine = engine
    self.input = input
    self.seed = seed
    self.start = start
    self.chain = chain
    self.fuel = fuel
    self.outcome = outcome
  }

  /// What is hashed.
  public var json: JSON {
    [
      "calls": .integer(chain.count), "chain": .string(chain.digest.hex), "community": .string(community),
      "engine": .string(engine), "fuel": .integer(fuel), "input": .string(input.hex), "limits": limits.json,
      "outcome": outcome.hashed, "seed": .string(Hex.encode(seed)), "source": .string(source.hex),
      "start": .integer(start), "tool": .string(tool.hex), "version": .integer(Self.version),
    ]
  }

  /// The execution hash: SHA-256 of the canonical bytes.
  public var digest: SHA256Digest { .of(json) }
}
