/// The Audit room; see docs/architecture.md.
public enum AuditRoom {}
