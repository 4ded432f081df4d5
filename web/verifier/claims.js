// OpenClaim v1 with one key, as proposals, approvals and objections use it; passkey assertions; possession proofs.

class ClaimError extends Error {
  /** `code` is the last part of a failure code; `expected` and `actual` say what was wrong. */
  constructor(code, expected, actual) {
    super(`${code}: expected ${expected}, found ${actual}`);
    this.code = code;
    this.expected = expected;
    this.actual = actual;
  }
}

/** A key as claims and constitutions write it. Two keys are one key where `spki` is equal, whatever their texts say. */
async function parseKey(text) {
  const match = text.length <= 256 ? /^data:key\/(es256|webauthn);(base64|base64url),([^]*)$/.exec(text) : null;
  const spki = match && (match[2] === "base64" ? decodeBase64(match[3]) : decodeBase64URL(match[3]));
  const key = spki && (await importP256(spki));
  if (!key) throw new ClaimError("key", "data:key/es256 or data:key/webauthn with a P-256 SPKI", kindOf(text));
  return { text, isPasskey: match[1] === "webauthn", spki: hex(spki), spkiBytes: spki, key };
}

/** One key that signs in one way: a passkey's bytes are not the same key when they sign as no passkey does. */
function isSameKey(one, other) {
  return one.spki === other.spki && one.isPasskey === other.isPasskey;
}

const claimMaxKeys = 64;

/** Reads a claim. Members that OpenClaim does not know are signed like the others, and mean nothing here. */
async function parseClaim(json) {
  const reader = new FieldReader(json, "claim");
  reader.integer("ocp", 1, 1);
  const claim = {
    iss: reader.string("iss", 1024),
    sub: reader.string("sub", 1024),
    stm: reader.value("stm"),
    nbf: reader.has("nbf") ? reader.integer("nbf") : null,
    exp: reader.has("exp") ? reader.integer("exp") : null,
    nce: reader.has("nce") ? reader.string("nce", 256) : null,
  };
  if (reader.has("fmt")) reader.matching("fmt", /^ES256$/, "ES256");
  const key = reader.value("key");
  const texts = Array.isArray(key) ? key : [key];
  if (texts.length < 1 || texts.length > claimMaxKeys || !texts.every((text) => typeof text === "string")) {
    throw new FieldError("claim.key", `1 to ${claimMaxKeys} keys`, kindOf(key));
  }
  claim.keys = [];
  for (const text of texts) claim.keys.push(await parseKey(text));
  if (new Set(claim.keys.map(({ spki }) => spki)).size !== texts.length) throw new FieldError("claim.key", "each key once", "one twice");
  const signatures = reader.has("sig") ? reader.array("sig", claimMaxKeys) : [];
  const isSignature = (text) => text === null || (typeof text === "string" && utf8(text).length <= 8192);
  if ((signatures.length !== 0 && signatures.length !== texts.length) || !signatures.every(isSignature)) {
    throw new FieldError("claim.sig", "a signature or null for each key", kindOf(signatures));
  }
  claim.sig = signatures[0] ?? null;
  claim.signedBytes = signedBytes(json, texts);
  return claim;
}

/** The signed bytes: RFC 8785 of the claim without its top-level `sig`, `key` as a sorted array. */
function signedBytes(claim, keys) {
  const unsigned = new Map(claim);
  unsigned.delete("sig");
  unsigned.set("key", [...keys].sort());
  return utf8(canonical(unsigned));
}

/**
 * Every reading of a `sig` value as r‖s: base64 of strict DER, or of exactly 64 bytes. DER can have 64 bytes as well; then
 * there are two, and a signature that verifies is one.
 */
function readSignatures(text) {
  const bytes = decodeBase64(text);
  if (bytes === null) return [];
  const readings = [signatureFromDER(bytes), bytes.length === 64 ? bytes : null];
  return readings.filter((signature) => signature !== null && isSignatureInRange(signature));
}

/**
 * Verifies `sig` by `key` over `message`; a passkey signs the message's SHA-256 as its challenge, in the way that the
 * constitution's `passkeys` says. Throws ClaimError.
 */
