import CanonicalJSON

/// What a runner of the model may use of the machine.
public struct ModelResources: Sendable, Hashable {
  /// Memory in bytes, 16 MiB to 64 TiB.
  public let memoryBytes: Int64
  /// Processors, 1 to 1024.
  public let cpus: Int64
  /// Graphics processors, 0 to 64.
  public let gpus: Int64
  /// Processes and threads, 1 to 65,536; nil leaves it to the runner's definition.
  public let pids: Int64?

  public init(memoryBytes: Int64, cpus: Int64, gpus: Int64 = 0, pids: Int64? = nil) {
    self.memoryBytes = memoryBytes
    self.cpus = cpus
    self.gpus = gpus
    self.pids = pids
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    memoryBytes = try reader.integer("memoryBytes", in: (16 << 20)...(64 << 40))
    cpus = try reader.integer("cpus", in: 1...1024)
    gpus = try reader.optionalInteger("gpus", in: 0...64) ?? 0
    pids = try reader.optionalInteger("pids", in: 1...65_536)
    try reader.finish()
  }

  var json: JSON {
    var object: JSONObject = ["memoryBytes": .integer(memoryBytes), "cpus": .integer(cpus), "gpus": .integer(gpus)]
    object["pids"] = pids.map(JSON.integer)
    return .object(object)
  }
}
