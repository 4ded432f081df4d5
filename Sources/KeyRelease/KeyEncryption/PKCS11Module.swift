import CPKCS11
import Synchronization

/// The modules that this process has loaded. A module is initialised once and stays: its own threads and locks do not
/// survive being unloaded.
enum PKCS11Module {
  private static let loaded = Mutex<[String: Loaded]>([:])

  private struct Loaded: @unchecked Sendable {
    let functions: CK_FUNCTION_LIST
  }

  static func functions(of path: String) throws(KeyEncryptionFault) -> CK_FUNCTION_LIST {
    try loaded.withLock { modules -> Result<Loaded, KeyEncryptionFault> in
      Result { () throws(KeyEncryptionFault) in
        if let module = modules[path] { return module }
        // Path as given, not a search: a module is code that sees the PIN.
        guard path.hasPrefix("/") else { throw .unavailable("\(path) is not an absolute path") }
        guard let list = p11_kit_module_load(path, 0) else {
          throw .unavailable("the module \(path) cannot be loaded: \(lastMessage())")
        }
        let result = p11_kit_module_initialize(list)
        guard result == CKR_OK else {
          p11_kit_module_release(list)
          throw .unavailable("the module \(path) does not start: \(lastMessage())")
        }
        let module = Loaded(functions: list.pointee)
        modules[path] = module
        return module
      }
    }.get().functions
  }

  private static func lastMessage() -> String { p11_kit_message().map { String(cString: $0) } ?? "no reason given" }
}
