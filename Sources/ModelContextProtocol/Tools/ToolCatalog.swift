import CanonicalJSON
import Cryptography

/// The tools that can be called: of each name the version registered last, as far as the box says so, in the order of
/// their names. The same box gives the same listing, byte for byte.
struct ToolCatalog: Sendable {
  /// Sorted by name.
  let tools: [ListedTool]

  /// Tools of one page, and the bytes of their descriptions.
  static let pageCount = 200
  static let pageBytes = 1 << 20
  /// How long a client may take a listing for the current one, in milliseconds.
  static let timeToLive: Int64 = 5000
  /// Rows that are read; a box has at most 4096 versions.
  static let maxRows = 8192

  init(rows: [JSON]) {
    var newest: [String: (tool: ListedTool, index: Int64)] = [:]
    for row in rows {
      guard let tool = ListedTool(row), !GenericTool.names.contains(tool.name) else { continue }
      let index = row["index"]?.integer ?? 0
      if let present = newest[tool.name] {
        let isNewer =
          index == present.index
          ? VersionOrder.precedes(present.tool.version, tool.version) : index > present.index
        guard isNewer else { continue }
      }
      newest[tool.name] = (tool, index)
    }
    tools = newest.values.map(\.tool).sorted { $0.name < $1.name }
  }

  /// Reads it from the box, page by page.
  init(from box: BoxClient) async throws(BoxFailure) {
    var rows: [JSON] = []
    var cursor: String?
    repeat {
      let page = try await box.get("/v1/tools" + (cursor.map { "?cursor=\(Self.escaped($0))" } ?? ""))
      guard let more = page["tools"]?.array else {
        throw .refused(status: 200, code: "malformed", detail: "the box's answer is not a list of tools")
      }
      rows += more
      let next = page["next"]?.string
      guard next != cursor || next == nil else { break }
      cursor = next
    } while cursor != nil && rows.count < Self.maxRows
    self.init(rows: rows)
  }

  private static func escaped(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.map { byte in
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || "-._~".utf8.contains(byte)
        ? String(UnicodeScalar(byte)) : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }.joined()
  }

  subscript(name: String) -> ListedTool? { tools.first { $0.name == name } }

  /// The result of `tools/list` after a cursor.
  func page(after cursor: String?, traits: ClientTraits) throws(RPCError) -> JSONObject {
    var all = tools.map { (name: $0.name, json: $0.json) } + GenericTool.all.map { (name: $0.name, json: $0.json) }
    all.sort { $0.name < $1.name }
    var rest = all[...]
    if let cursor {
      guard let bytes = Base64.decodeURL(cursor), let name = String(validating: bytes, as: UTF8.self) else {
        throw .params(
          FieldError(
            field: "params.cursor", expected: "a cursor from a listing before", actual: JSON.string(cursor).summary))
      }
      rest = rest.drop { $0.name <= name }
    }
    var page: [JSON] = []
    var last = ""
    var bytes = 0
    for tool in rest {
      bytes += tool.json.canonicalBytes().count
      guard page.isEmpty || (page.count < Self.pageCount && bytes <= Self.pageBytes) else { break }
      page.append(tool.json)
      last = tool.name
    }
    var result: JSONObject = ["tools": .array(page)]
    if page.count < rest.count { result["nextCursor"] = .string(Base64.encodeURL(Array(last.utf8))) }
    if traits.revision == .stateless {
      result["ttlMs"] = .integer(Self.timeToLive)
      result["cacheScope"] = "private"
    }
    return result
  }
}
