import CanonicalJSON
import Foundation
import TestSupport

/// The mirror of Tests/Peers/source_peer.py.
final class SourcePeer: Sendable {
  let port: UInt16
  let other: UInt16
  let peer: PythonPeer
  static let privateAddress = "127.0.0.2:8080"

  /// - Parameter files: contents by name.
  init(_ files: [String: [UInt8]], in scratch: TemporaryDirectory) throws {
    var paths = JSONObject([])
    for (name, bytes) in files {
      paths[name] = .string(try scratch.write(bytes, to: "served-" + UUID().uuidString))
    }
    peer = try PythonPeer("source_peer", ["files": .object(paths), "private": .string(Self.privateAddress)])
    port = UInt16(peer.ready["port"]?.integer ?? 0)
    other = UInt16(peer.ready["other"]?.integer ?? 0)
  }

  func url(_ manner: String, _ name: String = "weights") -> String { "http://127.0.0.1:\(port)/\(manner)/\(name)" }

  /// What it was asked so far, in order.
  func requests() async throws -> [JSON] {
    var requests: [JSON] = []
    while peer.pending > 0 { requests.append(try await peer.next()) }
    return requests
  }

  /// Waits until it leaves a client waiting.
  func untilItWaits() async throws {
    while try await peer.next()["waiting"] == nil {}
  }
}
