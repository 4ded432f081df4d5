import BoxService
import CanonicalJSON
import Terminal

extension SignerFile {
  /// Reads a `.signer.json` that must be for this box; the error names the file and says where a right one comes from.
  static func read(_ path: String, of box: String) throws -> SignerFile {
    let hint = "give the NAME.signer.json that `safebox key new --box \(box)` wrote"
    let file: SignerFile
    do {
      file = try SignerFile(json: try Files.json(path))
    } catch let error as FieldError {
      throw CommandError("\(path): \(error)", hints: [hint])
    } catch {
      throw CommandError("\(error)", hints: [hint])
    }
    guard file.box == box else {
      throw CommandError("\(path) is for the box \(file.box), not for \(box)", hints: [hint])
    }
    return file
  }
}
