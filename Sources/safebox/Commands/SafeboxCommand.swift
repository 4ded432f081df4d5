import BoxService
import Terminal

/// The command line as data.
enum SafeboxCommand {
  static let version: String = Box.version

  static let root: Command = Command(
    "safebox", "act under rules that only M of N signers can change",
    discussion: """
      Tools and applications propose actions; signers approve them on their own machines; the box carries out what its \
      policies allow, once, and logs everything so that anyone can check it offline.

      Which box is meant can also be said in the environment: SAFEBOX_BOX, SAFEBOX_TOKEN_FILE, SAFEBOX_TOKEN and, for \
      its data directory, SAFEBOX_DATA. An option wins over the environment.
      """,
    subcommands: [
      KeyCommands.command, InitCommand.command, ServeCommand.command, StatusCommand.command, ClientCommands.command,
      ProposeCommand.command, ProposalCommands.list, ProposalCommands.show, VoteCommands.approve, VoteCommands.object,
      VoteCommands.withdraw, EraseCommand.command, ClaimCommands.command, PolicyCommands.command,
      CommitteeCommands.command, SecretCommands.command,
      LogCommands.command, ExportsCommand.command, WitnessCommands.command, ReceiptCommands.command,
      AuditCommands.command, ToolCommands.command, RunCommands.command, WorkflowCommands.command, MCPCommand.command,
      ModelCommands.command, PackageCommands.command, RunnerCommands.command, SnapshotCommands.command,
      SystemCommands.command, BrokerCommands.command, SealCommands.seal, SealCommands.unseal,
      AttestCommands.command, ReleaseCommands.command,
      DoctorCommand.command,
      CompletionsCommand.command, CompletionsCommand.manual, StatusCommand.version,
    ])
}
