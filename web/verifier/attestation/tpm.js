// Quotes of a TPM 2.0: the second implementation of Sources/Attestation/TPM.

const tpmHashes = new Map([[0x0004, "sha1"], [0x000b, "sha256"], [0x000c, "sha384"], [0x000d, "sha512"]]);
const tpmHashBytes = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
const tpmHashOrder = ["sha1", "sha256", "sha384", "sha512"];
const tpmWebCryptoHash = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

/** The digest, or null for SHA-1, with which nothing is computed here. */
async function tpmDigest(hash, bytes) {
  const name = tpmWebCryptoHash[hash];
  return name === undefined ? null : new Uint8Array(await crypto.subtle.digest(name, bytes));
}

const tpmWord = (value, digits) => `0x${value.toString(16).padStart(digits, "0")}`;

function tpmReadHash(reader, field) {
  const value = reader.big(2, field);
  const hash = tpmHashes.get(value);
  if (hash === undefined) throw new FieldError(reader.at(field), "SHA-1, SHA-256, SHA-384 or SHA-512", tpmWord(value, 4));
  return hash;
}

/** An unsigned integer of eight bytes, as a BigInt. */
const tpmReadUInt64 = (reader, field) => BigInt(`0x${hex(reader.take(8, field))}`);

/**
 * TPMS_ATTEST of a quote -> { bytes, qualifiedSigner, extraData, clockInfo: { clock (BigInt), resetCount, restartCount, isSafe },
 * firmwareVersion (BigInt), selections: [{ bank, indexes }], pcrDigest }. Throws FieldError.
 */
function parseTPMQuote(bytes, path = "quote") {
  if (bytes.length > 1024) throw new FieldError(path, "at most 1024 bytes", `${bytes.length} bytes`);
  const reader = new ByteReader(bytes, path);
  const magic = reader.big(4, "magic");
  if (magic !== 0xff544347) throw new FieldError(`${path}.magic`, "0xff544347", tpmWord(magic, 8));
  const type = reader.big(2, "type");
  if (type !== 0x8018) throw new FieldError(`${path}.type`, "0x8018", tpmWord(type, 4));
  const quote = { bytes, qualifiedSigner: reader.sized16("qualifiedSigner", 66), extraData: reader.sized16("extraData", 66) };
  const clockInfo = { clock: tpmReadUInt64(reader, "clock"), resetCount: reader.big(4, "resetCount"), restartCount: reader.big(4, "restartCount") };
  const safe = reader.big(1, "safe");
  if (safe > 1) throw new FieldError(`${path}.safe`, "0 or 1", `${safe}`);
  quote.clockInfo = { ...clockInfo, isSafe: safe === 1 };
  quote.firmwareVersion = tpmReadUInt64(reader, "firmwareVersion");
  quote.selections = tpmReadSelections(reader, path);
  quote.pcrDigest = reader.sized16("pcrDigest", 64);
  reader.finish();
  return quote;
}

function tpmReadSelections(reader, path) {
  const count = reader.big(4, "pcrSelect");
  if (count > 4) throw new FieldError(`${path}.pcrSelect`, "at most 4 banks", `${count}`);
  const selections = [];
  for (let i = 0; i < count; i++) {
    const bank = tpmReadHash(reader, "pcrSelect.hash");
    if (selections.some((other) => other.bank === bank)) throw new FieldError(`${path}.pcrSelect`, "each bank once", `${bank} twice`);
    const size = reader.big(1, "pcrSelect.sizeofSelect");
    if (size < 1 || size > 3) throw new FieldError(`${path}.pcrSelect.sizeofSelect`, "1 to 3", `${size}`);
    const map = reader.take(size, "pcrSelect.select");
    const indexes = [];
    for (let bit = 0; bit < size * 8; bit++) if ((map[bit >> 3] >> (bit & 7)) & 1) indexes.push(bit);
    selections.push({ bank, indexes });
  }
  return selections;
}

