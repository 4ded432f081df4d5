import CanonicalJSON

/// Where a prompt's prefix is to be kept by the vendor: up to there the next call reads it from the cache. Anthropic's
/// shape sends them; the others cache on their own and pay them no attention.
struct CacheBreakpoint: Sendable, Hashable {
  enum Lifetime: String, Sendable, CaseIterable {
    case minutes = "5m"
    case hour = "1h"
  }

  /// In the order of the prompt, which is tools, system, messages.
  enum Place: Sendable, Hashable {
    case tools
    case system
    case message(Int)

    fileprivate var order: Int {
      switch self {
      case .tools: -2
      case .system: -1
      case .message(let index): index
      }
    }
  }

  /// The vendor's bound.
  static let maxCount = 4

  var place: Place
  var lifetime: Lifetime

  /// Reads `[{"after": "tools" | "system" | index of a message, "ttl": "5m" | "1h"}]`. The vendor refuses one that lives
  /// longer behind one that lives shorter, so it is refused here, where the field can be named.
  static func list(_ json: JSON?, of request: ChatRequest, path: String) throws(FieldError) -> [CacheBreakpoint] {
    guard let json else { return [] }
    guard let elements = json.array, elements.count <= maxCount else {
      throw FieldError(field: path, expected: "an array of at most \(maxCount) breakpoints", actual: json.summary)
    }
    var list: [CacheBreakpoint] = []
    for (index, element) in elements.enumerated() {
      var reader = try ObjectReader(element, path: "\(path)[\(index)]")
      let after = try reader.json("after")
      let lifetime = element["ttl"] == nil ? .minutes : try reader.choice("ttl", of: Lifetime.self)
      try reader.finish()
      guard let place = place(after, in: request), !list.contains(where: { $0.place == place }) else {
        throw FieldError(
          field: reader.pathOf("after"), expected: "tools, system or the index of a message that there is, each once",
          actual: after.summary)
      }
      list.append(CacheBreakpoint(place: place, lifetime: lifetime))
    }
    list.sort { $0.place.order < $1.place.order }
    if let short = list.firstIndex(where: { $0.lifetime == .minutes }),
      list[short...].contains(where: { $0.lifetime == .hour })
    {
      throw FieldError(
        field: path, expected: "breakpoints of 1h before those of 5m, in the order tools, system, messages",
        actual: "one of 1h behind one of 5m")
    }
    return list
  }

  private static func place(_ json: JSON, in request: ChatRequest) -> Place? {
    switch json {
    case .string("tools"): return request.tools.isEmpty ? nil : .tools
    case .string("system"): return request.system.isEmpty ? nil : .system
    case .integer(let index) where request.messages.indices.contains(Int(index)): return .message(Int(index))
    default: return nil
    }
  }
}
