import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import OpenClaims

/// Claims that cross to independent implementations of JSON, SHA-256 and ECDSA and back. Each peer brings its own few
/// lines of RFC 8785, so the bytes are compared as well as the signatures.
@Suite struct InteroperabilityTests {
  static let node = Subprocess.find("node", "nodejs")
  static let python: String? = {
    // The project's own environment first; else whatever Python has the library.
    let candidates = [Vectors.packageRoot + "/.build/python/bin/python3", "python3", "/usr/bin/python3"]
    return candidates.compactMap { Subprocess.find($0) }.first {
      (try? Subprocess.run($0, ["-c", "import cryptography.hazmat.primitives.asymmetric.ec"]))?.status == 0
    }
  }()

  /// A statement with what canonicalisers get wrong: order beyond the BMP, escapes, large integers, empty containers.
  static let statement: JSON = [
    "\u{1F600}": 1, "\u{FB33}": 2, "\u{20AC}": "\u{8}\t\u{1F}\"\\/\u{7F}\u{2028}é", "": nil,
    "1": [[], [:], true, false],
    "n": .integer(JSON.maxSafeInteger), "A\u{30A}": .integer(-JSON.maxSafeInteger),
  ]

  /// Our claim, signed by two of three keys, must be valid to the peer, byte for byte.
  func ours(peer: String, arguments: [String]) throws {
    let signers = try (1...3).map(Fixtures.signer)
    let claim = try Claim(
      iss: "alice", sub: "box", stm: Self.statement, nbf: 1, exp: 2_000_000_000, nce: "n", keys: signers.map(\.key),
      extensions: ["zzz": ["sig": "inner"]]
    ).signed(by: signers[0]).signed(by: signers[2])
    let result = try Subprocess.run(peer, arguments + ["verify"], input: claim.json.canonicalBytes())
    try #require(result.status == 0, "\(result.errors)")
    let answer = try JSON(parsing: result.output, limits: .document(maxBytes: 1 << 16))
    #expect(answer["digest"]?.string == claim.digest.hex)
    #expect(answer["valid"]?.array == claim.signatures.map { $0 == nil ? nil : true })

    // The peer notices a change as well, so its "true" means something.
    let forged = Fixtures.json(claim, "iss", "mallory")
    let refused = try Subprocess.run(peer, arguments + ["verify"], input: forged.canonicalBytes())
    let refusal = try JSON(parsing: refused.output, limits: .document(maxBytes: 1 << 16))
    #expect(refusal["valid"]?.array == claim.signatures.map { $0 == nil ? nil : false })
  }

  /// Claims that the peer signed, in every form it writes, must be valid to us.
  func theirs(peer: String, arguments: [String], forms: [String]) throws {
    let request: JSON = ["statement": Self.statement]
    let result = try Subprocess.run(peer, arguments + ["sign"], input: request.canonicalBytes())
    try #require(result.status == 0, "\(result.errors)")
    let answer = try JSON(parsing: result.output, limits: .document(maxBytes: 1 << 20))
    for form in forms {
      let json = try #require(answer[form], "\(form)")
      let claim = try Claim(json: json)
      #expect(claim.stm == Self.statement, "\(form)")
      #expect(try ClaimVerifier().verify(claim, at: Fixtures.now).validKeys == claim.keys, "\(form)")
      let forged = try Claim(json: Fixtures.json(claim, "iss", "mallory"))
      #expect(throws: ClaimError.self, "\(form)") { try ClaimVerifier().verify(forged, at: Fixtures.now) }
    }
  }

