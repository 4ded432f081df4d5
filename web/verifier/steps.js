// The steps of a verification, in order. A step that could not be made says so; it never passes in silence.

const stepTitles = [
  ["format", "The file has the form of a receipt"],
  ["checkpoint", "The checkpoint can be read"],
  ["entries", "The log entries can be read"],
  ["log-signature", "The box signed the checkpoint"],
  ["box-key", "The box is the one you expect"],
  ["witnesses", "Independent witnesses saw the same log"],
  ["inclusion", "Every entry stands in the signed log"],
  ["genesis", "The log begins with this box"],
  ["constitution", "The rules shown are the rules logged"],
  ["succession", "Earlier changes of the rules were decided properly"],
  ["statement", "What was proposed is what was voted on"],
  ["policy", "The right policy was applied"],
  ["proposer", "Who asked is known"],
  ["approvals", "The approvals are genuine"],
  ["decision", "The approvals satisfy the policy"],
  ["predecessors", "What had to happen first has happened"],
  ["execution", "It was carried out after the decision"],
  ["result", "The result is recorded"],
  ["openings", "Disclosed private values are the committed ones"],
  ["no-objection", "Nobody stopped it in time"],
  ["budgets", "Budgets and counts were kept"],
  ["identity", "The box's identity is bound to its hardware"],
  ["evidence", "Hardware evidence"],
  ["release", "The software is a signed release"],
];

/** What the key field asks for: any box, or one. Throws ClaimError or LogError on a malformed key. */
async function expectedBox(text) {
  if (text === "") return { anyBox: true };
  if (text.startsWith("data:key/")) return { spki: (await parseKey(text)).spki };
  const key = await parseVerifierKey(text);
  return key.type === ecdsaType ? { spki: hex(key.key) } : { vkey: key.text };
}

/**
 * Verifies a receipt. `expected`: { anyBox: true }, or { spki: hex } or { vkey: text } for one box. `appraisal`: null, or
 * { policy, at } to hold evidence against, `at` in Unix milliseconds or null for the time at which the box claimed its identity.
 * Returns { verdict: "accepted" | "rejected", steps: [{ id, title, state, code, expected, actual, detail }], facts }.
 */
async function verifyReceipt(bytes, expected, appraisal = null) {
  const c = { expected, bytes, appraisal };
  try {
    c.json = await parseFile(bytes);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    c.unreadable = error;
  }
  const isRun = formatOf(c.json) === runFormat;
  const steps = [];
  const passed = new Set();
  const own = isRun ? { ...runReadingChecks, ...runChecks, ...measuredChecks } : { ...readingChecks, ...decisionChecks };
  const checks = { ...logChecks, ...attestedChecks, ...own };
  for (const [id, title] of isRun ? runStepTitles : stepTitles) {
    const { needs = [], run } = checks[id];
    const missing = needs.filter((need) => !passed.has(need));
    const step = { id, title, state: "passed", code: "", expected: "", actual: "", detail: "" };
    if (missing.length > 0) {
      Object.assign(step, { state: "not-proved", detail: `It rests on what did not pass: ${missing.join(", ")}.` });
    } else {
      try {
        const result = await run(c);
        if (typeof result === "string") step.detail = result;
        else Object.assign(step, result);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        Object.assign(step, { state: "failed", code: error.code, expected: error.expected, actual: error.actual });
      }
    }
    if (step.state === "passed" || step.state === "not-applicable") passed.add(id);
    steps.push(step);
  }
  const verdict = steps.some((step) => step.state === "failed") ? "rejected" : "accepted";
  return { verdict, steps, facts: c, explanation: isRun ? explainRun(c, passed) : explain(c, passed) };
}

const notProved = (detail) => ({ state: "not-proved", detail });
const notApplicable = (detail) => ({ state: "not-applicable", detail });

/** Reads every entry of a receipt: c.entries, by index. */
async function readEntries(c) {
  c.entries = new Map();
  let last = 0;
  for (const { index, text } of c.receipt.entries) {
    const entry = await parseEntry(text);
    if (entry.at < last) throw new Failure("entries.time", `a time not before ${last}`, `${entry.at}`);
    last = entry.at;
    entry.index = index;
    c.entries.set(index, entry);
  }
}

