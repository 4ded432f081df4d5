/// The HTTPClient room; see docs/architecture.md.
public enum HTTPClientRoom {}
