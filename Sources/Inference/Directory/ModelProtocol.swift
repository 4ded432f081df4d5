/// What a model can be asked for; the names are those of a model's manifest.
public enum ModelProtocol: String, Sendable, Hashable, CaseIterable {
  /// Messages in, one message out.
  case chat
  /// A text in, its continuation out.
  case completion
  /// Texts in, vectors out.
  case embeddings
  /// A text in, a picture out.
  case images
  /// Sound in, a text out.
  case transcription
  /// A text in, sound out.
  case speech
}