/** The entry that plays a part, with its body read. */
async function entryPart(c, role, index, kind) {
  const entry = c.entries.get(index);
  if (entry.kind !== kind) throw new Failure("entries.role-kind", `${role}: ${kind}`, entry.kind);
  const read = bodyReaders[kind] ?? runBodyReaders[kind];
  const body = await reading("entries.body", () => read(new FieldReader(entry.body, "")));
  return { index, at: entry.at, body };
}

const readingChecks = {
  format: {
    async run(c) {
      if (c.unreadable !== undefined) throw c.unreadable;
      c.receipt = await parseReceipt(c.json);
      return `${c.receipt.entries.length} entries, ${c.bytes.length} bytes.`;
    },
  },
  checkpoint: {
    needs: ["format"],
    async run(c) {
      c.note = await reading("checkpoint.note", () => parseNote(c.receipt.checkpoint));
      c.checkpoint = await reading("checkpoint.body", () => parseCheckpoint(c.note.text));
      return `${c.checkpoint.origin}, ${c.checkpoint.size} entries.`;
    },
  },
  entries: {
    needs: ["format"],
    async run(c) {
      await readEntries(c);
      const roles = c.receipt.roles;
      const part = (role, index, kind) => entryPart(c, role, index, kind);
      c.genesis = await part("genesis", roles.genesis, "box.created");
      c.isFirstEpoch = c.entries.get(roles.epoch).kind === "box.created";
      c.epochEntry = c.isFirstEpoch ? c.genesis : await part("epoch", roles.epoch, "execution.finished");
      c.opened = await part("opened", roles.opened, "proposal.opened");
      c.approvals = [];
      for (const index of roles.approvals) c.approvals.push(await part("approvals", index, "proposal.approved"));
      c.started = await part("started", roles.started, "execution.started");
      c.finished = await part("finished", roles.finished, "execution.finished");
      return "Each is canonical, and their times never run backwards.";
    },
  },
};

