import Attestation
import AttestationMint

/// An item of CBOR to be changed and written again, in ways that are not the shortest if need be.
struct CBORNode: Sendable {
  /// The first byte without its size.
  var major: UInt8
  var argument: UInt64
  var content: [UInt8] = []
  var children: [CBORNode] = []
  var form = Form.shortest

  enum Form: Sendable { case shortest, longer, longest, indefinite, reserved, more, less }

  static func read(_ bytes: [UInt8]) -> CBORNode? {
    guard let item = try? CBORReader.read(bytes, path: "item", allowsIndefiniteMap: true) else { return nil }
    var node = CBORNode(item)
    if bytes.first == 0xBF { node.form = .indefinite }
    return node
  }

  init(_ item: CBORItem) {
    switch item {
    case .unsigned(let value): (major, argument) = (0, value)
    case .negative(let value): (major, argument) = (1, value)
    case .bytes(let bytes): (major, argument, content) = (2, UInt64(bytes.count), bytes)
    case .text(let text): (major, argument, content) = (3, UInt64(text.utf8.count), Array(text.utf8))
    case .array(let items): (major, argument, children) = (4, UInt64(items.count), items.map { CBORNode($0) })
    case .map(let pairs):
      (major, argument) = (5, UInt64(pairs.count))
      children = pairs.flatMap { [CBORNode($0.key), CBORNode($0.value)] }
    case .tagged(let tag, let item): (major, argument, children) = (6, tag, [CBORNode(item)])
    case .bool(let value): (major, argument) = (7, value ? 21 : 20)
    case .null: (major, argument) = (7, 22)
    }
  }

  var encoded: [UInt8] {
    let count: UInt64 =
      switch major {
      case 2, 3: UInt64(content.count)
      case 4: UInt64(children.count)
      case 5: UInt64(children.count / 2)
      default: argument
      }
    let body = content + children.flatMap(\.encoded)
    let first = major << 5
    func big(_ size: Int) -> [UInt8] {
      (0..<size).reversed().map { UInt8(truncatingIfNeeded: count >> UInt64(8 * $0)) }
    }
    let needed = count < 24 ? 0 : count < 0x100 ? 1 : count < 0x1_0000 ? 2 : count < 0x1_0000_0000 ? 4 : 8
    switch form {
    case .indefinite where (2...5).contains(major): return [first | 31] + body + [0xFF]
    case .longer where needed < 8:
      let size = needed == 0 ? 1 : needed * 2
      return [first | UInt8(24 + size.trailingZeroBitCount)] + big(size) + body
    case .longest: return [first | 27] + big(8) + body
    case .reserved: return [first | 28] + body
    case .more: return CBORItem.head(major, count &+ 1) + body
    case .less: return CBORItem.head(major, count &- 1) + body
    default: return CBORItem.head(major, count) + body
    }
  }

  private static let stray: [CBORNode] =
    [
      .null, .bool(true), .bool(false), .unsigned(0), .unsigned(23), .unsigned(24), .unsigned(.max), .negative(0),
      .negative(.max), .bytes([]), .text(""), .text("digest"), .text("nonce"), .text("e\u{301}"), .text("\u{E9}"),
      .array([]), .map([]), .tagged(18, .null), .tagged(0, .map([])), .text("pcrs"), .bytes([0]),
      .unsigned(1_750_000_000_000), .array([.bytes([0x30, 0])]), .map([CBORItem.Pair(.unsigned(0), .bytes([]))]),
    ].map { CBORNode($0) } + [CBORNode(simple: 23), CBORNode(simple: 24), CBORNode(simple: 25), CBORNode(simple: 31)]

  private init(simple: UInt64) { (major, argument) = (7, simple) }

  /// With one change somewhere inside.
  func mutated(_ random: inout Mutator) -> CBORNode {
    var copy = self
    if !children.isEmpty, !random.once(in: 6) {
      let index = random.below(children.count)
      let pair = index / 2 * 2
      switch random.below(16) {
      case 0:
        copy.children.remove(at: index)
        if major == 5 { copy.children.remove(at: pair) }
      case 1:
        copy.children.insert(contentsOf: major == 5 ? children[pair..<pair + 2] : children[index...index], at: pair)
      case 2: copy.children.swapAt(index, random.below(children.count))
      case 3:
        copy.children.append(contentsOf: [random.pick(Self.stray), random.pick(Self.stray)].prefix(major == 5 ? 2 : 1))
      case 4: copy.children[index] = random.pick(Self.stray)
      case 5 where major == 5:
        copy.children.append(contentsOf: [Self.stray[13], children[1], Self.stray[14], children[1]])
      default: copy.children[index] = children[index].mutated(&random)
      }
      return copy
    }
    switch random.below(6) {
    case 0, 1: copy.form = random.pick([.longer, .longest, .indefinite, .reserved, .more, .less])
    case 2: copy.major = UInt8(random.below(8))
    case 3:
      copy.children = [self]
      copy.content = []
      (copy.major, copy.argument) = (6, random.pick([18, 0, 98, .max]))
    case 4 where major < 2: copy.argument = random.pick([0, 1, argument &+ 1, argument &- 1, 31, 32, .max, 1 << 53])
    default:
      if children.isEmpty { copy.content = random.bytes(content) } else { copy.form = .longer }
    }
    return copy
  }
}
