import Glibc
public import Models

/// Why a model is not installed. Nothing of it is, in every case.
public enum AcquisitionFault: Error, Sendable, Hashable {
  /// One source that failed, as often as it was tried.
  public struct Attempt: Sendable, Hashable {
    /// The source as the manifest writes it.
    public var source: String
    public var fault: SourceFault

    public init(source: String, fault: SourceFault) {
      self.source = source
      self.fault = fault
    }
  }

  /// Every source of a file failed. What has arrived is kept for the next attempt, unless a source offered other bytes.
  case sourcesExhausted(file: String, attempts: [Attempt])
  /// The file system has no room. Nothing is kept.
  case outOfSpace(file: String, needed: Int, available: Int?)
  /// The box's own disk failed.
  case storage(file: String, SystemCallFault)
  /// The limit on the total time. What has arrived is kept.
  case tookTooLong(limit: Duration)
  /// The store of models failed, or did not take what arrived. Nothing is kept.
  case store(ModelFault)
  /// What has arrived is kept.
  case cancelled

  /// Whether a later attempt goes on from what has arrived.
  public var keepsPartial: Bool {
    switch self {
    case .sourcesExhausted(_, let attempts): !attempts.contains { $0.fault.isMismatch }
    case .tookTooLong, .cancelled: true
    case .outOfSpace, .storage, .store: false
    }
  }

  /// A full disk is the same fault wherever it shows.
  static func from(_ fault: ModelFault) -> AcquisitionFault {
    guard case .system(let call) = fault, [ENOSPC, EDQUOT].contains(call.errno) else { return .store(fault) }
    return .outOfSpace(file: call.path, needed: 0, available: nil)
  }

  static func from(_ fault: SystemCallFault, file: String, needed: Int, available: Int?) -> AcquisitionFault {
    fault.isOutOfSpace
      ? .outOfSpace(file: file, needed: needed, available: available) : .storage(file: file, fault)
  }
}

extension AcquisitionFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .sourcesExhausted(let file, let attempts):
      "no source gave \(file): "
        + (attempts.isEmpty ? "it has none" : attempts.map { "\($0.source): \($0.fault)" }.joined(separator: "; "))
    case .outOfSpace(let file, let needed, let available):
      "no room for \(file): it needs \(needed) bytes" + (available.map { ", \($0) are free" } ?? "")
    case .storage(let file, let fault): "\(file) cannot be stored: \(fault)"
    case .tookTooLong(let limit): "the acquisition took longer than \(limit)"
    case .store(let fault): fault.description
    case .cancelled: "the acquisition was cancelled"
    }
  }
}
