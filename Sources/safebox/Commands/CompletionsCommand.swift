import Terminal

/// `completions`, `manual`.
enum CompletionsCommand {
  static let command: Command = Command(
    "completions", "print shell completions",
    arguments: [
      .positional("shell", "bash, zsh or fish", values: .oneOf(ShellCompletions.Shell.allCases.map(\.rawValue)))
    ],
    run: { arguments in
      guard let shell = ShellCompletions.Shell(rawValue: try arguments.required("shell")) else { return .usage }
      Terminal.standard.write(ShellCompletions(SafeboxCommand.root).script(for: shell))
      return .ok
    })

  static let manual: Command = Command(
    "manual", "print the manual page (troff)",
    run: { _ in
      Terminal.standard.write(ManualPage(SafeboxCommand.root, version: SafeboxCommand.version).text)
      return .ok
    })
}
