import CanonicalJSON
import Cryptography

/// Changes bytes and documents at random, and always the same way for one seed (SplitMix64).
struct Mutator: RandomNumberGenerator {
  private var state: UInt64

  static let limits = JSONLimits(maxBytes: 4 << 20)

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// A number below the bound.
  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// True once in so many times.
  mutating func once(in count: Int) -> Bool { below(count) == 0 }

  mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }

  // MARK: Bytes

  /// One change of bytes of which nothing is known.
  mutating func raw(_ given: [UInt8]) -> [UInt8] {
    var bytes = given
    guard !bytes.isEmpty else { return [UInt8](repeating: 0, count: 1 + below(3)) }
    let index = below(bytes.count)
    switch below(12) {
    case 0...3: bytes[index] ^= 1 << UInt8(below(8))
    case 4: bytes[index] = pick([0, 1, 0x7F, 0x80, 0xFF])
    case 5: bytes.insert(pick([0, 1, 0xFF, bytes[index]]), at: index)
    case 6: bytes.remove(at: index)
    case 7: bytes.removeLast(1 + below(min(bytes.count, 40)))
    case 8: bytes.append(contentsOf: [UInt8](repeating: pick([0, 1, 0xFF]), count: 1 + below(4)))
    case 9:
      let count = min(bytes.count - index, pick([2, 4, 8, 32, 48]))
      bytes.replaceSubrange(index..<index + count, with: [UInt8](repeating: pick([0, 0xFF]), count: count))
    case 10:
      let count = min(bytes.count - index, 1 + below(8))
      bytes.insert(contentsOf: bytes[index..<index + count], at: index)
    default:
      // A number of two bytes one more or one less.
      bytes[index] = once(in: 2) ? bytes[index] &+ 1 : bytes[index] &- 1
    }
    return bytes
  }

  /// One change of bytes, of their structure where they have one that is known.
  mutating func bytes(_ given: [UInt8]) -> [UInt8] {
    if !once(in: 3) {
      if given.first == 0x30, let tree = DERNode.read(given) { return tree.mutated(&self).encoded }
      if let first = given.first, [0x84, 0xD2, 0xBF].contains(first), let tree = CBORNode.read(given) {
        return tree.mutated(&self).encoded
      }
      if given.first == 0x7B, let json = try? JSON(parsing: given, limits: Self.limits) {
        return self.json(json).canonicalBytes()
      }
      if let mutated = pem(given) { return mutated }
    }
    return raw(given)
  }

  /// One change in one of the certificates that stand in a text, of the same length where it is kept.
  private mutating func pem(_ given: [UInt8]) -> [UInt8]? {
    let begin = Array("-----BEGIN CERTIFICATE-----\n".utf8)
    let end = Array("-----END CERTIFICATE-----".utf8)
    let starts = given.indices.filter { given[$0...].starts(with: begin) }
    guard !starts.isEmpty else { return nil }
    let start = pick(starts) + begin.count
    guard let stop = given[start...].indices.first(where: { given[$0...].starts(with: end) }) else { return nil }
    guard let der = Base64.decode(String(decoding: given[start..<stop].filter { $0 > 0x20 }, as: UTF8.self)) else {
      return nil
    }
    let text = PEM.encode(bytes(der), label: "CERTIFICATE")
    return Array(given[..<(start - begin.count)]) + Array(text.utf8) + Array(given[(stop + end.count)...].dropFirst())
  }

  // MARK: Documents

  private static let odd: [JSON] = [
    nil, true, false, 0, 1, -1, .integer(JSON.maxSafeInteger), "", "any", [], [:], "AA==", "00",
    "e\u{301}", "\u{E9}", ["any"], [0],
  ]

  /// One change in a document: every level is as likely to be changed as the one above it.
  mutating func json(_ value: JSON) -> JSON {
    if once(in: 40) { return pick(Self.odd) }
    switch value {
    case .object(var object):
      guard !object.isEmpty else { return once(in: 2) ? ["further": 1] : pick(Self.odd) }
      let key = pick(object.keys)
      let member = object[key] ?? nil
      switch below(40) {
      case 0: object[key] = nil
      case 1: object["further"] = member
      case 2:
        object[key] = nil
        object[pick([key.uppercased(), key + " ", "", "e\u{301}"])] = member
      case 3:
        let other = pick(object.keys)
        (object[key], object[other]) = (object[other], object[key])
      default: object[key] = json(member)
      }
      return .object(object)
    case .array(var array):
      guard !array.isEmpty else { return .array([pick(Self.odd)]) }
      let index = below(array.count)
      switch below(40) {
      case 0: array.remove(at: index)
      case 1: array.insert(array[index], at: index)
      case 2: array.swapAt(index, below(array.count))
      case 3: array.append(pick(Self.odd))
      default: array[index] = json(array[index])
      }
      return .array(array)
    case .string(let text): return .string(self.text(text))
    case .integer(let number):
      return pick([
        .integer(number + 1), .integer(number - 1), .integer(-number), 0, .integer(JSON.maxSafeInteger),
        .string("\(number)"), .integer(number ^ 1 << Int64(below(32))),
      ])
    case .bool(let flag): return .bool(!flag)
    case .null, .double: return pick(Self.odd)
    }
  }

  /// One change of a text: of the bytes that it stands for, or of itself.
  private mutating func text(_ text: String) -> String {
    if !once(in: 16) {
      if text.utf8.count.isMultiple(of: 2), let bytes = Hex.decode(text), !bytes.isEmpty {
        return Hex.encode(self.bytes(bytes))
      }
      if text.utf8.count > 8, let bytes = Base64.decode(text) { return Base64.encode(self.bytes(bytes)) }
      if text.first == "{", let json = try? JSON(parsing: Array(text.utf8), limits: Self.limits) {
        return String(decoding: self.json(json).canonicalBytes(), as: UTF8.self)
      }
    }
    switch below(8) {
    case 0: return ""
    case 1: return text.uppercased()
    case 2: return text + pick([" ", "\u{0}", "\u{FEFF}", "=", "\n", "e\u{301}"])
    case 3: return String(text.dropLast())
    case 4: return String(text.dropFirst())
    case 5: return "\u{FEFF}" + text
    default:
      var scalars = Array(text.unicodeScalars)
      guard !scalars.isEmpty else { return "x" }
      scalars[below(scalars.count)] = pick(["0", "A", "K", "\u{212A}", "\u{E9}", "f", "-", "\u{1F600}"])
      var changed = String.UnicodeScalarView()
      changed.append(contentsOf: scalars)
      return String(changed)
    }
  }
}
