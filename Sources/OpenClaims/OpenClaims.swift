/// The OpenClaims room; see docs/architecture.md.
public enum OpenClaimsRoom {}
