// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours: Swift 6 language mode, and a warning is an error.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let package = Package(
  name: "safebox",
  products: [
    .executable(name: "safebox", targets: ["safebox"]),
    .executable(name: "Benchmarks", targets: ["Benchmarks"]),
  ],
  targets: [
    // C libraries, from Debian.
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CSecp256k1", pkgConfig: "libsecp256k1", providers: [.apt(["libsecp256k1-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CPKCS11", pkgConfig: "p11-kit-1", providers: [.apt(["libp11-kit-dev"])]),
    .systemLibrary(name: "CTSS2", pkgConfig: "tss2-esys", providers: [.apt(["libtss2-dev"])]),
    .target(name: "CLinux"),
    // The engine, compiled from Debian's qjs-src. Optimised in every configuration: where the stack ends is part of what
    // a run is.
    .target(
      name: "CQuickJS",
      cSettings: [
        .unsafeFlags([
          "-O2", "-w", "-fwrapv", "-funsigned-char", "-ffp-contract=off", "-fno-omit-frame-pointer",
        ])
      ],
      // From scripts/setup: the same mathematics on every CPU.
      linkerSettings: [
        .unsafeFlags(["-L\(Context.packageDirectory)/.build/engine"]), .linkedLibrary("portablem"),
      ]),
    .target(name: "CJail"),
    // The TPM's software stack behind functions over bytes, which keeps its giant structures out of Swift.
    .target(
      name: "CTPM", dependencies: ["CTSS2"],
      linkerSettings: [.linkedLibrary("tss2-tctildr"), .linkedLibrary("tss2-mu")]),

    // Storey 0: pure values. No I/O, no clock, no Foundation.
    room("CanonicalJSON"),
    room("Cryptography", ["COpenSSL", "CSecp256k1"]),
    room("OpenClaims", ["CanonicalJSON", "Cryptography"]),
    room("TransparencyLog", ["Cryptography"]),
    // What hardware says of itself: formats, verifiers, appraisal.
    room("Attestation", ["CanonicalJSON", "Cryptography", "OpenClaims"]),
    room("Governance", ["Attestation", "CanonicalJSON", "Cryptography", "OpenClaims", "JavaScript"]),
    room("Receipts", ["Attestation", "CanonicalJSON", "Cryptography", "OpenClaims", "TransparencyLog", "Governance"]),

    room("JavaScript", ["CQuickJS", "CanonicalJSON"]),
    room("Ethereum", ["CanonicalJSON", "Cryptography"]),

    // Storey 1: machinery.
    room("Storage", ["CSQLite", "CLinux", "CanonicalJSON", "Cryptography", "TransparencyLog"]),
    room("HTTPServer", ["CLinux", "Cryptography"]),
    room("HTTPClient", ["CCurl", "CLinux"]),
    room("Terminal", ["CLinux"]),
    room("TrustedPlatform", ["CTPM", "CLinux", "CanonicalJSON", "Cryptography", "Attestation"]),

    room("Sandbox", ["CJail", "CLinux", "CanonicalJSON", "JavaScript"]),

    // Storey 2: what the box does.
    room("Keychain", ["CanonicalJSON", "Cryptography", "Governance", "Storage"]),
    room(
      "HostCalls",
      ["CanonicalJSON", "Cryptography", "Ethereum", "Governance", "HTTPClient", "Keychain", "Storage"]),
    room(
      "Runs",
      ["CanonicalJSON", "Cryptography", "Governance", "HostCalls", "JavaScript", "Keychain", "Sandbox", "Storage"]),
    // The broker that gives keys to boxes that prove what they run.
    room(
      "KeyRelease",
      [
        "CPKCS11", "CLinux", "CanonicalJSON", "Cryptography", "Attestation", "Governance", "HTTPClient", "HTTPServer",
        "HostCalls", "ObjectStorage", "OpenClaims", "Storage", "TrustedPlatform",
      ]),
    // Models: what they are, how they come here, what serves them, and how they are spoken to.
    room("ObjectStorage", ["CanonicalJSON", "Cryptography", "HTTPClient"]),
    room("Models", ["CanonicalJSON", "Cryptography", "CLinux", "OpenClaims"]),
    room("Acquisition", ["CanonicalJSON", "Cryptography", "CLinux", "HTTPClient", "Models", "ObjectStorage"]),
    room("Runners", ["CanonicalJSON", "Cryptography", "CLinux", "HTTPClient", "Models"]),
    room("Inference", ["CanonicalJSON", "Cryptography", "HTTPClient", "HTTPServer"]),
    // What the privileged process does.
    room("Snapshots", ["CanonicalJSON", "Cryptography", "CLinux"]),
    room("Packages", ["CanonicalJSON", "Cryptography", "CLinux", "Snapshots"]),
    room(
      "SystemOperations",
      [
        "CanonicalJSON", "Cryptography", "CLinux", "OpenClaims", "TransparencyLog", "Governance", "HTTPServer",
        "HTTPClient",
      ]),
    room(
      "AuditExport",
      ["CanonicalJSON", "Cryptography", "CLinux", "Governance", "HTTPClient", "ObjectStorage", "Storage"]),
    room("ModelContextProtocol", ["CLinux", "CanonicalJSON", "Cryptography", "HTTPServer", "HTTPClient"]),
    room(
      "Witness",
      ["CLinux", "CanonicalJSON", "Cryptography", "TransparencyLog", "Storage", "HTTPServer", "HTTPClient"]),
    room(
      "Audit", ["CanonicalJSON", "Cryptography", "OpenClaims", "TransparencyLog", "Governance", "Receipts", "Storage"]),

    // Storey 3: composition.
    room(
      "BoxService",
      [
        "CanonicalJSON", "Cryptography", "OpenClaims", "TransparencyLog", "Governance", "Receipts", "Storage",
        "HTTPServer", "HTTPClient", "Witness", "Audit", "AuditExport", "CLinux", "HostCalls", "Inference",
        "JavaScript", "Keychain", "Models", "Packages", "Runners", "Runs", "Sandbox", "SystemOperations", "Attestation",
        "TrustedPlatform", "KeyRelease",
      ]),
    // The process in the jail: static, because there is nothing in there to load.
    .executableTarget(
      name: "safebox-worker",
      dependencies: ["CJail", "JavaScript"],
      swiftSettings: strict + [.unsafeFlags(["-static-executable"])],
      linkerSettings: [.unsafeFlags(["-static-executable"])]),
    // What stands before a server in a runner's container: static, as the container's root is not ours.
    .executableTarget(
      name: "safebox-adapter",
      dependencies: ["CLinux", "CanonicalJSON"],
      swiftSettings: strict + [.unsafeFlags(["-static-executable"])],
      linkerSettings: [.unsafeFlags(["-static-executable"])]),
    // The one privileged process.
    .executableTarget(
      name: "safebox-system",
      dependencies: [
        "CanonicalJSON", "Cryptography", "CLinux", "Governance", "HTTPClient", "HTTPServer", "Models", "Acquisition",
        "Runners", "Snapshots", "Packages", "Storage", "SystemOperations", "TransparencyLog", "Terminal",
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "safebox",
      dependencies: [
        "Acquisition", "AuditExport", "Inference", "Models", "ObjectStorage", "Packages", "Runners", "Snapshots",
        "SystemOperations",
        "CanonicalJSON", "Cryptography", "OpenClaims", "TransparencyLog", "Governance", "Receipts", "Storage",
        "HTTPServer", "HTTPClient", "Terminal", "Witness", "Audit", "BoxService", "CLinux", "ModelContextProtocol",
        "HostCalls", "JavaScript", "Keychain", "Runs", "Sandbox", "Attestation", "TrustedPlatform", "KeyRelease",
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "Benchmarks",
      dependencies: [
        "CanonicalJSON", "Cryptography", "OpenClaims", "TransparencyLog", "Governance", "Receipts", "Storage",
        "HTTPServer", "HTTPClient", "BoxService", "Audit", "CLinux", "HostCalls", "JavaScript", "Keychain", "Runs",
        "Sandbox", "Acquisition", "Models", "Runners", "Snapshots", "Inference", "Attestation", "TrustedPlatform",
        "AttestationMint",
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "SafeboxFuzz",
      dependencies: [
        "Attestation", "Models", "Packages", "Inference",
        "CanonicalJSON", "Cryptography", "OpenClaims", "TransparencyLog", "Governance", "Receipts", "HTTPServer",
        "JavaScript",
      ],
      path: "Fuzz/SafeboxFuzz",
      swiftSettings: strict),

    // Tests.
    .target(
      name: "TestSupport", dependencies: ["CLinux", "CanonicalJSON", "Cryptography"], path: "Tests/TestSupport",
      swiftSettings: strict),
    tests("CanonicalJSONTests", ["CanonicalJSON"]),
    tests("CryptographyTests", ["Cryptography", "CanonicalJSON", "AttestationMint"]),
    tests("OpenClaimsTests", ["OpenClaims", "CanonicalJSON", "Cryptography"]),
    tests("TransparencyLogTests", ["TransparencyLog", "CanonicalJSON", "Cryptography"]),
    tests("GovernanceTests", ["Attestation", "Governance", "OpenClaims", "CanonicalJSON", "Cryptography"]),
    tests(
      "ReceiptsTests",
      [
        "Receipts", "Governance", "OpenClaims", "TransparencyLog", "CanonicalJSON", "Cryptography", "Attestation",
        "AttestationMint",
      ]),
    .executableTarget(
      name: "StorageFaultProbe", dependencies: ["Storage", "TransparencyLog", "Cryptography"],
      path: "Tests/StorageFaultProbe", swiftSettings: strict),
    tests(
      "StorageTests",
      ["Storage", "StorageFaultProbe", "TransparencyLog", "CanonicalJSON", "Cryptography", "CLinux"]),
    // Evidence of machines that there are none of.
    .target(
      name: "AttestationMint", dependencies: ["Attestation", "CanonicalJSON", "Cryptography"],
      path: "Tests/AttestationMint", swiftSettings: strict),
    tests("AttestationTests", ["Attestation", "AttestationMint", "CanonicalJSON", "Cryptography", "OpenClaims"]),
    // Kernels and security modules of such machines.
    .target(
      name: "PlayedMachines", dependencies: ["TrustedPlatform", "Attestation", "AttestationMint", "Cryptography"],
      path: "Tests/PlayedMachines", swiftSettings: strict),
    tests(
      "TrustedPlatformTests",
      [
        "TrustedPlatform", "Attestation", "AttestationMint", "PlayedMachines", "CanonicalJSON", "Cryptography",
        "CLinux",
      ]),
    tests(
      "KeyReleaseTests",
      [
        "KeyRelease", "Attestation", "AttestationMint", "TrustedPlatform", "Governance", "HTTPClient", "HTTPServer",
        "Storage", "CanonicalJSON", "Cryptography", "CLinux",
      ]),
    tests("HTTPServerTests", ["HTTPServer", "Cryptography", "CLinux"]),
    tests("HTTPClientTests", ["HTTPClient", "CLinux", "CanonicalJSON"]),
    tests("TerminalTests", ["Terminal"]),
    tests(
      "WitnessTests",
      ["Witness", "TransparencyLog", "Cryptography", "CanonicalJSON", "HTTPServer", "HTTPClient", "Storage"]),
    tests(
      "AuditTests",
      ["Audit", "Receipts", "Governance", "OpenClaims", "TransparencyLog", "CanonicalJSON", "Cryptography", "Storage"]),
    tests(
      "BoxServiceTests",
      [
        "BoxService", "Audit", "Receipts", "Governance", "OpenClaims", "TransparencyLog", "CanonicalJSON",
        "Cryptography", "Storage", "HTTPServer", "HTTPClient", "Witness", "HostCalls", "Keychain", "Runs", "Sandbox",
        "JavaScript", "Attestation", "AttestationMint", "PlayedMachines", "TrustedPlatform",
      ]),
    // The worker must not be a dependency of tests, or their bundle is linked as it is: `swift build --build-tests` makes
    // both.
    tests("JavaScriptTests", ["JavaScript", "CanonicalJSON"]),
    tests("EthereumTests", ["Ethereum", "CanonicalJSON", "Cryptography"]),
    // What stands in the worker's place in the tests of the jail, and tries to get out. The tests depend on neither
    // executable, or they would have to be static too; every build of the tests makes both.
    .executableTarget(
      name: "HostileWorker", dependencies: ["CJail"], path: "Tests/HostileWorker",
      linkerSettings: [.unsafeFlags(["-static-executable"])]),
    tests(
      "SandboxTests",
      ["Sandbox", "JavaScript", "CJail", "CanonicalJSON", "CLinux"]),
    tests("KeychainTests", ["Keychain", "Governance", "Storage", "CanonicalJSON", "Cryptography"]),
    tests(
      "HostCallsTests",
      ["HostCalls", "Ethereum", "Governance", "HTTPClient", "Keychain", "Storage", "CanonicalJSON", "Cryptography"]),
    tests(
      "RunsTests",
      [
        "Runs", "HostCalls", "Governance", "JavaScript", "Keychain", "Sandbox", "Storage", "CanonicalJSON",
        "Cryptography",
      ]),
    tests("ObjectStorageTests", ["ObjectStorage", "HTTPClient", "CanonicalJSON", "Cryptography"]),
    tests("ModelsTests", ["Models", "CanonicalJSON", "Cryptography", "CLinux"]),
    // The process that the crash tests kill.
    .executableTarget(
      name: "AcquisitionFaultProbe", dependencies: ["Acquisition", "HTTPClient", "Models"],
      path: "Tests/AcquisitionFaultProbe", swiftSettings: strict),
    tests(
      "AcquisitionTests",
      [
        "Acquisition", "AcquisitionFaultProbe", "Models", "ObjectStorage", "HTTPClient", "CanonicalJSON",
        "Cryptography", "CLinux",
      ]),
    // What stands in a server's place in the tests of containers, and tries to get out.
    .executableTarget(
      name: "HostileRunner", path: "Tests/HostileRunner",
      linkerSettings: [.unsafeFlags(["-static-executable"])]),
    tests("RunnersTests", ["Runners", "Models", "HTTPClient", "CanonicalJSON", "Cryptography", "CLinux"]),
    tests(
      "InferenceTests", ["Inference", "Runners", "HTTPClient", "HTTPServer", "CanonicalJSON", "Cryptography", "CLinux"]),
    tests("SnapshotsTests", ["Snapshots", "CanonicalJSON", "Cryptography", "CLinux"]),
    tests("PackagesTests", ["Packages", "Snapshots", "CanonicalJSON", "Cryptography", "CLinux"]),
    // What the crash tests of privileged operations kill.
    .executableTarget(
      name: "OperationCrashProbe", dependencies: ["SystemOperations", "CanonicalJSON", "Governance"],
      path: "Tests/OperationCrashProbe", swiftSettings: strict),
    tests(
      "SystemOperationsTests",
      [
        "SystemOperations", "Governance", "OpenClaims", "TransparencyLog", "HTTPServer", "HTTPClient", "CanonicalJSON",
        "Cryptography", "CLinux",
      ]),
    // What the crash tests of the exports kill.
    .executableTarget(
      name: "AuditExportProbe", dependencies: ["AuditExport", "CanonicalJSON", "Governance", "Storage"],
      path: "Tests/AuditExportProbe", swiftSettings: strict),
    tests(
      "AuditExportTests",
      [
        "AuditExport", "AuditExportProbe", "ObjectStorage", "Governance", "Storage", "HTTPClient", "CanonicalJSON",
        "Cryptography", "TransparencyLog",
      ]),
    tests(
      "ModelContextProtocolTests",
      ["ModelContextProtocol", "CanonicalJSON", "Cryptography", "HTTPServer", "HTTPClient"]),
    tests(
      "EndToEndTests",
      [
        "safebox", "Terminal", "CanonicalJSON", "Cryptography", "OpenClaims", "CLinux", "ModelContextProtocol",
        "Attestation",
      ]),
  ]
)
