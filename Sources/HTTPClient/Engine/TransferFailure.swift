import CCurl

/// libcurl's result codes in this room's words.
enum TransferFailure {
  static func kind(
    of code: CURLcode, text: String, place: String, host: String, wasSent: Bool
  ) -> HTTPClientError.Kind {
    let reason = text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
    switch code {
    case CURLE_OK: return .malformedResponse("no header section")
    case CURLE_OPERATION_TIMEDOUT:
      // libcurl has one code for both; only its text tells them apart.
      if text.hasPrefix("Operation too slow") { return .tooSlow }
      return .deadlineExceeded(wasSent ? .waiting : .connecting)
    case CURLE_PARTIAL_FILE: return .truncated
    case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST:
      return .connectFailed(to: place, reason: reason)
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_INVALIDCERTSTATUS:
      return .tls(host: host, reason: reason)
    case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR: return .connectionLost(reason)
    case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING:
      return .malformedResponse(reason)
    default: return .library(reason)
    }
  }
}