async function verifyClaimSignature(key, sig, message, passkeys) {
  if (key.isPasskey) return verifyAssertion(key.key, sig, await sha256(message), passkeys);
  const readings = readSignatures(sig);
  if (readings.length === 0) throw new ClaimError("signature-encoding", "base64 of DER or of 64 bytes r‖s", kindOf(sig));
  for (const signature of readings) if (await verifyP256(key.key, signature, message)) return;
  throw new ClaimError("signature", "a signature by the key over the claim", "one that does not verify");
}

const assertionLimits = { maxBytes: 8192, maxStringBytes: 8192, integersOnly: false };
const userPresent = 0x01;
const userVerified = 0x04;
const attestedCredential = 0x40;
const withExtensions = 0x80;

/** Runs a reader of an assertion's parts and gives its errors one code. */
function readingAssertion(read) {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof JSONError || error instanceof FieldError)) throw error;
    throw new ClaimError("assertion", "a well-formed assertion", error.message);
  }
}

/** A WebAuthn assertion over `challenge`. WebAuthn level 2, section 7.2, steps 11 to 20. */
async function verifyAssertion(key, sig, challenge, passkeys) {
  if (passkeys === null) throw new ClaimError("assertion-policy", "how passkeys are checked", "nothing");
  const [authenticator, clientBytes, der] = readingAssertion(() => {
    const bytes = decodeBase64(sig);
    if (bytes === null) throw new FieldError("sig", "base64", kindOf(sig));
    const json = parseJSON(bytes, assertionLimits);
    if (canonical(json) !== fromUTF8(bytes)) throw new FieldError("sig", "canonical JSON", "another spelling");
    const reader = new FieldReader(json, "sig");
    const parts = ["authenticatorData", "clientDataJSON", "signature"].map((name) => decodeBase64URL(reader.string(name, 8192)));
    reader.finish();
    if (parts.includes(null)) throw new FieldError("sig", "members in base64url", "other text");
    return parts;
  });
  const client = readingAssertion(() => {
    const reader = new FieldReader(parseJSON(clientBytes, assertionLimits), "clientDataJSON");
    const client = { type: reader.string("type"), challenge: reader.string("challenge"), origin: reader.string("origin") };
    client.isFramed = reader.boolean("crossOrigin", false) || reader.has("topOrigin");
    return client;
  });
  if (client.type !== "webauthn.get") throw new ClaimError("assertion-type", "webauthn.get", kindOf(client.type));
  if (client.challenge !== encodeBase64URL(challenge)) throw new ClaimError("assertion-challenge", encodeBase64URL(challenge), kindOf(client.challenge));
  if (!passkeys.origins.includes(client.origin)) throw new ClaimError("assertion-origin", passkeys.origins.join(" or "), kindOf(client.origin));
  if (client.isFramed) throw new ClaimError("assertion-frame", "made on the page itself", "made inside a frame of another site");
  if (authenticator.length < 37) throw new ClaimError("assertion", "37 bytes of authenticator data", `${authenticator.length}`);
  if (!sameBytes(authenticator.subarray(0, 32), await sha256(utf8(passkeys.rp)))) {
    throw new ClaimError("assertion-relying-party", passkeys.rp, "another");
  }
  const flags = authenticator[32];
  if (flags & attestedCredential || Boolean(flags & withExtensions) !== authenticator.length > 37) {
    throw new ClaimError("assertion", "authenticator data of an assertion", `flags ${flags} and ${authenticator.length} bytes`);
  }
  if (!(flags & userPresent)) throw new ClaimError("assertion-presence", "user present", "user absent");
  if (!(flags & userVerified)) throw new ClaimError("assertion-verification", "user verified", "user not verified");
  const signature = signatureFromDER(der);
  if (signature === null || !isSignatureInRange(signature)) throw new ClaimError("signature-encoding", "a DER signature", "other bytes");
  if (!(await verifyP256(key, signature, concat(authenticator, await sha256(clientBytes))))) {
    throw new ClaimError("signature", "a signature by the passkey over its assertion", "one that does not verify");
  }
}

/** Verifies that `signer` of `box` held the private half of `key` when the key was registered. */
async function verifyPossession(box, signer, key, sig, passkeys) {
  const stm = object({ box, purpose: "possession", signer });
  const claim = object({ iss: signer, ocp: 1, stm, sub: box });
  await verifyClaimSignature(key, sig, signedBytes(claim, [key.text]), passkeys);
}
