/// What an event says that it is (TCG PC Client Platform Firmware Profile, section 10.4.1). No digest covers it, so no fact
/// rests on it alone.
public struct EventType: RawRepresentable, Sendable, Hashable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Not extended into any register.
  public static let noAction = EventType(rawValue: 0x0000_0003)
  public static let separator = EventType(rawValue: 0x0000_0004)
  public static let crtmContents = EventType(rawValue: 0x0000_0007)
  public static let efiVariableDriverConfig = EventType(rawValue: 0x8000_0001)
  public static let efiVariableBoot = EventType(rawValue: 0x8000_0002)
  public static let efiVariableBoot2 = EventType(rawValue: 0x8000_000c)
  public static let efiGPTEvent = EventType(rawValue: 0x8000_0006)
  public static let efiAction = EventType(rawValue: 0x8000_0007)
  /// dstack's events of the running guest.
  public static let dstackRuntime = EventType(rawValue: 0x0800_0001)

  /// Whether its digest must be the hash of the logged data: so in the specification, and in every log that we have seen. Of
  /// other types the data is a description that nobody hashes, or depends on the firmware.
  public var hashesItsData: Bool {
    switch self {
    case .separator, .efiAction, .efiGPTEvent, .efiVariableDriverConfig: true
    default: false
    }
  }

  /// The specification's name, or the number.
  public var name: String { Self.names[rawValue] ?? "0x" + String(rawValue, radix: 16) }

  private static let names: [UInt32: String] = [
    0x0000_0000: "EV_PREBOOT_CERT", 0x0000_0001: "EV_POST_CODE", 0x0000_0002: "EV_UNUSED", 0x0000_0003: "EV_NO_ACTION",
    0x0000_0004: "EV_SEPARATOR", 0x0000_0005: "EV_ACTION", 0x0000_0006: "EV_EVENT_TAG",
    0x0000_0007: "EV_S_CRTM_CONTENTS", 0x0000_0008: "EV_S_CRTM_VERSION", 0x0000_0009: "EV_CPU_MICROCODE",
    0x0000_000a: "EV_PLATFORM_CONFIG_FLAGS", 0x0000_000b: "EV_TABLE_OF_DEVICES", 0x0000_000c: "EV_COMPACT_HASH",
    0x0000_000d: "EV_IPL", 0x0000_000e: "EV_IPL_PARTITION_DATA", 0x0000_000f: "EV_NONHOST_CODE",
    0x0000_0010: "EV_NONHOST_CONFIG", 0x0000_0011: "EV_NONHOST_INFO", 0x0000_0012: "EV_OMIT_BOOT_DEVICE_EVENTS",
    0x0000_0013: "EV_POST_CODE2", 0x8000_0001: "EV_EFI_VARIABLE_DRIVER_CONFIG", 0x8000_0002: "EV_EFI_VARIABLE_BOOT",
    0x8000_0003: "EV_EFI_BOOT_SERVICES_APPLICATION", 0x8000_0004: "EV_EFI_BOOT_SERVICES_DRIVER",
    0x8000_0005: "EV_EFI_RUNTIME_SERVICES_DRIVER", 0x8000_0006: "EV_EFI_GPT_EVENT", 0x8000_0007: "EV_EFI_ACTION",
    0x8000_0008: "EV_EFI_PLATFORM_FIRMWARE_BLOB", 0x8000_0009: "EV_EFI_HANDOFF_TABLES",
    0x8000_000a: "EV_EFI_PLATFORM_FIRMWARE_BLOB2", 0x8000_000b: "EV_EFI_HANDOFF_TABLES2",
    0x8000_000c: "EV_EFI_VARIABLE_BOOT2", 0x8000_000d: "EV_EFI_GPT_EVENT2", 0x8000_0010: "EV_EFI_HCRTM_EVENT",
    0x8000_00e0: "EV_EFI_VARIABLE_AUTHORITY", 0x8000_00e1: "EV_EFI_SPDM_FIRMWARE_BLOB",
    0x8000_00e2: "EV_EFI_SPDM_FIRMWARE_CONFIG", 0x0800_0001: "dstack runtime event",
  ]
}