/** TPMT_SIGNATURE -> { scheme: "rsassa" | "rsapss" | "ecdsa", hash, value }, r‖s for ECDSA. Throws FieldError. */
function parseTPMSignature(bytes, path = "signature") {
  const reader = new ByteReader(bytes, path);
  const algorithm = reader.big(2, "sigAlg");
  const scheme = { 0x14: "rsassa", 0x16: "rsapss", 0x18: "ecdsa" }[algorithm];
  if (scheme === undefined) throw new FieldError(`${path}.sigAlg`, "RSASSA, RSAPSS or ECDSA (0x14, 0x16, 0x18)", tpmWord(algorithm, 4));
  const hash = tpmReadHash(reader, "hash");
  let value;
  if (scheme === "ecdsa") {
    const r = reader.sized16("signatureR", 48);
    const s = reader.sized16("signatureS", 48);
    const width = Math.max(r.length, s.length) <= 32 ? 32 : 48;
    value = concat(tpmPadded(r, width), tpmPadded(s, width));
  } else {
    value = reader.sized16("sig", 1024);
  }
  reader.finish();
  return { scheme, hash, value };
}

/** Big-endian bytes with zeros before them. */
function tpmPadded(bytes, width) {
  return concat(new Uint8Array(width - bytes.length), bytes);
}

// SubjectPublicKeyInfo up to the point: P-256 is p256Prefix.
const tpmP384Prefix = Uint8Array.from([
  0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
  0x22, 0x03, 0x62, 0x00, 0x04,
]);
const tpmRSAAlgorithm = Uint8Array.from([0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00]);

function tpmDER(tag, content) {
  const length = [];
  if (content.length < 0x80) length.push(content.length);
  else {
    for (let rest = content.length; rest > 0; rest >>= 8) length.unshift(rest & 0xff);
    length.unshift(0x80 | length.length);
  }
  return concat(Uint8Array.from([tag, ...length]), content);
}

/** A non-negative DER integer of big-endian bytes, in the shortest form. */
function tpmDERInteger(bytes) {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  return tpmDER(0x02, digits.length === 0 || digits[0] & 0x80 ? concat(Uint8Array.of(0), digits) : digits);
}

/** The canonical SubjectPublicKeyInfo of an RSA key of big-endian modulus and exponent. */
function rsaSubjectPublicKeyInfo(modulus, exponent) {
  const key = tpmDER(0x30, concat(tpmDERInteger(modulus), tpmDERInteger(exponent)));
  return tpmDER(0x30, concat(tpmRSAAlgorithm, tpmDER(0x03, concat(Uint8Array.of(0), key))));
}

/**
 * TPMT_PUBLIC or TPM2B_PUBLIC -> { bytes (TPMT_PUBLIC), nameAlgorithm, attributes, authPolicy, symmetric, scheme,
 * key: { type: "rsa" | "p256" | "p384", spki } }. Throws FieldError.
 */
async function parseTPMPublic(bytes, path = "akPublic") {
  const outer = new ByteReader(bytes, path);
  let area = bytes;
  if (!(bytes.length >= 2 && bytes[0] === 0 && (bytes[1] === 0x01 || bytes[1] === 0x23))) {
    area = outer.sized16("size", 1536);
    outer.finish();
  }
  if (area.length > 1536) throw new FieldError(path, "at most 1536 bytes", `${area.length} bytes`);
  const reader = new ByteReader(area, path);
  const type = reader.big(2, "type");
  if (type !== 0x0001 && type !== 0x0023) throw new FieldError(`${path}.type`, "RSA or ECC (0x0001, 0x0023)", tpmWord(type, 4));
  const result = { bytes: area, nameAlgorithm: tpmReadHash(reader, "nameAlg") };
  if (result.nameAlgorithm === "sha1") throw new FieldError(`${path}.nameAlg`, "SHA-256 or better", "SHA-1");
  result.attributes = reader.big(4, "objectAttributes");
  if (result.attributes & ~0x000f0cf6) throw new FieldError(`${path}.objectAttributes`, "no reserved bits", tpmWord(result.attributes, 8));
  result.authPolicy = reader.sized16("authPolicy", 64);
  result.symmetric = tpmReadSymmetric(reader, path);
  result.scheme = tpmReadScheme(reader, path);
  result.key = type === 0x0001 ? tpmReadRSA(reader, path) : tpmReadECC(reader, path);
  reader.finish();
  if ((await importTPMKey(result.key, "SHA-256")) === null) {
    throw new FieldError(`${path}.${type === 0x0001 ? "modulus" : "point"}`, "a key that can be used", "another");
  }
  return result;
}

