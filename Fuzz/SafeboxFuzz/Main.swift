@main enum Main {
  static func main() { FuzzCommand.run() }
}
