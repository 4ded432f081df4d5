/// Why a benchmark has no result. A number that was not checked is none.
enum BenchmarkFailure: Error, CustomStringConvertible {
  case usage(String)
  /// What the benchmark's subject returned is wrong.
  case wrongResult(String)
  case io(String)

  var description: String {
    switch self {
    case .usage(let text): text
    case .wrongResult(let what): "the measured code returned a wrong result: \(what)"
    case .io(let what): what
    }
  }
}
