/// Finds many byte strings at once (Aho and Corasick 1975). For each byte it tells the longest pattern that ends there,
/// and how many of the last bytes could be the beginning of one.
struct PatternAutomaton: Sendable {
  static let root: Int32 = 0

  private struct Node {
    var byte: UInt8
    /// The first child and the next sibling; 0 for none, since the root is neither.
    var child: Int32 = 0
    var sibling: Int32 = 0
    /// The longest proper suffix that is a prefix of a pattern.
    var fallback: Int32 = 0
    var depth: Int32
    /// The length of the longest pattern that ends here, 0 for none.
    var match: Int32 = 0
  }

  private var nodes: [Node]
  /// The root's children by byte: it is where nearly every byte of an innocent text is looked up.
  private var first = [Int32](repeating: 0, count: 256)

  init(_ patterns: [[UInt8]]) {
    nodes = [Node(byte: 0, depth: 0)]
    for pattern in patterns where !pattern.isEmpty { insert(pattern) }
    linkFallbacks()
  }

  var isEmpty: Bool { nodes.count == 1 }

  /// The state after one more byte.
  func step(_ state: Int32, _ byte: UInt8) -> Int32 {
    var state = state
    while true {
      if let next = child(of: state, byte) { return next }
      if state == Self.root { return Self.root }
      state = nodes[Int(state)].fallback
    }
  }

  func depth(_ state: Int32) -> Int { Int(nodes[Int(state)].depth) }
  func match(_ state: Int32) -> Int { Int(nodes[Int(state)].match) }

  private func child(of state: Int32, _ byte: UInt8) -> Int32? {
    if state == Self.root { return first[Int(byte)] == 0 ? nil : first[Int(byte)] }
    var next = nodes[Int(state)].child
    while next != 0 {
      if nodes[Int(next)].byte == byte { return next }
      next = nodes[Int(next)].sibling
    }
    return nil
  }

  private mutating func insert(_ pattern: [UInt8]) {
    var state = Self.root
    for byte in pattern {
      if let next = child(of: state, byte) {
        state = next
        continue
      }
      let next = Int32(nodes.count)
      nodes.append(Node(byte: byte, sibling: nodes[Int(state)].child, depth: nodes[Int(state)].depth + 1))
      nodes[Int(state)].child = next
      if state == Self.root { first[Int(byte)] = next }
      state = next
    }
    nodes[Int(state)].match = Int32(pattern.count)
  }

  /// Breadth first, so that the fallback of every shorter prefix is known.
  private mutating func linkFallbacks() {
    var queue = [Self.root]
    var position = 0
    while position < queue.count {
      let parent = queue[position]
      position += 1
      var next = nodes[Int(parent)].child
      while next != 0 {
        if parent != Self.root {
          nodes[Int(next)].fallback = step(nodes[Int(parent)].fallback, nodes[Int(next)].byte)
        }
        let shorter = nodes[Int(nodes[Int(next)].fallback)].match
        nodes[Int(next)].match = max(nodes[Int(next)].match, shorter)
        queue.append(next)
        next = nodes[Int(next)].sibling
      }
    }
  }
}
