// An independent reader of C2SP logs, written from the specifications (signed-note, tlog-checkpoint, tlog-tiles,
// tlog-cosignature, tlog-proof) and using nothing but Node's standard library. The tests hold the Swift code against it.
//
//   node read-log.mjs log <directory> <origin> <log vkey,...> <witness vkey,...>
//   node read-log.mjs proof <file> <entry in hex> <origin> <log vkey,...> <witness vkey,...>
//
// Prints one JSON object; exits 1 with a reason on standard error when anything does not hold.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const leafHash = (entry) => sha256(Buffer.from([0]), entry);
const nodeHash = (left, right) => sha256(Buffer.from([1]), left, right);

function fail(reason) {
  throw new Error(reason);
}

function decodeBase64(text) {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) fail(`not canonical base64: ${text}`);
  return bytes;
}

// signed-note: a verifier key is name+keyid+base64(type || key).
function parseKey(text) {
  const [name, id, ...rest] = text.split("+");
  const bytes = decodeBase64(rest.join("+"));
  const type = bytes[0];
  const material = bytes.subarray(1);
  const expected = type === 2 ? sha256(material) : sha256(Buffer.from(name + "\n"), bytes);
  if (expected.subarray(0, 4).toString("hex") !== id) fail(`key id of ${name} does not fit its key`);
  const der = type === 2 ? material : Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), material]);
  return { name, id, type, key: createPublicKey({ key: der, format: "der", type: "spki" }) };
}

function verifySignature(key, text, signature) {
  switch (key.type) {
    case 1:
      return verify(null, text, key.key, signature);
    case 2:
      return verify("sha256", text, { key: key.key, dsaEncoding: "der" }, signature);
    case 4: {
      if (signature.length !== 72) return false;
      const time = signature.readBigUInt64BE(0);
      const message = Buffer.concat([Buffer.from(`cosignature/v1\ntime ${time}\n`), text]);
      return verify(null, message, key.key, signature.subarray(8));
    }
    default:
      return fail(`unknown signature type ${key.type}`);
  }
}

// Returns the text and the keys that signed it. Unknown signers are ignored, a bad signature of a known one is fatal.
function openNote(bytes, keys) {
  const note = bytes.toString("utf8");
  if (!Buffer.from(note, "utf8").equals(bytes)) fail("the note is not UTF-8");
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) fail("not a signed note");
  const text = Buffer.from(note.slice(0, split + 1));
  const signed = [];
  for (const line of note.slice(split + 2, -1).split("\n")) {
    const match = /^\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)$/u.exec(line) ?? fail(`bad signature line: ${line}`);
    const bytes = decodeBase64(match[2]);
    const id = bytes.subarray(0, 4).toString("hex");
    const key = keys.find((key) => key.name === match[1] && key.id === id);
    if (!key) continue;
    if (!verifySignature(key, text, bytes.subarray(4))) fail(`bad signature of ${key.name}`);
    signed.push(key);
  }
  return { text: text.toString("utf8"), signed };
}

function openCheckpoint(bytes, origin, logKeys, witnessKeys) {
  const { text, signed } = openNote(bytes, [...logKeys, ...witnessKeys]);
  for (const key of logKeys) if (!signed.includes(key)) fail(`not signed by key ${key.id} of the log`);
  const lines = text.split("\n");
  if (lines.length !== 4 || lines[3] !== "") fail("a checkpoint without extensions has three lines");
  if (lines[0] !== origin) fail(`origin is ${lines[0]}`);
  if (!/^(0|[1-9][0-9]*)$/.test(lines[1])) fail(`size is ${lines[1]}`);
  const root = decodeBase64(lines[2]);
  if (root.length !== 32) fail("root has not 32 bytes");
  return { size: Number(lines[1]), root, cosigners: signed.filter((key) => key.type === 4).map((key) => key.name) };
}

// RFC 6962 section 2.1, by its recursive definition.
function treeHash(leaves) {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0];
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return nodeHash(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

function tilePath(kind, index, width) {
  let path = String(index % 1000).padStart(3, "0");
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  }
  return `tile/${kind}/${path}${width < 256 ? `.p/${width}` : ""}`;
}

