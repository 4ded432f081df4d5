import Cryptography
import Keychain

/// Reads a route's secret as text. What is wrong with it is said without a piece of it.
enum MessageSecret {
  struct Unusable: Error {
    var reason: String
  }

  static func text(_ name: String, from resolver: SecretResolver, for host: String) throws(Unusable) -> String {
    let value: SecretBytes
    do {
      value = try resolver.value(name, for: host)
    } catch {
      throw Unusable(reason: "\(error)")
    }
    guard let text = value.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
      throw Unusable(reason: "the secret \(name) is no text")
    }
    return text
  }
}
