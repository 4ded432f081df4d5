import Testing

/// One test at a time: what one of them starts outside the jail inherits the pipe whose end another one waits for.
@Suite(.serialized) enum SandboxSuite {}