function readLog(directory, origin, logKeys, witnessKeys) {
  const checkpoint = openCheckpoint(readFileSync(join(directory, "checkpoint")), origin, logKeys, witnessKeys);
  let files = 1;
  const read = (path) => {
    files += 1;
    return readFileSync(join(directory, path));
  };
  const entries = [];
  for (let first = 0; first < checkpoint.size; first += 256) {
    const width = Math.min(256, checkpoint.size - first);
    const bundle = read(tilePath("entries", first / 256, width));
    let offset = 0;
    for (let n = 0; n < width; n += 1) {
      const length = bundle.readUInt16BE(offset);
      if (offset + 2 + length > bundle.length) fail("a bundle ends inside an entry");
      entries.push(bundle.subarray(offset + 2, offset + 2 + length));
      offset += 2 + length;
    }
    if (offset !== bundle.length) fail("octets follow the last entry of a bundle");
  }
  // Every hash tile of every level must be what the entries make it.
  let hashes = entries.map(leafHash);
  if (!treeHash(hashes).equals(checkpoint.root)) fail("the entries do not hash to the root");
  for (let level = 0; hashes.length > 0; level += 1) {
    const above = [];
    for (let first = 0; first < hashes.length; first += 256) {
      const expected = hashes.slice(first, first + 256);
      const tile = read(tilePath(level, first / 256, expected.length));
      if (!tile.equals(Buffer.concat(expected))) fail(`${tilePath(level, first / 256, expected.length)} is wrong`);
      if (expected.length === 256) above.push(treeHash(expected));
    }
    hashes = above;
  }
  return {
    size: checkpoint.size,
    root: checkpoint.root.toString("hex"),
    cosigners: checkpoint.cosigners,
    files,
    entries: sha256(...entries).toString("hex"),
  };
}

// RFC 6962 section 2.1.1, by its recursive definition turned around: which root does this path lead to?
function rootFromPath(index, size, leaf, path) {
  if (size === 1) return path.length === 0 ? leaf : fail("the path is too long");
  if (path.length === 0) fail("the path is too short");
  const sibling = path[path.length - 1];
  const rest = path.slice(0, -1);
  const split = 2 ** Math.floor(Math.log2(size - 1));
  return index < split
    ? nodeHash(rootFromPath(index, split, leaf, rest), sibling)
    : nodeHash(sibling, rootFromPath(index - split, size - split, leaf, rest));
}

function readProof(file, entry, origin, logKeys, witnessKeys) {
  const bytes = readFileSync(file);
  const blank = bytes.indexOf("\n\n");
  const lines = bytes.subarray(0, blank).toString("utf8").split("\n");
  if (lines.shift() !== "c2sp.org/tlog-proof@v1") fail("not a tlog-proof");
  if (lines[0].startsWith("extra ")) lines.shift();
  const index = Number(/^index (0|[1-9][0-9]*)$/.exec(lines.shift())?.[1] ?? fail("no index"));
  const checkpoint = openCheckpoint(bytes.subarray(blank + 2), origin, logKeys, witnessKeys);
  if (index >= checkpoint.size) fail("the index is beyond the tree");
  const root = rootFromPath(index, checkpoint.size, leafHash(Buffer.from(entry, "hex")), lines.map(decodeBase64));
  if (!root.equals(checkpoint.root)) fail("the path leads to another root");
  return { index, size: checkpoint.size, cosigners: checkpoint.cosigners };
}

const [command, ...rest] = process.argv.slice(2);
const keys = (list) => (list ? list.split(",").map(parseKey) : []);
try {
  const [logKeys, witnessKeys] = [keys(rest.at(-2)), keys(rest.at(-1))];
  const result =
    command === "log"
      ? readLog(rest[0], rest[1], logKeys, witnessKeys)
      : readProof(rest[0], rest[1], rest[2], logKeys, witnessKeys);
  console.log(JSON.stringify(result));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
