/// The Terminal room; see docs/architecture.md.
public enum TerminalRoom {}
