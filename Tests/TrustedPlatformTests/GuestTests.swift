import Attestation
import CanonicalJSON
import Cryptography
import Foundation
import Glibc
import PlayedMachines
import Synchronization
import TestSupport
import Testing

@testable import TrustedPlatform

@Suite("Confidential guests, with a played kernel")
struct GuestTests {
  @Test("The report is over the data and zeros, and the request is taken away")
  func report() throws {
    let kernel = PlayedKernel.reporting("tdx_guest")
    let report = try ConfidentialReports(files: kernel).report(over: [1, 2, 3], from: .tdx)
    #expect(report.report == [0xAA, 1, 2, 3] + [UInt8](repeating: 0, count: 61))
    #expect(report.auxiliary == nil)
    kernel.state.withLock { state in
      #expect(state.directories == [ConfidentialReports.path])
      #expect(state.removed.count == 1)
      #expect(state.removed.first?.hasPrefix(ConfidentialReports.path + "/safebox-") == true)
    }
  }

  @Test("A request that somebody else wrote into is made again, and given up in the end")
  func raced() throws {
    let once = PlayedKernel.reporting("tdx_guest", disturbed: 1)
    _ = try ConfidentialReports(files: once).report(over: [1], from: .tdx)
    #expect(once.state.withLock { $0.writes.count } == 2)
    let always = PlayedKernel.reporting("tdx_guest", disturbed: 100)
    let failure = #expect(throws: GuestFailure.self) {
      try ConfidentialReports(files: always).report(over: [1], from: .tdx)
    }
    guard case .raced = failure else {
      Issue.record("\(String(describing: failure))")
      return
    }
    #expect(always.state.withLock { $0.removed.count } == 1)
  }

  @Test("Another platform's provider, a kernel without the interface and data of no length are refused")
  func refusals() throws {
    #expect(throws: GuestFailure.provider(expected: "sev_guest", actual: "tdx_guest")) {
      try ConfidentialReports(files: PlayedKernel.reporting("tdx_guest")).report(over: [1], from: .snp)
    }
    #expect(throws: GuestFailure.absent(ConfidentialReports.path)) {
      try ConfidentialReports(files: PlayedKernel()).report(over: [1], from: .snp)
    }
    for count in [0, 65] {
      #expect(
        throws: GuestFailure.field(
          FieldError(field: "binding", expected: "1 to 64 bytes", actual: "\(count) bytes"))
      ) {
        try ConfidentialReports(files: PlayedKernel.reporting("tdx_guest"))
          .report(over: [UInt8](repeating: 1, count: count), from: .tdx)
      }
    }
  }

  @Test("A trust domain's quote, log and runtime events become evidence")
  func trustDomain() async throws {
    let quote: [UInt8] = [4, 0, 2, 0, 0x81, 0, 0, 0]
    let kernel = PlayedKernel.reporting("tdx_guest", report: quote)
    kernel.state.withLock { $0.files["/sys/firmware/acpi/tables/data/CCEL"] = [7, 7] }
    let runtime = try RuntimeLog([try RuntimeEvent(kind: .tool, name: "t", digest: SHA256.hash([1]))])
    let evidence = try await TDXCollector(files: kernel).evidence(binding: [1], runtime: runtime)
    let content = try #require(evidence.content as? TDXEvidence)
    #expect(content.quote.starts(with: quote))
    #expect(content.quote.count == 8 + 64)
    #expect(content.logs.eventLog == [7, 7])
    #expect(content.logs.runtime == runtime)
  }

  @Test("Runtime registers are extended and read by their names")
  func runtimeRegisters() throws {
    let path = RuntimeRegisters.path + "/rtmr3:sha384"
    let kernel = PlayedKernel(answer: PlayedKernel.extending)
    kernel.startRegisters()
    #expect(kernel.state.withLock { $0.files[path] } == BankAlgorithm.sha384.zeros)
    let registers = RuntimeRegisters(root: RuntimeRegisters.path, files: kernel)
    let digest = SHA384.hash([1])
    try registers.extend(3, with: digest)
    #expect(try registers.value(3) == BankAlgorithm.sha384.extend(BankAlgorithm.sha384.zeros, with: digest))
    #expect(throws: GuestFailure.self) { try registers.extend(4, with: digest) }
    #expect(throws: GuestFailure.self) { try registers.extend(3, with: [1]) }
    #expect(throws: GuestFailure.absent(RuntimeRegisters.path)) {
      try RuntimeRegisters(root: RuntimeRegisters.path, files: PlayedKernel()).value(3)
    }
  }

  @Test("The report is taken out of the firmware's response, whose status and size are held to")
  func snpResponse() throws {
    let report = (0..<1184).map { UInt8(truncatingIfNeeded: $0) }
    let header: [UInt8] = [0, 0, 0, 0, 0xA0, 0x04, 0, 0] + [UInt8](repeating: 0, count: 24)
    let response = header + report + [UInt8](repeating: 0, count: 4000 - 32 - 1184)
    #expect(try SNPGuest.report(in: response) == report)
    var failed = response
    failed[0] = 0x16
    #expect(throws: GuestFailure.firmware(device: SNPGuest.path, code: 0x16)) { try SNPGuest.report(in: failed) }
    var short = response
    short[4] = 0x9F
    #expect(throws: GuestFailure.self) { try SNPGuest.report(in: short) }
    #expect(throws: GuestFailure.self) { try SNPGuest.report(in: Array(response.prefix(1215))) }
  }

  @Test("What is no SEV-SNP report becomes no evidence")
  func notAReport() throws {
    #expect(throws: GuestFailure.self) {
      try SNPCollector.evidence(of: ConfidentialReports.Report(report: [1, 2], auxiliary: nil), certificates: [])
    }
  }

  @Test(
    "Recorded reports become evidence with the certificates beside them",
    .enabled(if: Vectors.available, Vectors.absence))
  func recorded() async throws {
    for name in ["milan-v2-vcek", "trustee-vcek", "trustee-vlek", "dstack-v1"] {
      let bytes = try Vectors.bytes("attestation/sev-snp/\(name)/report.bin")
      let certificate = try AttestationAuthority.make(name: "A certificate", at: 0, validity: 1000).certificate.der
      let evidence = try SNPCollector.evidence(
        of: ConfidentialReports.Report(report: bytes, auxiliary: nil), certificates: [certificate])
      let content = try #require(evidence.content as? SNPEvidence)
      #expect(content.report == bytes)
      #expect(content.certificates == [certificate])
    }
  }

  @Test("The Nitro module's requests and responses are CBOR to the byte")
  func nitro() throws {
    let request = try NitroGuest.request(nonce: [1, 2], publicKey: nil, userData: nil)
    #expect(
      Hex.encode(request)
        == "a16b4174746573746174696f6ea369757365725f64617461f6656e6f6e6365420102" + "6a7075626c69635f6b6579f6")
    let long = try NitroGuest.request(
      nonce: [UInt8](repeating: 7, count: 1024), publicKey: [UInt8](repeating: 8, count: 100), userData: [9])
    #expect(long.count == 1 + 12 + 1 + (10 + 2) + (6 + 3 + 1024) + (11 + 2 + 100))
    #expect(throws: GuestFailure.self) { try NitroGuest.request(nonce: [], publicKey: nil, userData: nil) }
    #expect(throws: GuestFailure.self) {
      try NitroGuest.request(nonce: [UInt8](repeating: 7, count: 1025), publicKey: nil, userData: nil)
    }
    let start = try #require(Hex.decode("a16b4174746573746174696f6ea168646f63756d656e74"))
    for count in [0, 23, 24, 255, 256, 5000] {
      let document = [UInt8](repeating: 0x5A, count: count)
      let head: [UInt8] =
        count < 24
        ? [0x40 | UInt8(count)] : count < 256 ? [0x58, UInt8(count)] : [0x59, UInt8(count >> 8), UInt8(count & 0xFF)]
      #expect(try NitroGuest.document(in: start + head + document) == document)
      #expect(throws: GuestFailure.self) { try NitroGuest.document(in: start + head + document + [0]) }
      #expect(throws: GuestFailure.self) {
        try NitroGuest.document(in: Array((start + head + document).dropLast()))
      }
    }
    let error = try #require(Hex.decode("a1654572726f72")) + [0x6F] + Array("InvalidArgument".utf8)
    #expect(throws: GuestFailure.nitro("InvalidArgument")) { try NitroGuest.document(in: error) }
    for cut in 0..<error.count {
      #expect(throws: GuestFailure.self) { try NitroGuest.document(in: Array(error[..<cut])) }
    }
  }

  @Test("Devices that are not here are absent by name")
  func absent() throws {
    #expect(throws: GuestFailure.absent("/nonexistent/sev")) {
      try SNPGuest(path: "/nonexistent/sev").report(over: [1])
    }
    #expect(throws: GuestFailure.absent("/nonexistent/nsm")) {
      try NitroGuest(module: SecureModuleDevice(path: "/nonexistent/nsm")).document(nonce: [1])
    }
    // A file that is no such device: the kernel refuses the request and nothing is read.
    #expect(throws: GuestFailure.system(call: "ioctl", path: "/dev/null", errno: ENOTTY)) {
      try SNPGuest(path: "/dev/null").report(over: [1])
    }
    #expect(throws: GuestFailure.system(call: "ioctl", path: "/dev/null", errno: ENOTTY)) {
      try NitroGuest(module: SecureModuleDevice(path: "/dev/null")).document(nonce: [1])
    }
  }

  @Test("The machine's own files are read whole, written at once, and no link is followed")
  func systemFiles() throws {
    let directory = try TemporaryDirectory()
    let files = SystemFiles()
    let path = try directory.write([], to: "value")
    let bytes = [UInt8](repeating: 7, count: 40_000)
    try files.write(bytes, to: path)
    #expect(try files.read(path, limit: 40_000) == bytes)
    #expect(throws: GuestFailure.system(call: "read", path: path, errno: EFBIG)) {
      try files.read(path, limit: 39_999)
    }
    #expect(throws: GuestFailure.absent(directory.file("none"))) { try files.read(directory.file("none"), limit: 1) }
    #expect(throws: GuestFailure.absent(directory.file("none"))) { try files.write([1], to: directory.file("none")) }
    try FileManager.default.createSymbolicLink(atPath: directory.file("link"), withDestinationPath: path)
    #expect(throws: GuestFailure.system(call: "open", path: directory.file("link"), errno: ELOOP)) {
      try files.read(directory.file("link"), limit: 1 << 20)
    }
    try files.makeDirectory(directory.file("entry"))
    #expect(files.exists(directory.file("entry")))
    #expect(throws: GuestFailure.system(call: "mkdir", path: directory.file("entry"), errno: EEXIST)) {
      try files.makeDirectory(directory.file("entry"))
    }
    files.removeDirectory(directory.file("entry"))
    #expect(!files.exists(directory.file("entry")))
  }

  @Test("The firmware's log belongs to the chip; a software TPM has none")
  func eventLog() throws {
    let kernel = PlayedKernel(["/sys/kernel/security/tpm1/binary_bios_measurements": [1, 2, 3]])
    let log = BootEventLog(files: kernel)
    #expect(try log.bytes(of: TPMAddress("device:/dev/tpmrm1")) == [1, 2, 3])
    #expect(try log.bytes(of: TPMAddress("device:/dev/tpmrm0")) == nil)
    #expect(try log.bytes(of: TPMAddress("swtpm:path=/run/tpm1")) == nil)
    #expect(try log.confidentialBytes() == nil)
  }

  @Test("What is here is named with where, and what is not with what was looked for")
  func detection() throws {
    let nothing = PlatformDetection(tcti: nil, files: PlayedKernel())
    #expect(nothing.findings.map(\.kind) == [.tpm, .snp, .tdx, .nitroEnclave, .azure, .nitroTPM, .gcpVTPM, .nvidia])
    #expect(nothing.findings.filter(\.isPresent).isEmpty)
    #expect(nothing[.tpm]?.state == .absent("neither /dev/tpmrm0 nor /dev/tpm0 is there"))
    let kernel = PlayedKernel(
      [
        "/dev/tpmrm0": [], "/dev/tpm0": [], "/dev/sev-guest": [], "/dev/tdx_guest": [], "/dev/nsm": [],
        "/sys/class/dmi/id/chassis_asset_tag": Array("7783-7084-3265-9085-8269-3286-77\n".utf8),
      ], directories: [ConfidentialReports.path, RuntimeRegisters.path])
    let all = PlatformDetection(tcti: nil, files: kernel)
    #expect(all[.tpm]?.state == .present("device:/dev/tpmrm0"))
    #expect(all[.snp]?.state == .present("/dev/sev-guest"))
    #expect(
      all[.tdx]?.state == .present("/sys/kernel/config/tsm/report, with registers for runtime events"))
    #expect(all[.nitroEnclave]?.isPresent == true)
    #expect(all[.azure]?.isPresent == true)
    let software = PlatformDetection(tcti: "swtpm:path=/run/tpm", files: PlayedKernel())
    #expect(
      software[.tpm]?.state == .present("swtpm:path=/run/tpm, which proves nothing about hardware"))
    #expect(PlatformDetection(tcti: "nonsense", files: kernel)[.tpm]?.isPresent == false)
  }
}
