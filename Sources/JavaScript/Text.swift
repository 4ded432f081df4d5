import CQuickJS

/// Texts on their way to and from the engine.
enum Text {
  /// The engine wants a 0 behind each text.
  static func with<Value>(_ bytes: [UInt8], _ body: (engine_text) -> Value) -> Value {
    (bytes + [0]).withUnsafeBytes { raw in
      body(engine_text(bytes: raw.bindMemory(to: CChar.self).baseAddress, count: bytes.count))
    }
  }

  static func bytes(of text: engine_text) -> [UInt8] {
    guard let start = text.bytes else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: start, count: text.count))
  }

  /// At most 4 KiB of valid UTF-8: a text of the engine may hold lone surrogates, or end within a character.
  static func repaired(_ bytes: [UInt8]) -> String {
    var text = String(decoding: bytes, as: UTF8.self)
    while text.utf8.count > MachineFailure.maxMessageBytes { text.unicodeScalars.removeLast() }
    return text
  }
}

/// An array of C strings.
enum CStrings {
  static func with<Value>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value) -> Value {
    var storage: [CChar] = []
    var offsets: [Int] = []
    for string in strings {
      offsets.append(storage.count)
      storage += string.utf8CString
    }
    return storage.withUnsafeBufferPointer { buffer in
      var pointers = offsets.map { offset in buffer.baseAddress?.advanced(by: offset) }
      pointers.append(nil)
      return pointers.withUnsafeBufferPointer { list in
        guard let start = list.baseAddress else { preconditionFailure("an array with an element has an address") }
        return body(start)
      }
    }
  }
}
