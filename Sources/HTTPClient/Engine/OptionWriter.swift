import CCurl

/// Sets options and remembers the first failure.
struct OptionWriter {
  private let easy: UnsafeMutableRawPointer
  private(set) var result = CURLE_OK

  init(_ easy: UnsafeMutableRawPointer) { self.easy = easy }

  mutating func set(_ code: CURLcode) {
    if result == CURLE_OK { result = code }
  }

  mutating func long(_ option: CURLoption, _ value: Int) { set(safebox_curl_set_long(easy, option, value)) }
  mutating func string(_ option: CURLoption, _ value: String) { set(safebox_curl_set_string(easy, option, value)) }
  mutating func blob(_ option: CURLoption, _ value: String) {
    set(Array(value.utf8).withUnsafeBytes { safebox_curl_set_blob(easy, option, $0.baseAddress, $0.count) })
  }
  mutating func list(_ option: CURLoption, _ value: UnsafeMutablePointer<curl_slist>?) {
    set(safebox_curl_set_list(easy, option, value))
  }
}

extension Duration {
  /// Rounded down; durations beyond ten years count as ten years.
  var wholeMilliseconds: Int {
    let (seconds, attoseconds) = components
    return Int(min(max(seconds, 0), 315_360_000)) * 1000 + Int(max(attoseconds, 0) / 1_000_000_000_000_000)
  }
}
