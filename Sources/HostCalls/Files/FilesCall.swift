import CanonicalJSON
import Cryptography
import Governance

/// `Protocol.Files`: the community's named streams.
public struct FilesCall: HostCall {
  static let maxListed: Int64 = 1000
  /// Bytes that one read returns at most; less where they do not fit ``HostValue/maxBytes`` as JSON.
  static let maxReadBytes: Int64 = 1 << 20

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var methods: [HostMethod] {
    let stream = ArgumentSchema.Member.required(
      "stream", ArgumentSchema.string(maxBytes: 64), "a name as in invoices/2026")
    let numbers = 0...FileStreams.maxItems
    return [
      HostMethod(
        "Files.list", .observe, dimensions: ["streams"],
        schema: ArgumentSchema.object([
          stream, .optional("from", ArgumentSchema.integer(numbers), "the first item's number, 0 if absent"),
          .optional("limit", ArgumentSchema.integer(1...Self.maxListed), "items, 100 if absent"),
        ]), summary: "Lists the items of a stream, oldest first."),
      HostMethod(
        "Files.read", .observe, dimensions: ["streams"],
        schema: ArgumentSchema.object([
          stream,
          .optional(
            "item", ArgumentSchema.either(ArgumentSchema.integer(numbers), ArgumentSchema.choice(["latest"])),
            "a number, or latest, which it is if absent"),
          .optional(
            "offset", ArgumentSchema.integer(0...Int64(FileStreams.maxItemBytes)), "the first byte, 0 if absent"),
          .optional("length", ArgumentSchema.integer(1...Self.maxReadBytes), "bytes; all that fit if absent"),
        ]), summary: "Reads an item of a stream."),
      HostMethod(
        "Files.write", .change, dimensions: ["streams"],
        schema: ArgumentSchema.object([
          stream, .optional("text", ArgumentSchema.any, "the content, or base64"),
          .optional("base64", ArgumentSchema.any, "the content, or text"),
          .optional("name", ArgumentSchema.string(maxBytes: FileStreams.maxNameBytes), "what the item is called"),
        ]), summary: "Appends an item to a stream: the action files.write."),
    ]
  }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    switch method {
    case "Files.list": try list(arguments, context)
    case "Files.write": try write(arguments, context)
    default: try read(arguments, context)
    }
  }

  private func list(_ arguments: JSON, _ context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let (stream, first, limit) = try HostArguments.read(arguments) { reader throws(FieldError) in
      (
        try Self.stream(&reader), try reader.optionalInteger("from", in: 0...FileStreams.maxItems) ?? 0,
        try reader.optionalInteger("limit", in: 1...Self.maxListed) ?? 100
      )
    }
    let (files, community) = (services.files, context.community)
    return HostCallPlan(
      facts: [["streams": stream]],
      step: .observe {
        Self.outcome { () throws(HostCallError) in
          let items: [FileStreams.Item]
          do throws(FileStreams.Failure) {
            items = try files.list(stream, community: community, from: first, limit: Int(limit) + 1)
          } catch {
            throw HostCallError(error)
          }
          let shown = items.prefix(Int(limit))
          return [
            "items": .array(shown.map(\.json)),
            "next": items.count > shown.count ? .integer(items[shown.count].number) : .null,
          ]
        }
      })
  }

  private func read(_ arguments: JSON, _ context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let (stream, number, offset, length) = try HostArguments.read(arguments) { reader throws(FieldError) in
      let stream = try Self.stream(&reader)
      var number: Int64?
      if arguments["item"]?.string == "latest" {
        _ = reader.optionalJSON("item")
      } else {
        number = try reader.optionalInteger("item", in: 0...FileStreams.maxItems)
      }
      return (
        stream, number, try reader.optionalInteger("offset", in: 0...Int64(FileStreams.maxItemBytes)) ?? 0,
        try reader.optionalInteger("length", in: 1...Self.maxReadBytes)
      )
    }
    let (files, community) = (services.files, context.community)
    return HostCallPlan(
      facts: [["streams": stream]],
      step: .observe {
        Self.outcome { () throws(HostCallError) in
          let (item, content): (FileStreams.Item, [UInt8])
          do throws(FileStreams.Failure) {
            (item, content) = try files.read(stream, item: number, community: community)
          } catch {
            throw HostCallError(error)
          }
          guard offset <= content.count else {
            throw HostCallError(
              "bad_argument",
              "arguments.offset: expected at most \(content.count), the bytes of the item, found \(offset)")
          }
          let rest = content.dropFirst(Int(offset))
          var answer = item.json.object ?? [:]
          for (name, value) in HostValue.content(Array(length.map { rest.prefix(Int($0)) } ?? rest)) {
            answer[name] = value
          }
          return .object(answer)
        }
      })
  }

  private func write(_ arguments: JSON, _ context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let params = try HostArguments.read(arguments) { reader throws(FieldError) in
      let stream = try Self.stream(&reader)
      let (text, base64) = (reader.optionalJSON("text"), reader.optionalJSON("base64"))
      var content: JSONObject = [:]
      content["text"] = text
      content["base64"] = base64
      var params: JSONObject = [
        "community": .string(context.community), "stream": .string(stream), "content": .object(content),
      ]
      if let name = reader.optionalJSON("name") { params["name"] = name }
      _ = try FilesWriteExecutor.Order(params: .object(params), path: HostArguments.path)
      return params
    }
    return HostCallPlan(
      facts: [["streams": params["stream"]?.string ?? ""]], step: .change(type: "files.write", params: params))
  }

  private static func stream(_ reader: inout ObjectReader) throws(FieldError) -> String {
    let name = try reader.string("stream", maxBytes: 64)
    do {
      try FileStreams.check(stream: name)
    } catch {
      throw FieldError(
        field: reader.pathOf("stream"), expected: "a stream name: 1-64 of a-z 0-9 - _ . / without dotted parts",
        actual: JSON.string(name).summary)
    }
    return name
  }

  private static func outcome(_ body: () throws(HostCallError) -> JSON) -> HostCallOutcome {
    do {
      return HostCallOutcome(.success(try HostValue.bounded(try body())))
    } catch {
      return HostCallOutcome(.failure(error))
    }
  }
}

extension HostCallError {
  init(_ failure: FileStreams.Failure) {
    switch failure {
    case .absent: self.init("not_found", failure.description)
    case .streamName, .itemName: self.init("bad_argument", failure.description)
    case .tooLarge, .full: self.init("too_large", failure.description)
    // What the disk said is the operator's matter.
    case .storage: self.init("failed", "the box could not use its files")
    }
  }
}
