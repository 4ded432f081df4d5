import CanonicalJSON
import SystemOperations
import Terminal

/// `operations`: the whole privileged surface on one page.
enum OperationsCommand {
  static let command = Command(
    "operations", "print everything that this program does as root",
    arguments: [
      .option(
        "root", value: "dir", "the root directory that paths are shown below", default: SystemConfiguration.standardRoot
      ),
      .json,
    ], run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let root = try arguments.required("root")
    Terminal.standard.write(
      arguments.wantsJSON ? OperationsPage.json.canonicalString() + "\n" : OperationsPage.text(root: root))
    return .ok
  }
}
