/// How much of conversations is kept.
public struct PromptCacheLimits: Sendable, Hashable {
  /// Conversations that are remembered.
  public var conversations = 4096
  /// Saved slots of all runners together.
  public var files = 256
  /// Bytes of saved slots together.
  public var bytes: Int64 = 8 << 30
  /// Prompts with fewer tokens are not worth saving.
  public var minimumTokens: Int64 = 32
  /// How long a runner may take to save, restore or erase a slot.
  public var slotDeadline: Duration = .seconds(30)

  /// The defaults.
  public init() {}
}
