import CanonicalJSON
import Models

/// What a definition's command becomes for one model. Pure.
///
/// Placeholders are `{socket}`, `{cache}`, `{name}`, `{models}` (the directory of the model's files), `{model:gguf}` (the
/// path of its one file with that ending, or of the first part of one in parts), and `{OPTION}` for an option's value.
public struct CommandTemplate: Sendable, Hashable {
  /// Paths inside every runner's container.
  public enum Place {
    public static let models = "/model"
    public static let socketDirectory = "/run/safebox"
    public static let socket = "/run/safebox/runner.sock"
    public static let cache = "/cache"
    public static let adapters = "/adapter"
  }

  /// The program and its arguments.
  public let arguments: [String]
  /// The whole environment, as `NAME=value`, sorted.
  public let environment: [String]
  /// Requests that it answers at one time.
  public let slots: Int

  /// - Throws: a `FieldError` that names the option of the manifest, or a ``RunnerFault`` about the model's files.
  public init(_ definition: RunnerDefinition, for manifest: ModelManifest) throws {
    guard manifest.runnerType == definition.type else {
      throw RunnerFault.runnerType(expected: manifest.runnerType, actual: definition.type)
    }
    let served = manifest.protocols.isEmpty ? definition.protocols : manifest.protocols
    for one in served where !definition.protocols.contains(one) {
      throw FieldError(
        field: "protocols", expected: "some of \(definition.protocols.map(\.rawValue)) for runners of this type",
        actual: one.rawValue)
    }
    let chosen = definition.defaults.merging(manifest.runner?.arguments ?? [:]) { _, new in new }
    var values: [String: String] = [:]
    var flags: [String] = []
    var environment = definition.environment
    for (name, value) in chosen.sorted(by: { $0.key < $1.key }) {
      let field = "runner.arguments.\(name)"
      guard let option = definition.options[name] else {
        throw FieldError(
          field: field, expected: "one of \(definition.options.keys.sorted())", actual: JSON.string(name).summary)
      }
      let text = try option.text(of: value, at: field)
      values[name] = text
      switch option.target {
      case .flag(let flag): flags += [flag, text]
      case .variable(let variable): environment[variable] = text
      case .placeholder: break
      }
    }
    let paths = manifest.files.map(\.path)
    var arguments: [String] = []
    // A model that also chats is not to be started for embeddings alone.
    let further = served.count == 1 ? definition.whenServing[served[0]] ?? [] : []
    for word in definition.command + further {
      arguments.append(try Self.expand(word, values: values, name: manifest.name, paths: paths))
    }
    self.arguments = arguments + flags
    self.environment = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    slots = values["slots"].flatMap { Int($0) } ?? 1
  }

  /// A placeholder is a word of its own, so that no value can become a second word or a flag by what stands beside it.
  private static func expand(
    _ word: String, values: [String: String], name: String, paths: [String]
  ) throws -> String {
    guard word.hasPrefix("{"), word.hasSuffix("}") else { return word }
    let inner = String(word.dropFirst().dropLast())
    switch inner {
    case "socket": return Place.socket
    case "cache": return Place.cache
    case "models": return Place.models
    // A name that begins with a dash would be read as an option.
    case "name": return name.hasPrefix("-") ? "model" + name : name
    case _ where inner.hasPrefix("model:"): return try file(ending: String(inner.dropFirst("model:".count)), of: paths)
    default:
      guard let value = values[inner] else {
        throw FieldError(field: "command", expected: "placeholders that have a value", actual: word)
      }
      return value
    }
  }

  private static func file(ending: String, of paths: [String]) throws(RunnerFault) -> String {
    let found = paths.filter { $0.hasSuffix("." + ending) }.sorted()
    // llama.cpp finds the other parts beside the first: `name-00001-of-00003.gguf`.
    let first = found.filter { $0.contains("-00001-of-") }
    guard let path = found.count == 1 ? found.first : first.count == 1 ? first.first : nil else {
      throw .modelFile(wanted: "*." + ending, found: found)
    }
    return Place.models + "/" + path
  }
}
