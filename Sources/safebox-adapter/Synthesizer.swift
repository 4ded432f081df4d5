import CLinux
import Glibc

/// Has espeak-ng speak: fixed arguments, the text on its standard input, sound on its standard output.
enum Synthesizer {
  static let program = "/usr/bin/espeak-ng"
  /// Greatest amount of sound, in bytes: about half an hour.
  static let maxBytes = 96 << 20
  /// Samples a second: 16 bits, little-endian, one channel.
  static let sampleRate = 22_050
  private static let headerBytes = 44

  enum Failure: Error {
    case system(String, Int32)
    case status(Int32)
    case tooLong
    case noSound
  }

  /// The samples. Blocks for as long as that takes.
  static func speak(_ request: SpeechRequest) throws(Failure) -> [UInt8] {
    // A file, so that a program that does not read cannot block us.
    let text = linux_memory_file("text")
    guard text >= 0 else { throw .system("memfd_create", -text) }
    defer { close(text) }
    guard Descriptor.write(Array(request.input.utf8), to: text) else { throw .system("write", errno) }
    lseek(text, 0, SEEK_SET)
    var ends: [Int32] = [-1, -1]
    let status = linux_pipe(&ends)
    guard status == 0 else { throw .system("pipe", -status) }
    defer { close(ends[0]) }
    let arguments = ["espeak-ng", "--stdin", "--stdout", "-b", "1", "-v", request.voice, "-s", "\(request.rate)"]
    var pidfd: Int32 = -1
    let pid = spawn(arguments, input: text, output: ends[1], pidfd: &pidfd)
    close(ends[1])
    guard pid >= 0 else { throw .system("posix_spawn", -pid) }
    defer { close(pidfd) }
    var sound: [UInt8] = []
    var isTooLong = false
    while let more = Descriptor.read(ends[0]) {
      sound += more
      if sound.count > maxBytes {
        isTooLong = true
        _ = linux_pidfd_signal(pidfd, SIGKILL)
        break
      }
    }
    var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    while poll(&entry, 1, -1) < 0 {}
    let end = linux_pidfd_reap(pidfd)
    guard !isTooLong else { throw .tooLong }
    guard end == 0 else { throw .status(end) }
    // The header was written before anybody knew the length.
    guard sound.count > headerBytes, sound.starts(with: Array("RIFF".utf8)) else { throw .noSound }
    return Array(sound[headerBytes...])
  }

  private static func spawn(_ arguments: [String], input: Int32, output: Int32, pidfd: inout Int32) -> Int32 {
    var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    var environment: [UnsafeMutablePointer<CChar>?] = [strdup("HOME=/tmp"), strdup("LANG=C.UTF-8"), nil]
    defer { for pointer in argv + environment { free(pointer) } }
    return linux_spawn(program, &argv, &environment, input, output, 2, &pidfd)
  }

  /// A WAV file of these samples.
  static func wave(_ samples: [UInt8]) -> [UInt8] {
    func little(_ value: Int, _ bytes: Int) -> [UInt8] {
      (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var bytes = Array("RIFF".utf8) + little(36 + samples.count, 4) + Array("WAVEfmt ".utf8) + little(16, 4)
    bytes +=
      little(1, 2) + little(1, 2) + little(sampleRate, 4) + little(2 * sampleRate, 4) + little(2, 2) + little(16, 2)
    return bytes + Array("data".utf8) + little(samples.count, 4) + samples
  }
}
