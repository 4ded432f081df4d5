import Foundation
import Receipts

@testable import BoxService

enum ReceiptCheck {
  /// What the offline verifier says of a receipt, held against the box's published key.
  static func report(
    _ answer: Answer, of box: TestBox, appraisal: EvidenceExpectation? = nil
  ) throws -> ReceiptReport {
    let publicKeys = try PublicKeys(parsing: try box.home.temporary.read("box/public.json"))
    return ReceiptVerifier(expecting: try ExpectedBox(parsing: publicKeys.es256), appraisal: appraisal)
      .verify(answer.body)
  }

  static func verdict(_ answer: Answer, of box: TestBox) throws -> ReceiptReport.Verdict {
    try report(answer, of: box).verdict
  }
}

enum FileList {
  /// Every file below a directory.
  static func under(_ path: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: path).filter { name in
      var isDirectory: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isDirectory)
      return !isDirectory.boolValue
    }
  }
}

extension FileList {
  static func exists(_ path: String) throws -> Bool { FileManager.default.fileExists(atPath: path) }
}

enum Mode {
  static func of(_ path: String) throws -> Int {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? -1
  }

  static func set(_ mode: Int, of path: String) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }
}
