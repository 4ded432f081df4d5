/// The BoxService room; see docs/architecture.md.
public enum BoxServiceRoom {}
