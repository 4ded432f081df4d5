import CCurl

/// What an engine drives: one handle with its options, until libcurl says how it ended. Used on the engine's thread only.
protocol RunningTransfer: AnyObject {
  /// Puts every option on the handle.
  func configure() throws(HTTPClientErrorKind)
  /// Reports the result. Called before the handle is reset.
  func finish(_ code: CURLcode)
  /// Reports that it ended for another reason than libcurl's.
  func fail(_ kind: HTTPClientError.Kind)
}

/// How an engine gets a transfer for a handle, and whom it tells when there is no handle.
struct TransferOrder: Sendable {
  var begin: @Sendable (UnsafeMutableRawPointer) -> any RunningTransfer
  var refuse: @Sendable (HTTPClientError.Kind) -> Void

  /// An HTTP exchange.
  init(_ job: TransferJob, complete: @escaping Transfer.Completion) {
    begin = { Transfer(easy: $0, job: job, complete: complete) }
    refuse = { complete(.failure(HTTPClientError($0, mayHaveBeenSent: false))) }
  }

  /// A mail submission.
  init(_ job: MailJob, complete: @escaping MailTransfer.Completion) {
    begin = { MailTransfer(easy: $0, job: job, complete: complete) }
    refuse = { complete(.failure(MailError(.transport($0)))) }
  }
}

/// Where libcurl writes what went wrong.
final class TransferErrorText {
  let buffer: UnsafeMutablePointer<CChar>

  init() {
    buffer = .allocate(capacity: Int(CURL_ERROR_SIZE))
    buffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit { buffer.deallocate() }

  var text: String { String(cString: buffer) }
}

/// Lists that libcurl reads while the transfer runs.
final class OptionLists {
  private var lists: [UnsafeMutablePointer<curl_slist>] = []

  deinit { for list in lists { curl_slist_free_all(list) } }

  func keep(_ lines: [String]) -> UnsafeMutablePointer<curl_slist>? {
    var list: UnsafeMutablePointer<curl_slist>?
    for line in lines {
      guard let longer = curl_slist_append(list, line) else { break }
      list = longer
    }
    if let list { lists.append(list) }
    return list
  }
}
