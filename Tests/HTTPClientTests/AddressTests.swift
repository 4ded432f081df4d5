import Testing

@testable import HTTPClient

@Suite struct AddressTests {
  @Test(
    arguments: [
      ("8.8.8.8", .publicInternet), ("1.1.1.1", .publicInternet), ("172.15.255.255", .publicInternet),
      ("172.32.0.0", .publicInternet), ("100.63.255.255", .publicInternet), ("100.128.0.0", .publicInternet),
      ("223.255.255.255", .publicInternet), ("2606:4700::1111", .publicInternet),
      ("0.0.0.0", .unspecified), ("0.1.2.3", .unspecified), ("::", .unspecified),
      ("127.0.0.1", .loopback), ("127.255.255.254", .loopback), ("::1", .loopback),
      ("10.0.0.1", .privateUse), ("172.16.0.1", .privateUse), ("172.31.255.255", .privateUse),
      ("192.168.1.1", .privateUse), ("fd12::1", .privateUse), ("fc00::1", .privateUse), ("fec0::1", .privateUse),
      ("169.254.1.1", .linkLocal), ("fe80::1", .linkLocal), ("febf::1", .linkLocal),
      ("169.254.169.254", .metadata), ("fd00:ec2::254", .metadata), ("fd20:ce::254", .metadata),
      ("168.63.129.16", .metadata), ("100.100.100.200", .metadata), ("192.0.0.192", .metadata),
      ("169.254.170.2", .metadata),
      ("100.64.0.1", .carrierGradeNAT), ("100.127.255.255", .carrierGradeNAT),
      ("224.0.0.1", .multicast), ("239.255.255.255", .multicast), ("ff02::1", .multicast),
      ("255.255.255.255", .broadcast), ("240.0.0.1", .reserved), ("192.0.0.1", .reserved),
      ("192.0.2.1", .documentation), ("198.51.100.1", .documentation), ("203.0.113.1", .documentation),
      ("2001:db8::1", .documentation), ("3fff::1", .documentation), ("198.18.0.1", .benchmarking),
      ("2001:2::1", .benchmarking), ("100::1", .reserved), ("5f00::1", .reserved), ("4000::1", .reserved),
      ("2001:10::1", .reserved), ("192.88.99.1", .transition),
      // Addresses that carry another one.
      ("::ffff:127.0.0.1", .loopback), ("::ffff:8.8.8.8", .publicInternet), ("::ffff:169.254.169.254", .metadata),
      ("::127.0.0.1", .transition), ("::ffff:0:127.0.0.1", .transition),
      ("64:ff9b::7f00:1", .loopback), ("64:ff9b::10.0.0.1", .privateUse), ("64:ff9b::a9fe:a9fe", .metadata),
      ("64:ff9b::8.8.8.8", .publicInternet), ("64:ff9b:1::10.0.0.1", .transition),
      ("2002:7f00:1::", .transition), ("2001:0:4136:e378:8000:63bf:3fff:fdd2", .transition),
      ("2606:4700::5efe:10.0.0.1", .transition), ("2606:4700::200:5efe:10.0.0.1", .transition),
    ] as [(String, AddressClass)])
  func addressesAreClassified(_ text: String, _ expected: AddressClass) throws {
    #expect(AddressClass(try #require(IPAddress(text))) == expected)
  }

  /// A row that cannot be parsed would be left out, and its block would count as public.
  @Test func everyRowOfTheTablesWasRead() { #expect(AddressClass.rowCount == 19 + 18 + 10) }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.4 ", "fe80::1%eth0", "::1\0", "[::1]", "a",
  ])
  func textThatIsNoAddressIsRefused(_ text: String) { #expect(IPAddress(text) == nil) }

  @Test func addressesAreWrittenInTheirNormalForm() {
    #expect(IPAddress("::FFFF:10.0.0.1")?.description == "10.0.0.1")
    #expect(IPAddress("2001:DB8:0:0::1")?.description == "2001:db8::1")
    #expect(IPAddress([1, 2, 3]) == nil)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.0/23", "10.1.3.255", true),
    ("10.1.2.0/23", "10.1.4.0", false), ("0.0.0.0/0", "9.9.9.9", true), ("0.0.0.0/0", "::1", false),
    ("::1", "::1", true), ("::1", "::2", false), ("fd00::/9", "fd7f::1", true), ("fd00::/9", "fd80::1", false),
  ])
  func networksContainTheirAddresses(_ network: String, _ address: String, _ expected: Bool) throws {
    #expect(try #require(IPNetwork(network)).contains(try #require(IPAddress(address))) == expected)
  }

  @Test(arguments: [
    "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/8/8", "/8", "x/1",
  ])
  func malformedNetworksAreRefused(_ text: String) { #expect(IPNetwork(text) == nil) }
}

