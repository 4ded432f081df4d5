/// What a tool can call on `Protocol`. All of it is there for every tool; the manifest decides what is allowed.
public enum ProtocolMethod {
  /// In the order in which the wire format numbers them: new ones go to the end.
  public static let names = [
    "LLM.chat", "LLM.embed", "Diffusion.generate", "HTTP.get", "HTTP.head", "HTTP.send", "SMTP.send", "SMS.send",
    "Push.send", "Telegram.get", "Telegram.send", "Web3.read", "Web3.send", "Web3.sign", "Files.read", "Files.list",
    "Files.write", "Action.propose", "Workflow.run", "Workflow.sleep",
  ]
}
