/// The members of a JSON object, kept sorted by the UTF-16 code units of their names (RFC 8785 section 3.2.3) so that
/// writing needs no sort. Names are unique by their bytes.
public struct JSONObject: Sendable, Hashable {
  /// One member. Equality is by bytes, as in ``JSON``.
  struct Member: Sendable, Hashable {
    var key: String
    var value: JSON

    static func == (left: Member, right: Member) -> Bool {
      left.key.hasSameBytes(as: right.key) && left.value == right.value
    }
  }

  private(set) var members: [Member]

  /// An object without members.
  public init() { members = [] }

  /// Takes members that are already in order and unique; only the parser can promise that.
  init(ordered members: [Member]) { self.members = members }

  /// An object of these members. A repeated name is a programming error, as in a dictionary literal.
  public init(_ pairs: some Sequence<(String, JSON)>) {
    var members = pairs.map { Member(key: $0.0, value: $0.1) }
    members.sort { UTF16Order.precedes($0.key, $1.key) }
    precondition(Self.firstDuplicate(in: members) == nil, "a member name is given twice")
    self.members = members
  }

  /// The name that occurs twice in sorted members.
  static func firstDuplicate(in members: [Member]) -> String? {
    for index in members.indices.dropFirst() where members[index - 1].key.hasSameBytes(as: members[index].key) {
      return members[index].key
    }
    return nil
  }

  /// The number of members.
  public var count: Int { members.count }
  /// True when there is no member.
  public var isEmpty: Bool { members.isEmpty }
  /// The names, in canonical order.
  public var keys: [String] { members.map(\.key) }

  /// The member of that name; assigning nil removes it. Names are compared by bytes.
  public subscript(key: String) -> JSON? {
    get { index(of: key).map { members[$0].value } }
    set {
      if let index = index(of: key) {
        if let newValue { members[index].value = newValue } else { members.remove(at: index) }
      } else if let newValue {
        members.insert(Member(key: key, value: newValue), at: insertionIndex(of: key))
      }
    }
  }

  /// Position of the member of that name: a scan where it is cheaper than a binary search.
  func index(of key: String) -> Int? {
    if members.count <= 12 { return members.firstIndex { $0.key.hasSameBytes(as: key) } }
    let index = insertionIndex(of: key)
    return index < members.count && members[index].key.hasSameBytes(as: key) ? index : nil
  }

  /// The first position whose name does not precede `key`.
  private func insertionIndex(of key: String) -> Int {
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      if UTF16Order.precedes(members[middle].key, key) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension JSONObject: Sequence {
  /// Members in canonical order.
  public func makeIterator() -> Iterator { Iterator(base: members.makeIterator()) }

  /// Iterates over the members in canonical order.
  public struct Iterator: IteratorProtocol {
    var base: IndexingIterator<[Member]>

    public mutating func next() -> (key: String, value: JSON)? { base.next().map { ($0.key, $0.value) } }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}
