import CanonicalJSON
import HTTPClient

extension ModelRoute {
  /// A connection for one call.
  func connection(_ services: HostServices, _ context: HostCallContext) -> VendorConnection {
    VendorConnection(
      services, community: context.community, url: url, socket: shape == .runner ? services.gateway : socket,
      secret: secret,
      credential: shape == .anthropic ? .header("x-api-key") : .bearer)
  }

  /// What a shape wants beside the key. A runner is told the call's name, which says nothing of the run.
  func headers(_ context: HostCallContext, timeout: Int64) -> [HTTPClientHeader] {
    switch shape {
    case .openai: []
    case .anthropic: [HTTPClientHeader("anthropic-version", AnthropicChat.version)]
    case .local, .runner:
      [
        HTTPClientHeader("X-Safebox-Request-Id", "\(context.run)-\(context.call)"),
        HTTPClientHeader("X-Safebox-Tenant", context.community),
        HTTPClientHeader("X-Safebox-Timeout-Ms", String(timeout * 1000)),
      ]
    }
  }

  var chat: any ChatShape {
    switch shape {
    case .openai: OpenAIChat(outputLimit: "max_completion_tokens")
    case .local, .runner: OpenAIChat(outputLimit: "max_tokens")
    case .anthropic: AnthropicChat()
    }
  }
}
