import Cryptography

/// A root of trust: who it is, and what it may vouch for.
public struct TrustAnchor: Sendable, Hashable {
  public enum Purpose: String, Sendable, Hashable, CaseIterable {
    case amdSEV = "amd-sev"
    case intelSGX = "intel-sgx"
    case awsNitro = "aws-nitro"
    case googleVTPM = "google-vtpm"
    case nvidiaDevice = "nvidia-device"
    /// Endorsement and attestation keys of TPMs.
    case tpm
  }

  public let name: String
  public let purpose: Purpose
  /// The self-signed certificate.
  public let certificate: Certificate
  public let assurance: Assurance

  public init(name: String, purpose: Purpose, certificate: Certificate, assurance: Assurance) {
    self.name = name
    self.purpose = purpose
    self.certificate = certificate
    self.assurance = assurance
  }

  /// A root that its vendor publishes, from base64 of DER; nil for a constant that is no certificate.
  init?(publishedBy vendor: String, name: String, purpose: Purpose, _ text: String) {
    guard let certificate = Certificate(published: text) else { return nil }
    self.init(name: name, purpose: purpose, certificate: certificate, assurance: .hardware(vendor: vendor))
  }
}

extension Certificate {
  /// Base64 of DER that this program carries; nil for what is no certificate.
  init?(published text: String) {
    guard let der = Base64.decode(text), let certificate = try? Certificate(der: der) else { return nil }
    self = certificate
  }
}

/// The roots that a verification accepts, and the attestation keys that were enrolled one by one.
public struct TrustAnchors: Sendable, Hashable {
  public var anchors: [TrustAnchor]
  /// Names (TPM 2.0 part 1, section 16) of attestation keys that the verifier itself has enrolled by credential
  /// activation, with what was found then.
  public var enrolled: [[UInt8]: Assurance]

  public init(anchors: [TrustAnchor] = [], enrolled: [[UInt8]: Assurance] = [:]) {
    self.anchors = anchors
    self.enrolled = enrolled
  }

  /// What this program carries: the makers' published roots.
  public static let compiledIn = TrustAnchors(
    anchors: []
      + IntelRoots.anchors
      + AMDRoots.anchors
      + GCPRoots.anchors
      + NitroRoots.anchors
      + NVIDIARoots.anchors
  )

  public func anchors(for purpose: TrustAnchor.Purpose) -> [TrustAnchor] { anchors.filter { $0.purpose == purpose } }
}
