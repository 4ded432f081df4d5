// What a receipt carries below the checkpoint: the identity that the box claimed, and the evidence of its machine.

/** Reads the members identity, evidence and release of a receipt: null, or { identity, evidence }. */
function readAttested(reader) {
  const identity = reader.value("identity");
  const evidence = reader.value("evidence");
  if (reader.value("release") !== null) throw new FieldError("release", "null: releases are the verifier's to name", "something else");
  if (identity === null) {
    if (evidence !== null) throw new FieldError("evidence", "null without an identity", kindOf(evidence));
    return null;
  }
  if (evidence !== null && !(evidence instanceof Map)) throw new FieldError("evidence", "null or evidence", kindOf(evidence));
  return { identity: readItem(identity, "identity"), evidence };
}

/** The `stm` of an identity's claim. */
function readBoxIdentity(stm, path) {
  const reader = new FieldReader(stm, path);
  const format = reader.string("format", 64);
  if (format !== "safebox-identity/v1") throw new FieldError(reader.at("format"), "safebox-identity/v1", kindOf(format));
  const key = (name) => {
    const bytes = decodeBase64(reader.string(name, 64));
    if (bytes === null || bytes.length !== 32) throw new FieldError(reader.at(name), "32 bytes in base64", "something else");
  };
  const identity = {
    box: reader.matching("box", originPattern, "the name of a box"),
    ed25519: reader.string("ed25519", 512),
    es256: reader.string("es256", 512),
  };
  key("channel");
  key("wrapping");
  readHex(reader, "nonce", 32, 32);
  const log = reader.reader("log");
  log.integer("size");
  log.digest("root");
  log.finish();
  const counter = reader.value("counter");
  if (counter !== null && !(Number.isSafeInteger(counter) && counter >= 0)) throw new FieldError(reader.at("counter"), "null or a count", kindOf(counter));
  identity.evidence = reader.digest("evidence");
  reader.finish();
  const bound = new Map(stm);
  bound.delete("evidence");
  identity.bound = bound;
  return identity;
}

/** The body of `identity.claimed`. */
async function readIdentityClaimed(body) {
  const reader = new FieldReader(body, "");
  const json = reader.value("claim");
  reader.finish();
  let claim;
  try {
    claim = await parseClaim(json);
  } catch (error) {
    if (!(error instanceof FieldError || error instanceof ClaimError)) throw error;
    throw new FieldError("claim", "a claim", error.message);
  }
  return { claim, identity: readBoxIdentity(claim.stm, "claim.stm") };
}

const attestedChecks = {
  identity: {
    needs: ["genesis"],
    async run(c) {
      const { attested } = c.receipt;
      if (attested === null) return notProved("The box claims no identity of a machine: its key is proof of the key, not of what holds it.");
      const { index, text, proof } = attested.identity;
      const entry = await parseEntry(text);
      if (entry.kind !== "identity.claimed") throw new Failure("entries.role-kind", "identity: identity.claimed", entry.kind);
      const { claim, identity } = await reading("entries.body", () => readIdentityClaimed(entry.body));
      const root = BigInt(index) < c.checkpoint.size ? await rootOfInclusion(index, c.checkpoint.size, await leafHash(utf8(text)), proof) : null;
      if (root === null || !sameBytes(root, c.checkpoint.root)) {
        throw new Failure("identity.inclusion", "an entry of the signed log", `entry ${index}, which is not`);
      }
      const box = c.genesis.body;
      for (const [name, expected, actual] of [
        ["issuer", box.box, claim.iss], ["subject", box.box, claim.sub], ["box", box.box, identity.box],
        ["es256", box.es256.text, identity.es256], ["ed25519", box.ed25519.text, identity.ed25519],
        ["key", box.es256.text, claim.keys.map((key) => key.text).join(", ")],
      ]) {
        if (expected !== actual) throw new Failure(`identity.${name}`, expected, actual);
      }
      await checkIdentityClaim(claim, Math.floor(entry.at / 1000));
      const evidence = attested.evidence === null ? null : await readAttestedEvidence(attested.evidence, identity);
      if (claim.exp !== null && c.finished.at >= claim.exp * 1000) {
        return notProved(`The identity had expired at ${timeText(claim.exp * 1000)}, before the end of this.`);
      }
      c.identity = { at: entry.at, binding: await sha256(utf8(canonical(identity.bound))), evidence };
      return `Claimed ${timeText(entry.at)}, bound to evidence ${identity.evidence} by ${hex(c.identity.binding)}.`;
    },
  },
  evidence: {
    needs: ["genesis"],
    async run(c) {
      if (c.receipt.attested === null) {
        return notProved("There is no hardware evidence: an operator with full access to the machine could have read or changed its memory.");
      }
      if (c.identity === undefined) return notProved("It rests on the identity, which did not pass.");
      const { evidence, at, binding } = c.identity;
      if (evidence === null) return notProved("The receipt does not carry the evidence that the identity names.");
      if (c.appraisal === null) {
        return notProved(`The receipt carries evidence (${evidenceTitle(evidence)}); no appraisal policy was given to hold it against.`);
      }
      const report = await appraiseEvidence(evidence, c.appraisal.policy, { at: c.appraisal.at ?? at, binding });
      if (report.verdict !== "accepted") {
        const first = report.checks.find(({ state }) => state === "failed");
        if (first === undefined) throw new Failure("evidence.incomplete", "every demanded check to pass", "one was not made");
        throw new Failure(`evidence.${first.id}`, first.expected, first.actual);
      }
      c.attestation = report;
      const { type, by } = report.claims.assurance;
      if (type === "hardware") return `${evidenceTitle(evidence)}, vouched for by ${by}.`;
      return `${evidenceTitle(evidence)} by software (${by}), which proves nothing about hardware.`;
    },
  },
  release: {
    needs: ["genesis"],
    async run(c) {
      if (c.attestation === undefined) return notProved("Nothing here says which software the box ran.");
      const check = c.attestation.checks.find(({ id }) => id === "policy.release");
      if (check?.state !== "passed") return notProved("The appraisal policy accepts any software.");
      return `${check.actual}.`;
    },
  },
};

/** The claim is signed by its one key, and its times include `seconds`. */
async function checkIdentityClaim(claim, seconds) {
  const isTimely = (claim.nbf === null || claim.nbf <= seconds) && (claim.exp === null || seconds < claim.exp);
  try {
    if (!isTimely) throw new ClaimError("time", "a claim that is valid then", "one that is not");
    if (claim.keys.length !== 1 || claim.sig === null) throw new ClaimError("signature", "one key that signed", "another");
    await verifyClaimSignature(claim.keys[0], claim.sig, claim.signedBytes, null);
  } catch (error) {
    if (!(error instanceof ClaimError)) throw error;
    throw new Failure("identity.signature", "a claim that verifies", error.message);
  }
}

/** The evidence that an identity names by its digest. The bytes are held against it before anything in them is read. */
async function readAttestedEvidence(json, identity) {
  const digest = await digestOf(json);
  if (digest !== identity.evidence) throw new Failure("identity.evidence", identity.evidence, digest);
  return reading("identity.evidence-format", () => readEvidence(json));
}
