// The transparency log as C2SP writes it: RFC 6962 trees, signed notes, checkpoints, cosignatures, tlog-policy.

class LogError extends Error {}

async function leafHash(bytes) {
  return sha256(concat(Uint8Array.of(0), bytes));
}

async function nodeHash(left, right) {
  return sha256(concat(Uint8Array.of(1), left, right));
}

/** The root that a leaf and its proof lead to, or null where the proof has the wrong length. RFC 9162 section 2.1.3.2. */
async function rootOfInclusion(index, size, leaf, proof) {
  let fn = BigInt(index);
  let sn = size - 1n;
  let root = leaf;
  for (const hash of proof) {
    if (sn === 0n) return null;
    if (fn & 1n || fn === sn) {
      root = await nodeHash(hash, root);
      while (!(fn & 1n) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      root = await nodeHash(root, hash);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n ? root : null;
}

const noteMaxSignatures = 100;

/** A key's name: no spaces, plus signs or control characters, at most 255 bytes. */
function isKeyName(name) {
  return /^[^\p{White_Space}+\u0000-\u001f\u007f]+$/u.test(name) && utf8(name).length <= 255;
}

/** A signed note: its text, which ends with a line feed, and its signature lines. */
function parseNote(note) {
  for (const character of note) {
    if (character < " " && character !== "\n") throw new LogError("a control character");
  }
  const split = note.lastIndexOf("\n\n");
  if (split < 0) throw new LogError("no blank line before the signatures");
  const text = note.slice(0, split + 1);
  const block = note.slice(split + 2);
  if (block === "" || !block.endsWith("\n")) throw new LogError("signature lines that do not end with a line feed");
  const signatures = block.slice(0, -1).split("\n").map((line) => {
    const match = /^— ([^ ]+) ([^ ]+)$/su.exec(line);
    const bytes = match && decodeBase64(match[2]);
    if (!match || !isKeyName(match[1]) || bytes === null || bytes.length < 5) {
      throw new LogError(`a malformed signature line ${JSON.stringify(line.slice(0, 80))}`);
    }
    return { name: match[1], keyID: hex(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
  });
  if (signatures.length > noteMaxSignatures) throw new LogError(`more than ${noteMaxSignatures} signatures`);
  return { text, signatures };
}

const checkpointMaxBytes = 65536;

/** The body of a checkpoint: origin, size, root; extension lines are kept by the note's text alone. */
function parseCheckpoint(text) {
  if (utf8(text).length > checkpointMaxBytes) throw new LogError(`more than ${checkpointMaxBytes} bytes`);
  const lines = text.slice(0, -1).split("\n");
  if (lines.length < 3) throw new LogError("fewer than three lines");
  const [origin, size, root] = lines;
  if (origin === "") throw new LogError("an empty origin");
  if (!/^(0|[1-9][0-9]{0,19})$/.test(size) || BigInt(size) >= 1n << 64n) throw new LogError(`a size of ${JSON.stringify(size.slice(0, 40))}`);
  const rootBytes = decodeBase64(root);
  if (rootBytes === null || rootBytes.length !== 32) throw new LogError("a root that is not 32 bytes of base64");
  if (lines.slice(3).includes("")) throw new LogError("an empty extension line");
  return { origin, size: BigInt(size), root: rootBytes };
}

const ed25519Type = 1;
const ecdsaType = 2;
const cosignatureType = 4;

/** The ID of a key on signature lines: for ECDSA over the key alone, else over the name too (C2SP signed-note). */
async function keyIDOf(name, type, key) {
  const named = type === ecdsaType ? key : concat(utf8(`${name}\n`), Uint8Array.of(type), key);
  return hex((await sha256(named)).subarray(0, 4));
}

/** A verifier key `name+id+base64(type‖key)` of Ed25519, ECDSA or a cosigner; the id is recomputed. */
async function parseVerifierKey(vkey) {
  const [name, id, ...rest] = vkey.split("+");
  const bytes = decodeBase64(rest.join("+"));
  if (vkey.length > 4096 || !isKeyName(name) || !/^[0-9a-f]{8}$/.test(id ?? "") || bytes === null || bytes.length === 0) {
    throw new LogError("not a verifier key name+id+base64");
  }
  const type = bytes[0];
  const key = bytes.subarray(1);
  const isKey = type === ecdsaType ? (await importP256(key)) !== null : (type === ed25519Type || type === cosignatureType) && key.length === 32;
  if (!isKey) throw new LogError(`a verifier key of type ${type} with ${key.length} bytes`);
  const keyID = await keyIDOf(name, type, key);
  if (keyID !== id) throw new LogError(`a verifier key with the id ${id}, which should be ${keyID}`);
  return { name, keyID, type, key, text: vkey };
}

/** The message that a `cosignature/v1` signs, with the time that stands in its line; null where the line is malformed. */
function cosignedMessage(signature, text) {
  if (signature.length !== 72) return null;
  const time = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0);
  if (time >= 1n << 63n) return null;
  return { time, signature: signature.subarray(8), message: utf8(`cosignature/v1\ntime ${time}\n${text}`) };
}

const policyMaxCount = 256;

/** tlog-policy: witnesses Map(name -> key), groups Map(name -> {need, members}), and the name of the quorum. */
async function parseWitnessPolicy(text) {
  const policy = { witnesses: new Map(), groups: new Map(), quorum: null };
  const keys = { log: new Set(), witness: new Set() };
  const members = new Set();
  const known = (name) => policy.witnesses.has(name) || policy.groups.has(name);
  const isNew = (name) => name !== "none" && !known(name);
  const readKey = async (verb, text, types) => {
    const key = await parseVerifierKey(text);
    const identity = hex(key.key);
    if (!types.includes(key.type) || keys[verb].has(identity)) return null;
    keys[verb].add(identity);
    return key;
  };
  const readers = {
    async log(words) {
      return words.length <= 3 && (await readKey("log", words[1], [ed25519Type, ecdsaType])) !== null;
    },
    async witness(words) {
      if (words.length < 3 || words.length > 4 || !isNew(words[1])) return false;
      const key = await readKey("witness", words[2], [cosignatureType]);
      policy.witnesses.set(words[1], key);
      return key !== null;
    },
    async group([, name, count, ...list]) {
      const need = count === "all" ? list.length : count === "any" ? 1 : /^[1-9][0-9]{0,3}$/.test(count) ? Number(count) : 0;
      if (!isNew(name) || need < 1 || need > list.length) return false;
      for (const member of list) {
        if (!known(member) || members.has(member)) return false;
        members.add(member);
      }
      policy.groups.set(name, { need, members: list });
      return true;
    },
    async quorum(words) {
      if (words.length !== 2 || policy.quorum !== null || !(words[1] === "none" || known(words[1]))) return false;
      policy.quorum = words[1];
      return true;
    },
  };
  for (const line of text.split("\n")) {
    if (Math.max(keys.log.size, policy.witnesses.size, policy.groups.size) > policyMaxCount) throw new LogError("a witness policy that is too long");
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line)) throw new LogError("a control character in the witness policy");
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    if (words.length === 0 || words[0].startsWith("#")) continue;
    if (words.length < 2 || !Object.hasOwn(readers, words[0]) || !(await readers[words[0]](words))) {
      throw new LogError(`the witness policy line ${JSON.stringify(line.slice(0, 80))}`);
    }
  }
  if (policy.quorum === null) throw new LogError("a witness policy without a quorum");
  return policy;
}

/** Whether the witnesses that cosigned (a Set of names) satisfy a member of the policy. */
function isQuorumMet(policy, member, cosigned) {
  if (member === "none") return true;
  const group = policy.groups.get(member);
  if (group === undefined) return cosigned.has(member);
  return group.members.filter((name) => isQuorumMet(policy, name, cosigned)).length >= group.need;
}
