/// The TransparencyLog room; see docs/architecture.md.
public enum TransparencyLogRoom {}