function tpmReadSymmetric(reader, path) {
  const algorithm = reader.big(2, "symmetric");
  if (algorithm === 0x0010) return null;
  if (algorithm !== 0x0006) throw new FieldError(`${path}.symmetric`, "AES or none", tpmWord(algorithm, 4));
  const keyBits = reader.big(2, "symmetric.keyBits");
  if (![128, 192, 256].includes(keyBits)) throw new FieldError(`${path}.symmetric.keyBits`, "128, 192 or 256", `${keyBits}`);
  return { keyBits, mode: reader.big(2, "symmetric.mode") };
}

function tpmReadScheme(reader, path) {
  const algorithm = reader.big(2, "scheme");
  if (algorithm === 0x0010) return null;
  if (algorithm === 0x0015) return { algorithm, hash: null };
  if (algorithm >= 0x0014 && algorithm <= 0x0019) return { algorithm, hash: tpmReadHash(reader, "scheme.hash") };
  throw new FieldError(`${path}.scheme`, "RSASSA, RSAES, RSAPSS, OAEP, ECDSA, ECDH or none", tpmWord(algorithm, 4));
}

function tpmReadRSA(reader, path) {
  const bits = reader.big(2, "keyBits");
  const exponent = reader.big(4, "exponent") || 65537;
  const modulus = reader.sized16("modulus", 1024);
  if (bits !== modulus.length * 8 || !(modulus[0] & 0x80)) {
    throw new FieldError(`${path}.keyBits`, "the modulus' size", `${bits} for ${modulus.length} bytes`);
  }
  // As Swift's: small moduli can be factored, large ones cost what their sender likes.
  if (bits < 2048 || bits > 8192 || exponent % 2 === 0 || exponent < 65537) {
    throw new FieldError(`${path}.modulus`, "RSA with 2048 to 8192 bits", `${bits} bits, exponent ${exponent}`);
  }
  const exponentBytes = Uint8Array.of(exponent >>> 24, exponent >>> 16, exponent >>> 8, exponent);
  return { type: "rsa", spki: rsaSubjectPublicKeyInfo(modulus, exponentBytes) };
}

function tpmReadECC(reader, path) {
  const curve = reader.big(2, "curveID");
  const width = { 3: 32, 4: 48 }[curve];
  if (width === undefined) throw new FieldError(`${path}.curveID`, "P-256 or P-384 (0x0003, 0x0004)", tpmWord(curve, 4));
  const derivation = reader.big(2, "kdf");
  if (derivation !== 0x0010) throw new FieldError(`${path}.kdf`, "0x0010", tpmWord(derivation, 4));
  const x = reader.sized16("x", width);
  const y = reader.sized16("y", width);
  return tpmPointKey(concat(tpmPadded(x, width), tpmPadded(y, width)));
}

/** The key of an uncompressed point's coordinates, 64 or 96 bytes. */
function tpmPointKey(coordinates) {
  if (coordinates.length === 64) return { type: "p256", spki: concat(p256Prefix, coordinates) };
  return { type: "p384", spki: concat(tpmP384Prefix, coordinates) };
}

/** The key of a canonical SubjectPublicKeyInfo: { type, spki }. Throws FieldError. */
function tpmKeyOfSPKI(spki, path) {
  if (spki.length === 91 && sameBytes(spki.subarray(0, 27), p256Prefix)) return { type: "p256", spki };
  if (spki.length === 120 && sameBytes(spki.subarray(0, 24), tpmP384Prefix)) return { type: "p384", spki };
  // Only what would be written again byte for byte, as in Swift.
  const reader = new ByteReader(spki, path);
  const body = tpmReadDER(tpmReadDER(reader, 0x30, true), 0x03, false, tpmRSAAlgorithm);
  if (body.big(1, "spki") !== 0) throw new FieldError(path, "a canonical SubjectPublicKeyInfo", "another");
  const numbers = tpmReadDER(body, 0x30, true);
  const modulus = tpmReadDER(numbers, 0x02, false).rest();
  const exponent = tpmReadDER(numbers, 0x02, true).rest();
  const bits = modulus.length * 8 - 8;
  const value = exponent.reduce((sum, byte) => sum * 256 + byte, 0);
  const isUsual = bits >= 2041 && bits <= 8192 && exponent.length <= 5 && value % 2 === 1 && value >= 65537 && value <= 0xffffffff;
  if (!isUsual || !sameBytes(spki, rsaSubjectPublicKeyInfo(modulus, exponent))) {
    throw new FieldError(path, "a canonical SubjectPublicKeyInfo", "another");
  }
  return { type: "rsa", spki };
}