@Suite struct EgressPolicyTests {
  private func permits(_ policy: EgressPolicy, _ address: String, host: String? = nil, port: UInt16 = 443) throws
    -> Bool
  {
    policy.refusal(of: try #require(IPAddress(address)), host: host ?? address, port: port) == nil
  }

  @Test func thePublicInternetHasNoPrivatePlaces() throws {
    for kind in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "224.0.0.1", "0.0.0.0", "100.64.0.1"] {
      #expect(try !permits(.publicInternet, kind))
    }
    #expect(try permits(.publicInternet, "93.184.216.34", host: "example.com"))
    #expect(try !permits(.nowhere, "93.184.216.34"))
  }

  @Test func portsOfPublicAddressesCanBeLimited() throws {
    let policy = EgressPolicy(publicPorts: .only([443]), permitsPlainHTTP: false)
    #expect(try permits(policy, "8.8.8.8", port: 443))
    #expect(try !permits(policy, "8.8.8.8", port: 25))
  }

  @Test func aNamedHostCountsOnlyOnItsPortAndUnderItsName() throws {
    let policy = EgressPolicy.only([("bank.internal", 8443)])
    #expect(try permits(policy, "10.1.1.1", host: "bank.internal", port: 8443))
    #expect(try permits(policy, "127.0.0.1", host: "bank.internal", port: 8443))
    #expect(try !permits(policy, "10.1.1.1", host: "bank.internal", port: 443))
    #expect(try !permits(policy, "10.1.1.1", host: "other.internal", port: 8443))
  }

  /// Whoever answers for the name could otherwise choose the credentials service as the bank's address.
  @Test(arguments: ["169.254.169.254", "169.254.1.1", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "2002:a00:1::"])
  func aNameNeverStandsForASpecialAddress(_ address: String) throws {
    #expect(try !permits(.only([("bank.internal", 443)]), address, host: "bank.internal"))
  }

  @Test func anAddressLiteralNamesThatAddress() throws {
    #expect(try permits(.only([("169.254.169.254", 80)]), "169.254.169.254", port: 80))
    #expect(try !permits(.only([("169.254.169.254", 80)]), "169.254.169.253", port: 80))
  }

  @Test func aNetworkNamesItsAddressesButAMetadataServiceOnlyAlone() throws {
    func policy(_ network: String) throws -> EgressPolicy {
      EgressPolicy(
        publicPorts: .none, permitsPlainHTTP: true,
        allowances: [.network(try #require(IPNetwork(network)), ports: .only([80]))])
    }
    #expect(try permits(policy("10.0.0.0/8"), "10.2.3.4", port: 80))
    #expect(try !permits(policy("10.0.0.0/8"), "10.2.3.4", port: 81))
    #expect(try !permits(policy("10.0.0.0/8"), "11.2.3.4", port: 80))
    #expect(try !permits(policy("169.254.0.0/16"), "169.254.169.254", port: 80))
    #expect(try !permits(policy("0.0.0.0/0"), "169.254.169.254", port: 80))
    #expect(try permits(policy("169.254.169.254"), "169.254.169.254", port: 80))
  }

  @Test func aRefusalSaysWhatAndWhy() throws {
    let address = try #require(IPAddress("10.0.0.7"))
    let refusal = EgressPolicy.publicInternet.refusal(of: address, host: "intranet.test", port: 80)
    #expect(
      refusal?.description
        == "intranet.test port 80 (10.0.0.7) is a private address that the egress policy does not name")
  }
}
