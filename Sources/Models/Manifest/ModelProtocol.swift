/// What a model can be asked for.
public enum ModelProtocol: String, Sendable, Hashable, CaseIterable {
  case chat
  case completion
  case embeddings
  case images
  case transcription
  case speech
}
