import CanonicalJSON
import Foundation
import Testing

@testable import Governance

/// The recipe `no-large-night-transfers`, as the fold decides it.
@Suite struct NightTransferTests {
  private static let known = "wallet-of-the-bakery"

  /// A box that opens its first proposal at this hour (UTC) of a day.
  private func box(hour: Int64, minute: Int64 = 0) throws -> TestBox {
    let path = FaultCodeTests.root.appending(path: "examples/policies/no-large-night-transfers.json")
    let json = try JSON(parsing: Array(Data(contentsOf: path)), limits: .document(maxBytes: 65_536))
    var committees = TestBox.committees
    committees["owners"] = ["ana", "ben", "carl"]
    var policies = try TestBox.policies()
    policies["payments"] = try Policy(json: json)
    var box = try TestBox(TestBox.constitution(committees: committees, policies: policies))
    box.now = (TestBox.start / 86_400_000 + 1) * 86_400_000 + (hour * 60 + minute) * 60_000
    return box
  }

  /// The status of a transfer at its opening.
  private func status(
    _ body: JSON, hour: Int64, minute: Int64 = 0, expiresIn: Int64 = 600, url: String = "https://bank.example/pay"
  ) throws -> String? {
    var box = try box(hour: hour, minute: minute)
    let id = try box.open(
      "http.request", ["method": "POST", "url": .string(url), "body": body], expires: box.now + expiresIn * 1000)
    return box.status(id)?.name
  }

  private func transfer(_ amount: JSON, _ to: JSON) -> JSON { ["amount": amount, "to": to] }

  @Test func smallTransfersToKnownWalletsAreUsual() throws {
    for hour in [0, 5, 6, 12, 21, 22, 23] as [Int64] {
      #expect(try status(transfer(100_000, .string(Self.known)), hour: hour) == "approved")
    }
    // Elsewhere than at the bank nothing is.
    #expect(
      try status(transfer(5, .string(Self.known)), hour: 12, url: "https://thief.example/pay") == "denied")
  }

  @Test func largeTransfersToUnknownWalletsWaitByDayAndAreDeniedAtNight() throws {
    for (hour, minute, expected) in [
      (6, 0, "open"), (12, 0, "open"), (21, 49, "open"), (21, 51, "denied"), (22, 0, "denied"), (23, 59, "denied"),
      (0, 0, "denied"), (5, 59, "denied"),
    ] as [(Int64, Int64, String)] {
      #expect(try status(transfer(100_001, "stranger"), hour: hour, minute: minute) == expected, "\(hour):\(minute)")
    }
    // What is opened by day and may start at night is a transfer at night.
    #expect(try status(transfer(100_001, "stranger"), hour: 21, expiresIn: 7200) == "denied")
  }

  @Test func whatIsOnlyLargeOrOnlyUnknownWaitsForTheOwners() throws {
    for hour in [3, 12] as [Int64] {
      #expect(try status(transfer(100_001, .string(Self.known)), hour: hour) == "open")
      #expect(try status(transfer(100_000, "stranger"), hour: hour) == "open")
    }
    var box = try box(hour: 12)
    let id = try box.open(
      "http.request",
      ["method": "POST", "url": "https://bank.example/pay", "body": transfer(500_000, "stranger")])
    try box.approve(id, by: "ana")
    #expect(box.status(id)?.name == "open")
    try box.approve(id, by: "carl")
    try box.execute(id)
  }

  /// An amount of another type is no small amount, and a wallet of another type is no known one.
  @Test func lyingTypesDoNotHelp() throws {
    let amounts: [JSON] = ["5", [5], ["valueOf": 5], true, nil, 0, -5, .string(""), [:]]
    for amount in amounts {
      #expect(try status(transfer(amount, "stranger"), hour: 3) == "denied", "\(amount)")
      #expect(try status(transfer(amount, .string(Self.known)), hour: 3) == "open", "\(amount)")
    }
    let wallets: [JSON] = [[.string(Self.known)], ["toString": .string(Self.known)], nil, 1, .string(Self.known + " ")]
    for wallet in wallets {
      #expect(try status(transfer(100_001, wallet), hour: 3) == "denied", "\(wallet)")
      #expect(try status(transfer(5, wallet), hour: 3) == "open", "\(wallet)")
    }
    for body in [nil, "text", 5, [], [:]] as [JSON] {
      #expect(try status(body, hour: 3) == "denied", "\(body)")
      #expect(try status(body, hour: 12) == "open", "\(body)")
    }
  }

  /// What the log does not show is neither small nor known, whatever it really is.
  @Test func aCommitmentHidesNothingFromTheRule() throws {
    func hidden(_ value: JSON) throws -> JSON {
      try Opening(value: value, salt: Array(repeating: 1, count: 32)).commitment.json
    }
    let body = try hidden(transfer(5, .string(Self.known)))
    #expect(try status(body, hour: 3) == "denied")
    #expect(try status(body, hour: 12) == "open")
    #expect(try status(transfer(hidden(5), "stranger"), hour: 3) == "denied")
    #expect(try status(transfer(5, hidden(.string(Self.known))), hour: 3) == "open")
  }

  @Test func theUsualIsBounded() throws {
    var box = try box(hour: 12)
    let params: JSONObject = [
      "method": "POST", "url": "https://bank.example/pay", "body": transfer(100_000, .string(Self.known)),
    ]
    for _ in 0..<2 { try box.execute(box.open("http.request", params)) }
    let third = try box.open("http.request", params)
    #expect(box.status(third)?.name == "open")
  }
}