const logChecks = {
  "log-signature": {
    needs: ["checkpoint", "entries"],
    async run(c) {
      c.boxKey = c.genesis.body.es256;
      c.boxVerifier = c.genesis.body.ed25519;
      const text = utf8(c.note.text);
      const raw = decodeBase64(c.receipt.es256);
      if (raw === null || raw.length !== 64) throw new Failure("log-signature.es256-encoding", "base64 of 64 bytes", kindOf(c.receipt.es256));
      if (!(await verifyP256(c.boxKey.key, raw, text))) throw new Failure("log-signature.es256", "the box's ES256 signature over the checkpoint", "another");
      const ecdsaID = await keyIDOf(c.boxVerifier.name, ecdsaType, c.boxKey.spkiBytes);
      const lines = (id) => c.note.signatures.filter((line) => line.name === c.boxVerifier.name && line.keyID === id);
      const ecdsaLines = lines(ecdsaID);
      const ed25519Lines = lines(c.boxVerifier.keyID);
      if (ecdsaLines.length === 0) throw new Failure("log-signature.note-es256-missing", "an ES256 line of the box", "none");
      for (const line of ecdsaLines) {
        if (!(await verifyP256(c.boxKey.key, signatureFromDER(line.signature), text))) {
          throw new Failure("log-signature.note-es256", "an ES256 line that verifies", "one that does not");
        }
      }
      if (ed25519Lines.length === 0) throw new Failure("log-signature.ed25519-missing", "an Ed25519 line of the box", "none");
      let verified = true;
      for (const line of ed25519Lines) {
        verified = await verifyEd25519(c.boxVerifier.key, line.signature, text);
        if (verified === false) throw new Failure("log-signature.ed25519", "an Ed25519 line that verifies", "one that does not");
      }
      return verified === null ? "ES256; this browser has no Ed25519, so that second signature was not looked at." : "ES256 and Ed25519.";
    },
  },
  "box-key": {
    needs: ["log-signature"],
    async run(c) {
      if (c.expected.anyBox) return notProved("No key of the box was given: whoever wrote this log signed it, and nobody says here who that is.");
      const matches = c.expected.spki !== undefined ? c.expected.spki === c.boxKey.spki : c.expected.vkey === c.boxVerifier.text;
      if (!matches) throw new Failure("box-key.mismatch", c.expected.spki !== undefined ? "the expected ES256 key" : c.expected.vkey, c.expected.spki !== undefined ? c.boxKey.text : c.boxVerifier.text);
      return "The key you gave is the box's.";
    },
  },
  witnesses: {
    needs: ["log-signature"],
    async run(c) {
      if (c.genesis.body.witnesses === null) return notProved("The box names no witnesses: it could show another log to somebody else.");
      const policy = await reading("witnesses.policy", () => parseWitnessPolicy(c.genesis.body.witnesses));
      const cosigned = new Set();
      for (const [name, key] of policy.witnesses) {
        for (const line of c.note.signatures) {
          if (line.name !== key.name || line.keyID !== key.keyID) continue;
          const cosignature = cosignedMessage(line.signature, c.note.text);
          const verified = cosignature && (await verifyEd25519(key.key, cosignature.signature, cosignature.message));
          if (cosignature === null || verified === false) throw new Failure("witnesses.cosignature", `a cosignature of ${name} that verifies`, "one that does not");
          if (verified === null) return notProved("This browser has no Ed25519, so no cosignature was looked at.");
          cosigned.add(name);
        }
      }
      if (policy.quorum === "none") return notProved("The box's witness policy asks for none: it could show another log to somebody else.");
      if (!isQuorumMet(policy, policy.quorum, cosigned)) {
        return notProved(`${cosigned.size} of ${policy.witnesses.size} witnesses cosigned, fewer than the box's own policy asks for.`);
      }
      return `Cosigned by ${[...cosigned].sort().join(", ")}.`;
    },
  },
  inclusion: {
    needs: ["checkpoint", "entries"],
    async run(c) {
      for (const { index, text, proof } of c.receipt.entries) {
        if (BigInt(index) >= c.checkpoint.size) throw new Failure("inclusion.index", `an index below ${c.checkpoint.size}`, `${index}`);
        const root = await rootOfInclusion(index, c.checkpoint.size, await leafHash(utf8(text)), proof);
        if (root === null) throw new Failure("inclusion.proof-length", `the length of a proof for entry ${index}`, `${proof.length} hashes`);
        if (!sameBytes(root, c.checkpoint.root)) throw new Failure("inclusion.root", `${encodeBase64(c.checkpoint.root)} from entry ${index}`, encodeBase64(root));
      }
      return `All ${c.receipt.entries.length} lead to the checkpoint's root.`;
    },
  },
  genesis: {
    needs: ["log-signature", "inclusion"],
    async run(c) {
      if (c.receipt.roles.genesis !== 0) throw new Failure("genesis.index", "0", `${c.receipt.roles.genesis}`);
      if (c.genesis.body.box !== c.checkpoint.origin) throw new Failure("genesis.origin", c.checkpoint.origin, c.genesis.body.box);
      return `${c.genesis.body.box}, since ${timeText(c.genesis.at)}.`;
    },
  },
  constitution: {
    needs: ["genesis"],
    async run(c) {
      const constitution = await reading("constitution.form", () => parseConstitution(c.receipt.constitution));
      const digest = await digestOf(constitution.json);
      const named = c.isFirstEpoch ? await digestOf(c.genesis.body.constitution.json) : c.epochEntry.body.constitution;
      if (named !== digest) throw new Failure("constitution.digest", named ?? "a digest in the epoch's entry", digest);
      const epoch = c.isFirstEpoch ? 1 : c.epochEntry.body.epoch;
      if (constitution.epoch !== epoch) throw new Failure("constitution.epoch", `${epoch}`, `${constitution.epoch}`);
      if (constitution.box !== c.genesis.body.box) throw new Failure("constitution.box", c.genesis.body.box, constitution.box);
      const fault = await constitutionFault(constitution);
      if (fault !== null) throw new Failure(`constitution.${fault.code}`, "a constitution fit to govern", fault.text);
      c.constitution = constitution;
      return `Epoch ${constitution.epoch}, ${constitution.signers.size} signers, digest ${digest}.`;
    },
  },
  succession: {
    needs: ["constitution"],
    async run(c) {
      if (c.constitution.epoch === 1) return notApplicable("The rules are those the box was created with.");
      return notProved(`That epochs 2 to ${c.constitution.epoch} were opened by proper decisions is shown by their own receipts, or by an audit of the log.`);
    },
  },
};
