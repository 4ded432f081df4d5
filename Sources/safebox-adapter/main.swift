Adapter.main(CommandLine.arguments)
