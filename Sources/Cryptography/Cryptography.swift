/// The Cryptography room; see docs/architecture.md.
public enum CryptographyRoom {}
