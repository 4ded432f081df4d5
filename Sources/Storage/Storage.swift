/// The Storage room; see docs/architecture.md.
public enum StorageRoom {}