/** One DER element, as a reader of what is in it; `before` are bytes that must come first, `isLast` that nothing follows. */
function tpmReadDER(reader, tag, isLast, before = new Uint8Array()) {
  const wrong = () => new FieldError(reader.path, "a canonical SubjectPublicKeyInfo", "another");
  if (!sameBytes(reader.take(before.length, "spki"), before) || reader.big(1, "spki") !== tag) throw wrong();
  let length = reader.big(1, "spki");
  if (length === 0x81) length = reader.big(1, "spki");
  else if (length === 0x82) length = reader.big(2, "spki");
  else if (length > 0x80) throw wrong();
  const content = reader.take(length, "spki");
  if (isLast && reader.remaining !== 0) throw wrong();
  return new ByteReader(content, reader.path);
}

/** A key for WebCrypto, or null where the numbers make none. */
async function importTPMKey(key, hash, scheme = "rsassa") {
  const algorithm = {
    rsa: { name: scheme === "rsapss" ? "RSA-PSS" : "RSASSA-PKCS1-v1_5", hash },
    p256: { name: "ECDSA", namedCurve: "P-256" },
    p384: { name: "ECDSA", namedCurve: "P-384" },
  }[key.type];
  try {
    return await crypto.subtle.importKey("spki", key.spki, algorithm, false, ["verify"]);
  } catch {
    return null;
  }
}

/** Whether the signature belongs to the message under the key. Never with SHA-1; P-256 with SHA-256 alone. */
async function verifyTPMSignature(signature, message, key) {
  const hash = tpmWebCryptoHash[signature.hash];
  if (hash === undefined || (key.type === "rsa") === (signature.scheme === "ecdsa")) return false;
  const imported = await importTPMKey(key, hash, signature.scheme);
  if (imported === null) return false;
  if (signature.scheme === "rsassa") return crypto.subtle.verify("RSASSA-PKCS1-v1_5", imported, signature.value, message);
  if (signature.scheme === "rsapss") {
    return crypto.subtle.verify({ name: "RSA-PSS", saltLength: tpmHashBytes[signature.hash] }, imported, signature.value, message);
  }
  if (key.type === "p256" && (signature.hash !== "sha256" || signature.value.length !== 64)) return false;
  const half = signature.value.length / 2;
  const value = key.type === "p256" ? signature.value : concat(tpmPadded(signature.value.subarray(0, half), 48), tpmPadded(signature.value.subarray(half), 48));
  return crypto.subtle.verify({ name: "ECDSA", hash }, imported, value, message);
}

/** `{"sha256": {"0": HEX, ...}}` -> [{ bank, values: Map of index to bytes }], sorted by algorithm. Throws FieldError. */
function readPCRBanks(json, path = "pcrs") {
  if (!(json instanceof Map) || json.size < 1 || json.size > 4) throw new FieldError(path, "an object of 1 to 4 banks", kindOf(json));
  const banks = [];
  for (const [bank, registers] of json) {
    if (!tpmHashOrder.includes(bank)) throw new FieldError(path, "banks named sha1, sha256, sha384 or sha512", kindOf(bank));
    if (!(registers instanceof Map) || registers.size < 1 || registers.size > 24) {
      throw new FieldError(`${path}.${bank}`, "an object of 1 to 24 registers", kindOf(registers));
    }
    const values = new Map();
    for (const [name, text] of registers) {
      if (!/^(?:[0-9]|1[0-9]|2[0-3])$/.test(name)) throw new FieldError(`${path}.${bank}`, "registers from 0 to 23", kindOf(name));
      const value = typeof text === "string" ? decodeHex(text) : null;
      if (value === null || value.length !== tpmHashBytes[bank]) {
        throw new FieldError(`${path}.${bank}.${name}`, `${tpmHashBytes[bank]} bytes in hexadecimal`, kindOf(text));
      }
      values.set(Number(name), value);
    }
    banks.push({ bank, values });
  }
  return tpmSortedBanks(banks);
}

