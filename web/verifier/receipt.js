// The form of a receipt: strict reading, and nothing decided yet. docs/formats.md section 9.

const receiptLimits = { maxBytes: 4 * 1024 * 1024, maxStringBytes: 2 * 1024 * 1024, integersOnly: false };
const entryLimits = { maxBytes: 65535, maxStringBytes: 65535, integersOnly: true };
const smallEntryMaxBytes = 16384;
const receiptMaxEntries = 256;
const receiptMaxOpenings = 64;

/** A check that did not hold. `code` is stable and the same in every implementation. */
class Failure extends Error {
  constructor(code, expected, actual) {
    super(`${code}: expected ${expected}, found ${actual}`);
    this.code = code;
    this.expected = String(expected);
    this.actual = String(actual);
  }
}

/** Runs a strict reader and gives its errors one failure code. */
async function reading(code, read) {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FieldError) throw new Failure(code, `${error.field}: ${error.expected}`, error.actual);
    if (error instanceof JSONError) throw new Failure(code, "strict I-JSON", error.message);
    if (error instanceof LogError) throw new Failure(code, "a well-formed value", error.message);
    if (error instanceof ClaimError) throw new Failure(code, error.expected, error.actual);
    throw error;
  }
}

/** Reads the file of a receipt of either kind. Throws Failure `format.size` or `format.json`. */
async function parseFile(bytes) {
  if (bytes.length > receiptLimits.maxBytes) throw new Failure("format.size", `at most ${receiptLimits.maxBytes} bytes`, `${bytes.length}`);
  return reading("format.json", () => parseJSON(bytes, receiptLimits));
}

const formatOf = (json) => (json instanceof Map ? json.get("format") : undefined);

/** Reads the receipt of an action. Throws Failure `format.*`. */
async function parseReceipt(json) {
  const format = formatOf(json);
  if (format !== "safebox-receipt/v1") throw new Failure("format.version", "safebox-receipt/v1", kindOf(format ?? null));
  const receipt = await reading("format.field", () => readReceipt(json));
  const { genesis, epoch, opened, approvals, started, finished } = receipt.roles;
  checkRoles(receipt.entries, [genesis, epoch, opened, ...approvals, started, finished]);
  return receipt;
}

/** Entries ascend, each has a role, and each role an entry. */
function checkRoles(entries, used) {
  const indices = entries.map((entry) => entry.index);
  for (let i = 1; i < indices.length; i++) {
    if (indices[i] <= indices[i - 1]) throw new Failure("format.entry-order", `an index above ${indices[i - 1]}`, `${indices[i]}`);
  }
  const known = new Set(indices);
  for (const index of used) {
    if (!known.has(index)) throw new Failure("format.role", "a role that names an entry of the receipt", `${index}`);
  }
  const named = new Set(used);
  for (const index of indices) {
    if (!named.has(index)) throw new Failure("format.entry-without-role", "entries that a role names", `${index}`);
  }
}

/** The entries of a receipt, each with its inclusion path. */
function readItems(reader, maxCount) {
  return reader.array("entries", maxCount, 1).map((json, i) => readItem(json, `entries.${i}`));
}

/** One entry with its proof: { index, entry, proof }. */
function readItem(json, path) {
  const item = new FieldReader(json, path);
  const entry = { index: item.integer("index"), text: item.string("entry", entryLimits.maxBytes) };
  entry.proof = item.array("proof", 63).map((text) => {
    const hash = typeof text === "string" ? decodeBase64(text) : null;
    if (hash === null || hash.length !== 32) throw new FieldError(`${path}.proof`, "base64 of 32 bytes", kindOf(text));
    return hash;
  });
  item.finish();
  return entry;
}

/** Indices of entries in a role that several play. */
function readIndices(reader, name, maxCount) {
  return reader.array(name, maxCount).map((index) => {
    if (!Number.isSafeInteger(index) || index < 0) throw new FieldError(reader.at(name), "indices", kindOf(index));
    return index;
  });
}

function readReceipt(json) {
  const reader = new FieldReader(json, "");
  const receipt = {
    format: reader.string("format", 64),
    checkpoint: reader.string("checkpoint", 256 * 1024),
    es256: reader.string("es256", 128),
    constitution: reader.map("constitution"),
    openings: new Map(),
  };
  receipt.entries = readItems(reader, receiptMaxEntries);
  const roles = reader.reader("roles");
  receipt.roles = {};
  for (const name of ["genesis", "epoch", "opened", "started", "finished"]) receipt.roles[name] = roles.integer(name);
  receipt.roles.approvals = readIndices(roles, "approvals", receiptMaxEntries);
  roles.finish();
  const openings = reader.map("openings");
  if (openings.size > receiptMaxOpenings) throw new FieldError("openings", `at most ${receiptMaxOpenings} members`, `${openings.size}`);
  for (const digest of openings.keys()) {
    if (!digestPattern.test(digest)) throw new FieldError("openings", "digests as names", kindOf(digest));
    const item = new FieldReader(openings.get(digest), `openings.${digest}`);
    receipt.openings.set(digest, { salt: item.digest("salt"), value: item.value("value") });
    item.finish();
  }
  receipt.attested = readAttested(reader);
  reader.finish();
  return receipt;
}

const entryKinds = [
  "box.created", "proposal.opened", "proposal.approved", "proposal.objected", "proposal.withdrawn", "execution.started",
  "execution.finished", "run.started", "run.resumed", "run.called", "run.finished", "identity.claimed", "code.measured",
];

