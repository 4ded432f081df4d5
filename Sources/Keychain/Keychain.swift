import Cryptography

/// The secrets of a box, by community.
public final class Keychain: Sendable {
  init() {}
}