const tpmSortedBanks = (banks) => [...banks].sort((a, b) => tpmHashOrder.indexOf(a.bank) - tpmHashOrder.indexOf(b.bank));

/** `sha256.pcr4` and its value, for every value of the banks. */
function pcrRegisters(banks) {
  return new Map(banks.flatMap(({ bank, values }) => [...values].map(([index, value]) => [`${bank}.pcr${index}`, value])));
}

const tpmQuoteChecks = ["tpm.quote", "tpm.signature-hash", "tpm.signature", "tpm.nonce", "tpm.bank", "tpm.selection", "tpm.pcr-digest"];

/**
 * Verifies a quote (TPMS_ATTEST bytes) with a parsed signature, a key { type, spki }, the banks of readPCRBanks and the binding
 * (bytes or null). Returns { quote, banks } where all checks passed, else null.
 */
async function verifyTPMQuote({ quote: bytes, signature, key, pcrs, binding }, checks) {
  checks.demand(tpmQuoteChecks);
  let quote;
  try {
    quote = parseTPMQuote(bytes);
  } catch (error) {
    tpmFail(checks, "tpm.quote", error);
    return null;
  }
  checks.pass("tpm.quote", `${bytes.length} bytes`);
  let holds = checks.require("tpm.signature-hash", signature.hash !== "sha1", "sha256, sha384 or sha512", signature.hash);
  const isSigned = await verifyTPMSignature(signature, bytes, key);
  holds = checks.require("tpm.signature", isSigned, `a signature of the ${key.type} key`, `${signature.scheme} with ${signature.hash}`) && holds;
  checks.bind("tpm.nonce", quote.extraData, binding, false);
  if (binding !== null) holds = bindingMatches(binding, quote.extraData, false) && holds;
  const names = quote.selections.map(({ bank }) => bank);
  const isStrong = names.length > 0 && !names.includes("sha1");
  holds = checks.require("tpm.bank", isStrong, "sha256, sha384 or sha512", names.length === 0 ? "none" : names.join(", ")) && holds;
  if (!tpmCheckSelection(quote, pcrs, checks)) return null;
  holds = (await tpmCheckDigest(quote, pcrs, signature.hash, checks)) && holds;
  return holds ? { quote, banks: tpmSortedBanks(pcrs) } : null;
}

function tpmFail(checks, id, error) {
  if (!(error instanceof FieldError)) throw error;
  checks.fail(id, `${error.field}: ${error.expected}`, error.actual);
}

function tpmCheckSelection(quote, pcrs, checks) {
  const describe = (banks) => tpmSortedBanks(banks).map(({ bank, indexes }) => `${bank}: ${indexes.join(", ")}`).join("; ");
  const quoted = describe(quote.selections);
  const given = describe(pcrs.map(({ bank, values }) => ({ bank, indexes: [...values.keys()].sort((a, b) => a - b) })));
  const isNothing = quote.selections.every(({ indexes }) => indexes.length === 0);
  const isRepeated = new Set(pcrs.map(({ bank }) => bank)).size !== pcrs.length;
  return checks.require("tpm.selection", quoted === given && !isNothing && !isRepeated, isNothing ? "at least one register" : quoted, given);
}

async function tpmCheckDigest(quote, pcrs, hash, checks) {
  const values = quote.selections.flatMap(({ bank, indexes }) => {
    const given = pcrs.find((other) => other.bank === bank);
    return indexes.map((index) => given?.values.get(index) ?? new Uint8Array());
  });
  const digest = await tpmDigest(hash, concat(...values));
  if (digest === null) {
    checks.fail("tpm.pcr-digest", "a digest of SHA-256 or better", hash);
    return false;
  }
  return checks.require("tpm.pcr-digest", sameBytes(digest, quote.pcrDigest), hex(quote.pcrDigest), hex(digest));
}
