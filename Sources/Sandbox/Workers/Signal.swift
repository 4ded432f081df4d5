import CLinux
import Glibc

/// What one thread sets and another waits for. Set before it is waited for, it is not lost.
final class Signal: @unchecked Sendable {
  private let descriptor: Int32

  init() { descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) }

  deinit { close(descriptor) }

  func set() { eventfd_write(descriptor, 1) }

  func wait(until time: MonotonicTime) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let left = time == .never ? -1 : max(0, time.nanoseconds - MonotonicTime.now().nanoseconds) / 1_000_000 + 1
    guard poll(&entry, 1, Int32(clamping: left)) > 0 else { return }
    var value: UInt64 = 0
    eventfd_read(descriptor, &value)
  }
}
