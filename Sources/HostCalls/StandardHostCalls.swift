extension HostCallTable {
  /// Every family that this box has. One line each.
  public static func standard(_ services: HostServices) -> HostCallTable {
    HostCallTable([
      ActionCall(),
      DiffusionCall(services),
      FilesCall(services),
      HTTPCall(services),
      LLMCall(services),
      SMTPCall(),
      SMSCall(),
      PushCall(),
      TelegramCall(services),
      Web3Call(services),
    ])
  }
}

extension HostServices {
  /// The executors of the actions that those families propose. One line each.
  public var executors: [any ActionExecutor] {
    let always: [any ActionExecutor] = [
      HTTPRequestExecutor(client: client, keychain: keychain, salt: salt),
      FilesWriteExecutor(files: files, salt: salt),
      SMTPSendExecutor(self),
      SMSSendExecutor(self),
      PushSendExecutor(self),
      TelegramSendExecutor(self),
      SecretPutExecutor(keychain: keychain), SecretRemoveExecutor(keychain: keychain),
      Web3SignExecutor(self),
    ]
    guard let transactions else { return always }
    return always + [Web3SendExecutor(self, journal: transactions)]
  }
}
