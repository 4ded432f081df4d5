/// The sudoers file for installations where the socket is served without root: sudo lets that user start this program as
/// root with exactly one command line for each operation, and nothing else. What is to be done comes in on standard input
/// and is verified there like what comes in on the socket, so the command line holds no argument that anybody chooses.
public enum SudoersFile {
  /// - Parameters:
  ///   - user: the account that serves the socket; a name, never a number or a group.
  ///   - program: absolute path of `safebox-system`.
  ///   - configuration: absolute path of its configuration.
  public static func text(user: String, program: String, configuration: String) -> String? {
    guard isAccount(user), SystemPath.isPlain(program), SystemPath.isPlain(configuration) else { return nil }
    var text = """
      # Written by `safebox-system sudoers`. One line for each operation, whole command lines, no wildcards: in sudoers `*`
      # matches blanks, and an argument that is free is every argument.
      Defaults!SAFEBOX_OPERATIONS env_reset, !setenv, secure_path="/usr/sbin:/usr/bin:/sbin:/bin", umask=0077, umask_override
      Defaults!SAFEBOX_OPERATIONS !requiretty, !use_pty, closefrom=3, !lecture

      Cmnd_Alias SAFEBOX_OPERATIONS = \\

      """
    let commands = Operation.allCases.map { command($0, program: program, configuration: configuration) }
    text += commands.map { "  \($0)" }.joined(separator: ", \\\n")
    text += "\n\n\(user) ALL=(root:root) NOPASSWD: NOSETENV: SAFEBOX_OPERATIONS\n"
    return text
  }

  /// The command line of one operation, as it stands in the file and as it is run.
  public static func command(_ operation: Operation, program: String, configuration: String) -> String {
    "\(program) perform \(operation.rawValue) --configuration \(configuration)"
  }

  /// A name of an account that sudoers can mean in one way only.
  private static func isAccount(_ name: String) -> Bool {
    guard (1...32).contains(name.utf8.count), let first = name.utf8.first, name != "ALL" else { return false }
    guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }
}
