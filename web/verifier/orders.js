// What the owners of a box decide about its machine: models, runners, packages, snapshots, releases of software, and keys.
// Sources/Governance/{System,Releases,Keys}; docs/formats.md sections 14, 16 and 17.

const readName = (reader, name) => reader.matching(name, namePattern, "a name");
const readOrigin = (reader, name) => reader.matching(name, originPattern, "the name of a box");
const readWord = (reader, name, words) => reader.typed(name, (value) => words.includes(value), words.join(" or "));

/** The remark of an action: a text, or the commitment to one. */
function readNote(reader, name) {
  const isText = (value) => isCommitment(value) || (typeof value === "string" && utf8(value).length <= 4096);
  reader.typed(name, isText, "a text of at most 4096 bytes, or a commitment");
}

/** The parameters of actions about accepted releases, and of the end of measuring. Throws FieldError. */
const releaseParameters = {
  "release.approve": (reader) => readRelease(publicValue(reader, "release"), reader.at("release")),
  "release.revoke": (reader) => {
    reader.string("name", 128);
    reader.string("version", 64);
    readNote(reader, "reason");
  },
  "measurement.lock": (reader) => readNote(reader, "reason"),
};

function readSnapshot(reader) {
  readWord(reader, "scope", ["models", "packages", "directories"]);
  readName(reader, "name");
}

/** The parameters of what the privileged process carries out. Throws FieldError. */
const systemParameters = {
  "model.install": (reader) => {
    reader.digest("manifest");
    reader.string("name", 128);
    reader.string("version", 64);
    reader.integer("bytes", 1);
    reader.integer("files", 1, 256);
    reader.string("licence", 256);
    reader.digest("runner");
  },
  "model.remove": (reader) => reader.digest("manifest"),
  "runner.start": (reader) => {
    readName(reader, "name");
    reader.digest("model");
    readWord(reader, "isolation", ["runc", "runsc"]);
  },
  "runner.stop": (reader) => readName(reader, "name"),
  "package.install": (reader) => {
    reader.digest("manifest");
    readName(reader, "name");
    reader.integer("packages", 1, 4096);
    reader.integer("bytes", 1);
  },
  "snapshot.create": readSnapshot,
  "snapshot.rollback": readSnapshot,
  "directory.create": (reader) => readName(reader, "name"),
};

const keyAssurances = ["hardware", "software"];

function readKeyAndAppraisal(reader) {
  readName(reader, "key");
  reader.digest("appraisal");
}

function readKeyAndBox(reader) {
  readName(reader, "key");
  readOrigin(reader, "box");
}

/** Whose keys: exactly one of a community and a tenant. */
function readKeyHolder(reader) {
  const members = ["community", "tenant"].filter((name) => reader.has(name));
  if (members.length !== 1) throw new FieldError(reader.at("community"), "either community or tenant", members.length === 0 ? "neither" : "both");
  readName(reader, members[0]);
}

/** A text that looks like nothing else on a screen. */
function readPrintable(reader, name, maxBytes) {
  return reader.typed(name, (text) => typeof text === "string" && text.length <= maxBytes && /^[ -~]*$/.test(text), `at most ${maxBytes} characters of printable ASCII`);
}

function readKeyRefusal(reader) {
  readKeyAndBox(reader);
  readPrintable(reader, "reason", 64);
  reader.array("checks", 16, 1).forEach((json, index) => {
    const check = new FieldReader(json, `${reader.at("checks")}[${index}]`);
    readPrintable(check, "id", 64);
    readPrintable(check, "expected", 512);
    readPrintable(check, "actual", 512);
    check.finish();
  });
  const registers = reader.array("registers", 32);
  if (!registers.every((name) => typeof name === "string" && namePattern.test(name)) || new Set(registers).size !== registers.length) {
    throw new FieldError(reader.at("registers"), "names, each once", kindOf(registers));
  }
  if (reader.has("evidence")) reader.digest("evidence");
}

/** The parameters of what a broker of keys carries out, or a box with the keys of its communities. Throws FieldError. */
const keyParameters = {
  "key.enrol": (reader) => {
    readOrigin(reader, "box");
    readHex(reader, "ak", 34, 66);
    reader.digest("ek");
    readWord(reader, "assurance", keyAssurances);
    readWord(reader, "proof", ["activation", "certificate"]);
  },
  "key.create": readKeyAndAppraisal,
  "key.appraise": readKeyAndAppraisal,
  "key.grant": readKeyAndBox,
  "key.revoke": readKeyAndBox,
  "key.retire": (reader) => readName(reader, "key"),
  "key.release": (reader) => {
    readKeyAndBox(reader);
    readHex(reader, "wrapping", 32, 32);
    reader.digest("tls");
    readHex(reader, "nonce", 32, 32);
    reader.digest("evidence");
    reader.digest("appraisal");
    readName(reader, "kind");
    readWord(reader, "assurance", keyAssurances);
    reader.string("release", 256);
    reader.integer("appraised");
  },
  "key.refuse": readKeyRefusal,
  "key.rotate": readKeyHolder,
  "key.erase": readKeyHolder,
};

/** What is done with these the log keeps: nothing in them is private. */
const recordedParameters = { ...systemParameters, ...keyParameters };
