/// The CanonicalJSON room; see docs/architecture.md.
public enum CanonicalJSONRoom {}
