/// The HTTPServer room; see docs/architecture.md.
public enum HTTPServerRoom {}
