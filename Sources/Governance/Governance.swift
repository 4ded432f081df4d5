/// The Governance room; see docs/architecture.md.
public enum GovernanceRoom {}