  @Test(.enabled(if: node != nil, "node is not installed"))
  func nodeAcceptsOurs() throws {
    try ours(peer: try #require(Self.node), arguments: ["-e", Peers.node, "--"])
  }

  @Test(.enabled(if: node != nil, "node is not installed"))
  func weAcceptNodes() throws {
    try theirs(
      peer: try #require(Self.node), arguments: ["-e", Peers.node, "--"],
      forms: ["der", "p1363", "webcrypto", "bareKey"])
  }

  @Test(.enabled(if: python != nil, "no Python with the cryptography library"))
  func pythonAcceptsOurs() throws {
    try ours(peer: try #require(Self.python), arguments: ["-c", Peers.python])
  }

  @Test(.enabled(if: python != nil, "no Python with the cryptography library"))
  func weAcceptPythons() throws {
    try theirs(peer: try #require(Self.python), arguments: ["-c", Peers.python], forms: ["der", "p1363", "bareKey"])
  }
}

/// The other implementations: `verify` reads a claim, `sign` reads a statement; both answer in JSON.
enum Peers {
  static let node = #"""
    const crypto = require("node:crypto");
    const { subtle } = crypto.webcrypto;
    const canonical = (value) =>
      Array.isArray(value) ? "[" + value.map(canonical).join(",") + "]"
      : value !== null && typeof value === "object"
        ? "{" + Object.keys(value).sort().map((k) => JSON.stringify(k) + ":" + canonical(value[k])).join(",") + "}"
        : JSON.stringify(value);
    const prefix = "data:key/es256;base64,";
    const signedBytes = ({ sig, ...claim }) => Buffer.from(canonical({ ...claim, key: [claim.key].flat().sort() }));
    async function verify(claim) {
      const bytes = signedBytes(claim);
      const valid = [];
      for (const [index, text] of claim.sig.entries()) {
        if (text === null) { valid.push(null); continue; }
        const spki = Buffer.from(claim.key[index].slice(prefix.length), "base64");
        const key = crypto.createPublicKey({ key: spki, format: "der", type: "spki" });
        valid.push(crypto.verify("sha256", bytes, key, Buffer.from(text, "base64")));
      }
      return { digest: crypto.createHash("sha256").update(bytes).digest("hex"), valid };
    }
    async function sign({ statement }) {
      const pair = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
      const key = prefix + pair.publicKey.export({ format: "der", type: "spki" }).toString("base64");
      const claim = { ocp: 1, iss: "node", sub: "safebox", stm: statement, exp: 1800000000, key: [key] };
      const bytes = signedBytes(claim);
      const der = crypto.sign("sha256", bytes, pair.privateKey).toString("base64");
      const p1363 = crypto.sign("sha256", bytes, { key: pair.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64");
      const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
      const pkcs8 = pair.privateKey.export({ format: "der", type: "pkcs8" });
      const imported = await subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
      const webcrypto = Buffer.from(await subtle.sign(algorithm, imported, bytes)).toString("base64");
      return {
        der: { ...claim, sig: [der] }, p1363: { ...claim, sig: [p1363] }, webcrypto: { ...claim, sig: [webcrypto] },
        bareKey: { ...claim, key, sig: [der] },
      };
    }
    let input = "";
    process.stdin.on("data", (chunk) => (input += chunk)).on("end", async () => {
      const command = { verify, sign }[process.argv.at(-1)];
      process.stdout.write(JSON.stringify(await command(JSON.parse(input))));
    });
    """#

  static let python = #"""
    import base64, hashlib, json, sys
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    PREFIX = "data:key/es256;base64,"
    ES256 = ec.ECDSA(hashes.SHA256())

    def canonical(value):
        if isinstance(value, list):
            return "[" + ",".join(map(canonical, value)) + "]"
        if isinstance(value, dict):
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"
        return json.dumps(value, ensure_ascii=False)

    def signed_bytes(claim):
        claim = {name: value for name, value in claim.items() if name != "sig"}
        claim["key"] = sorted([claim["key"]] if isinstance(claim["key"], str) else claim["key"])
        return canonical(claim).encode("utf-8")

    def is_valid(text, signature, message):
        key = serialization.load_der_public_key(base64.b64decode(text[len(PREFIX):]))
        try:
            key.verify(base64.b64decode(signature), message, ES256)
            return True
        except InvalidSignature:
            return False

    def verify(claim):
        message = signed_bytes(claim)
        valid = [s if s is None else is_valid(k, s, message) for k, s in zip(claim["key"], claim["sig"])]
        return {"digest": hashlib.sha256(message).hexdigest(), "valid": valid}

    def sign(request):
        private = ec.generate_private_key(ec.SECP256R1())
        spki = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        key = PREFIX + base64.b64encode(spki).decode()
        claim = {"ocp": 1, "iss": "python", "sub": "safebox", "stm": request["statement"], "exp": 1800000000, "key": [key]}
        der = private.sign(signed_bytes(claim), ES256)
        r, s = utils.decode_dss_signature(der)
        p1363 = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        der, p1363 = base64.b64encode(der).decode(), base64.b64encode(p1363).decode()
        return {"der": {**claim, "sig": [der]}, "p1363": {**claim, "sig": [p1363]},
                "bareKey": {**claim, "key": key, "sig": [der]}}

    command = {"verify": verify, "sign": sign}[sys.argv[-1]]
    print(json.dumps(command(json.loads(sys.stdin.buffer.read().decode("utf-8")))))
    """#
}
