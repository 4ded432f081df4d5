/// The Witness room; see docs/architecture.md.
public enum WitnessRoom {}
