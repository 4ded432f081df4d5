/// Reads conformance vectors and makes scratch directories for tests.
public enum TestSupportRoom {}
