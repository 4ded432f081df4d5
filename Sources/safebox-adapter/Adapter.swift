import Glibc

/// A program that stands before a server in a runner's container, and speaks the runner contract on a unix socket:
///
///     safebox-adapter speech --socket PATH --voices FILE --name MODEL --slots N
///     safebox-adapter relay --socket PATH --port N -- PROGRAM [ARGUMENT...]
enum Adapter {
  static func main(_ arguments: [String]) -> Never {
    // A client that goes away is an error of one write and not our end.
    signal(SIGPIPE, SIG_IGN)
    do {
      var options = AdapterOptions(arguments.dropFirst(2))
      switch arguments.dropFirst().first {
      case "speech":
        let slots = try options.integer("--slots", in: 1...16)
        let voices = try Voices(path: options.text("--voices"))
        let server = SpeechServer(
          model: try options.text("--name"), voices: voices, slots: slots, socket: try options.text("--socket"))
        try server.run()
      case "relay":
        let relay = Relay(
          socket: try options.text("--socket"), port: UInt16(try options.integer("--port", in: 1...65_535)),
          command: options.rest)
        try relay.run()
      default: throw AdapterFault.usage("safebox-adapter speech|relay ...")
      }
    } catch {
      say("safebox: error: \(error)\n")
      exit(error is AdapterFault ? 2 : 1)
    }
  }

  static func say(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(2, bytes, bytes.count)
  }
}

/// Why the adapter does not serve.
enum AdapterFault: Error, CustomStringConvertible {
  case usage(String)
  case system(call: String, path: String, error: Int32)
  case voices(String)

  var description: String {
    switch self {
    case .usage(let text): "usage: \(text)"
    case .system(let call, let path, let error):
      "\(call) \(path): \(strerror(error).map { String(cString: $0) } ?? "errno \(error)")"
    case .voices(let why): "the list of voices: \(why)"
    }
  }
}

/// Options as `--name value`, each once, and what follows `--`.
struct AdapterOptions {
  private var values: [String: String] = [:]
  let rest: [String]

  init(_ arguments: ArraySlice<String>) {
    var words = arguments
    while let name = words.first, name != "--" {
      words = words.dropFirst()
      values[name] = words.popFirst() ?? ""
    }
    rest = Array(words.dropFirst())
  }

  mutating func text(_ name: String) throws(AdapterFault) -> String {
    guard let value = values.removeValue(forKey: name), !value.isEmpty else { throw .usage("\(name) is missing") }
    return value
  }

  mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(AdapterFault) -> Int {
    guard let value = Int(try text(name)), range.contains(value) else {
      throw .usage("\(name) takes \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }
}