/** Reads an entry's bytes: canonical, of a known kind, within its limit. Throws Failure `entries.*`. */
async function parseEntry(text) {
  const bytes = utf8(text);
  const json = await reading("entries.json", () => parseJSON(bytes, entryLimits));
  if (canonical(json) !== text) throw new Failure("entries.canonical", "RFC 8785 text", "another spelling of it");
  const entry = await reading("entries.field", () => {
    const reader = new FieldReader(json, "");
    const envelope = { at: reader.integer("at"), kind: reader.string("kind", 64), body: reader.map("body") };
    reader.finish();
    if (!entryKinds.includes(envelope.kind)) throw new FieldError("kind", "a kind of entry", kindOf(envelope.kind));
    return envelope;
  });
  const limit = entry.kind === "box.created" || entry.kind === "proposal.opened" ? entryLimits.maxBytes : smallEntryMaxBytes;
  if (bytes.length > limit) throw new Failure("entries.size", `at most ${limit} bytes`, `${bytes.length}`);
  return entry;
}

const actorPattern = /^(?:(?:client|signer):[a-z0-9][a-z0-9._-]{0,63}|run:[0-9a-f]{64})$/;
const originPattern = /^[!-*,-~]{1,255}$/;

const bodyReaders = {
  "box.created": async (reader) => {
    reader.matching("format", /^safebox\/v1$/, "safebox/v1");
    const body = { box: reader.matching("box", originPattern, "the name of a box") };
    const keys = reader.reader("keys");
    body.ed25519 = await parseVerifierKey(keys.string("ed25519", 512));
    body.es256 = await parseKey(keys.string("es256", 512));
    keys.finish();
    if (body.ed25519.type !== ed25519Type || body.ed25519.name !== body.box) {
      throw new FieldError("box.created.keys.ed25519", `an Ed25519 key named ${body.box}`, body.ed25519.name);
    }
    if (body.es256.isPasskey) throw new FieldError("box.created.keys.es256", "data:key/es256", "a passkey");
    body.constitution = await parseConstitution(reader.map("constitution"));
    body.witnesses = reader.value("witnesses");
    if (body.witnesses !== null && !(typeof body.witnesses === "string" && body.witnesses !== "" && utf8(body.witnesses).length <= 8192)) {
      throw new FieldError("box.created.witnesses", "null or a policy of 1-8192 bytes", kindOf(body.witnesses));
    }
    reader.finish();
    return body;
  },
  "proposal.opened": (reader) => {
    const body = {
      proposal: reader.digest("proposal"),
      statement: parseStatement(reader.value("statement")),
      proposer: reader.matching("proposer", actorPattern, "client:NAME, signer:NAME or run:ID"),
      salt: reader.matching("salt", /^(?:[0-9a-f]{2}){16,32}$/, "16 to 32 bytes in hexadecimal"),
      claim: reader.has("claim") ? reader.value("claim") : null,
      tool: null,
    };
    if (body.proposer.startsWith("run:")) body.tool = reader.matching("tool", namePattern, "a name");
    reader.finish();
    return body;
  },
  "proposal.approved": (reader) => {
    const body = { proposal: reader.digest("proposal"), signer: reader.matching("signer", namePattern, "a name"), claim: reader.value("claim") };
    reader.finish();
    return body;
  },
  "execution.started": (reader) => {
    const body = {
      proposal: reader.digest("proposal"),
      approvals: reader.array("approvals", 128),
      mode: reader.matching("mode", /^(?:normal|break-glass)$/, "normal or break-glass"),
    };
    if (!body.approvals.every((name) => typeof name === "string" && namePattern.test(name))) {
      throw new FieldError("execution.started.approvals", "names", "other values");
    }
    if (new Set(body.approvals).size !== body.approvals.length) {
      throw new FieldError("execution.started.approvals", "each name once", "a name twice");
    }
    reader.finish();
    return body;
  },
  "execution.finished": (reader) => {
    const body = {
      proposal: reader.digest("proposal"),
      outcome: reader.matching("outcome", /^(?:executed|failed|unknown)$/, "executed, failed or unknown"),
      result: reader.map("result"),
      epoch: reader.has("epoch") ? reader.integer("epoch", 1) : null,
      constitution: reader.has("constitution") ? reader.digest("constitution") : null,
    };
    reader.finish();
    return body;
  },
};

/** The statement that was put to the vote. */
function parseStatement(json) {
  const reader = new FieldReader(json, "statement");
  const statement = {
    json,
    action: reader.map("action"),
    box: reader.matching("box", originPattern, "the name of a box"),
    epoch: reader.integer("epoch", 1),
    expires: reader.integer("expires"),
    nonce: reader.digest("nonce"),
    policy: reader.digest("policy"),
  };
  reader.finish();
  const action = new FieldReader(statement.action, "statement.action");
  statement.type = action.matching("type", typePattern, "an action type");
  statement.params = action.map("params");
  statement.follows = action.has("follows") ? action.array("follows", 8, 1) : [];
  if (!statement.follows.every((digest) => typeof digest === "string" && digestPattern.test(digest))) {
    throw new FieldError("statement.action.follows", "digests", "other values");
  }
  if (new Set(statement.follows).size !== statement.follows.length) {
    throw new FieldError("statement.action.follows", "each proposal once", "a proposal twice");
  }
  action.finish();
  checkCommitments(statement.params, "statement.action.params");
  return statement;
}

/** Refuses objects that look like a commitment and are none: a less strict reader would take them for one. */
function checkCommitments(value, path) {
  if (Array.isArray(value)) {
    value.forEach((item, i) => checkCommitments(item, `${path}[${i}]`));
  } else if (value instanceof Map && value.has("$commitment")) {
    if (!isCommitment(value)) throw new FieldError(path, '{"$commitment":DIGEST} and nothing else', kindOf(value));
  } else if (value instanceof Map) {
    for (const [name, member] of value) checkCommitments(member, `${path}.${name}`);
  }
}
