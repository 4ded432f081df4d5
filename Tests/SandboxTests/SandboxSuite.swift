import Testing

/// One test at a time: some of them count the descriptors and children of this process.
@Suite(.serialized) enum SandboxSuite {}
