import HTTPServer

/// `GET /hello` with 17 bytes of JSON, through the router, on one reactor thread. Prints its address; ends when killed.
enum HelloServer {
  static func run() async throws {
    let body = Array(#"{"hello":"world"}"#.utf8)
    var router = Router()
    router.on("GET", "/hello") { _ in .json(body) }
    let server = HTTPServer(
      configuration: HTTPServerConfiguration(listeners: [.tcp(address: "127.0.0.1", port: 0)]), handler: router)
    for address in try server.start() { OutputLine.write("\(address)") }
    while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
  }
}
