import CCurl
import Glibc

/// The last gate: whatever name, cache or option led here, this is the address that would be connected to.
enum SocketGate {
  struct Refusal: Error {
    /// `nil` where there is nothing to say but that the address cannot be read.
    var kind: HTTPClientError.Kind?
  }

  /// A new socket for an internet address that the policy permits.
  static func open(
    _ place: UnsafeMutablePointer<curl_sockaddr>, host: String, port: UInt16, policy: EgressPolicy
  ) -> Result<curl_socket_t, Refusal> {
    guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return .failure(Refusal()) }
    // The address is longer than the field that holds its beginning.
    let bytes = UnsafeRawBufferPointer(
      start: UnsafeRawPointer(place) + offset,
      count: min(Int(place.pointee.addrlen), MemoryLayout<sockaddr_storage>.size))
    guard let address = IPAddress(socketAddress: bytes) else { return .failure(Refusal()) }
    if let refusal = policy.refusal(of: address, host: host, port: port) {
      return .failure(Refusal(kind: .addressRefused(refusal)))
    }
    return .success(socket(of: place))
  }

  static func socket(of place: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    Glibc.socket(place.pointee.family, place.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), place.pointee.protocol)
  }
}
