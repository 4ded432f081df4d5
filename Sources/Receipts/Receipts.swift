/// The Receipts room; see docs/architecture.md.
public enum ReceiptsRoom {}
