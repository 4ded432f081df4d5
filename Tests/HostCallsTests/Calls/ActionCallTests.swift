import CanonicalJSON
import Governance
import Testing

@testable import HostCalls

/// What a tool may propose by `Action.propose`, whatever the star in its manifest.
@Suite struct ActionCallTests {
  private func refusal(
    _ type: String, _ params: JSON, granted: String = "*", secrets: [String] = []
  ) throws -> HostCallError? {
    let box = try CallBox()
    let manifest = CallBox.manifest(
      uses: [["method": "Action.propose", "types": [.string(granted)]]], secrets: secrets)
    let context = try box.context(manifest: manifest)
    let method = try #require(box.table["Action.propose"])
    do {
      let plan = try box.table.plan(
        "Action.propose", arguments: ["type": .string(type), "params": params], in: context)
      return CallGate.refusal(of: plan, method: method, in: context, ledger: UsageLedger())
    } catch {
      return error
    }
  }

  @Test(arguments: [
    "tool.register", "tool.retire", "community.set", "governance.policy.set", "governance.recover", "box.resume",
    "signer.revoke", "secret.remove", "execution.resolve", "run.anything",
  ])
  func aStarGrantsNothingOfTheOwners(_ type: String) throws {
    #expect(try refusal(type, [:])?.code == "not_granted")
    #expect(try refusal(type, [:], granted: String(type.dropLast()) + "*")?.code == "not_granted")
    #expect(try refusal(type, [:], granted: type) == nil)
    #expect(try refusal("note.write", [:]) == nil)
  }

  @Test func aToolProposesForItsOwnCommunityOnly() throws {
    let url: JSON = "https://e.example/"
    #expect(try refusal("http.request", ["method": "POST", "url": url, "community": "acme"]) == nil)
    #expect(try refusal("http.request", ["method": "POST", "url": url]) == nil)
    for other: JSON in ["other", .null, ["salt": "x"]] {
      #expect(
        try refusal("http.request", ["method": "POST", "url": url, "community": other])?.code == "not_granted")
    }
  }

  @Test func theManifestsSecretsHoldForWhatIsProposed() throws {
    let params: JSON = [
      "method": "POST", "url": "https://e.example/", "community": "acme",
      "body": ["a": [["b": "{{keychain:bank-token|base64}}"]]],
    ]
    #expect(try refusal("http.request", params)?.details["secret"] == "bank-token")
    #expect(try refusal("http.request", params, secrets: ["bank-token"]) == nil)
  }
}
