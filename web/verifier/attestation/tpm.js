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
  return checks.require("tpm.selection", quoted === given && !isNothing, isNothing ? "at least one register" : quoted, given);
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

// The kind "tpm".

const tpmAttributeNames = [
  [1, "fixedTPM"], [2, "stClear"], [4, "fixedParent"], [5, "sensitiveDataOrigin"], [6, "userWithAuth"], [7, "adminWithPolicy"],
  [10, "noDA"], [11, "encryptedDuplication"], [16, "restricted"], [17, "decrypt"], [18, "sign"], [19, "x509sign"],
];
const tpmNeededAttributes = (1 << 1) | (1 << 4) | (1 << 5) | (1 << 16) | (1 << 18);
const tpmDecryptAttribute = 1 << 17;

/** tcg-kp-AIKCertificate: the key is one with which a TPM signs what it composed itself. */
const tpmKeyPurpose = "2.23.133.8.3";

/** The key's name in hexadecimal: the identifier of its hash, then the digest of its public area. */
async function tpmKeyName(area) {
  const [identifier] = [...tpmHashes].find(([, hash]) => hash === area.nameAlgorithm);
  return identifier.toString(16).padStart(4, "0") + hex(await tpmDigest(area.nameAlgorithm, area.bytes));
}

/** Made in its TPM, never to leave it, and signing nothing that its TPM did not compose: demands and makes tpm.ak-attributes. */
function verifyTPMAttributes(area, checks) {
  checks.demand(["tpm.ak-attributes"]);
  const names = (bits) => tpmAttributeNames.filter(([bit]) => (bits >> bit) & 1).map(([, name]) => name).join(", ");
  const isSound = (area.attributes & tpmNeededAttributes) === tpmNeededAttributes && (area.attributes & tpmDecryptAttribute) === 0;
  return checks.require("tpm.ak-attributes", isSound, `${names(tpmNeededAttributes)}, not decrypt`, names(area.attributes));
}

/**
 * Demands and makes tpm.ak-trust. `key` is { spki }, `name` the key's name in hexadecimal or null, `certificates` DER, `purpose` that of
 * the anchors, `keyPurpose` what the certificate must be for, or null, `exactPath` whether certificates beside the path are refused. Returns an assurance, or null.
 */
async function verifyTPMKeyTrust({ key, name, certificates, purpose, keyPurpose = tpmKeyPurpose, known = [], exactPath = false }, context, checks) {
  checks.demand(["tpm.ak-trust"]);
  const enrolled = name === null ? undefined : context.enrolled.get(name);
  if (enrolled !== undefined) {
    checks.pass("tpm.ak-trust", `enrolled: ${name}`);
    checks.notApplicable("tpm.ak-revocation", "the key is enrolled, and the policy that enrols it can leave it out");
    return enrolled;
  }
  if (certificates.length === 0) {
    const found = name === null ? "a bare key without a certificate" : `no certificate, not enrolled: ${name}`;
    checks.fail("tpm.ak-trust", "a certificate of a trusted issuer, or an enrolled key", found);
    return null;
  }
  try {
    const { path, deadline, anchor } = await tpmKeyPath(key, certificates, purpose, keyPurpose, known, context);
    const isStray = (der) => !path.some((certificate) => sameBytes(certificate.der, der));
    if (exactPath && certificates.some(isStray)) throw new PathError("certificates of the path only", "another");
    checks.pass("tpm.ak-trust", path.map(({ subject }) => subject.text).join(" <- "));
    checks.limit(deadline);
    checks.notPerformed("tpm.ak-revocation", "makers of TPMs publish no lists that evidence could carry");
    return anchor.assurance;
  } catch (error) {
    if (!(error instanceof FieldError || error instanceof PathError)) throw error;
    checks.fail("tpm.ak-trust", error.expected, error.actual);
    return null;
  }
}

/** The path of a certificate that is about this very key and for this very purpose. Throws FieldError and PathError. */
async function tpmKeyPath(key, certificates, purpose, keyPurpose, known, context) {
  const [leaf, ...intermediates] = await parseCertificates(certificates);
  if (!sameBytes(leaf.key.spki, key.spki)) throw new PathError("a certificate of the attestation key", "one of another key");
  const purposes = leaf.extensions.extendedKeyUsage ?? [];
  if (keyPurpose !== null && !purposes.includes(keyPurpose)) {
    throw new PathError(`a certificate for ${keyPurpose}`, purposes.join(", ") || "for no purpose");
  }
  const anchors = [];
  for (const anchor of context.anchors.filter((other) => other.purpose === purpose)) {
    try {
      anchors.push({ anchor, certificate: await parseCertificate(anchor.certificate) });
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
    }
  }
  const understood = [...known, x509OIDs.subjectAlternativeName, x509OIDs.extendedKeyUsage];
  const roots = anchors.map(({ certificate }) => certificate);
  const { path, deadline } = await verifyPath(leaf, intermediates, roots, context.at, { known: understood });
  const root = path[path.length - 1];
  return { path, deadline, anchor: anchors.find(({ certificate }) => sameBytes(certificate.der, root.der)).anchor };
}

const pcrMeanings = [
  "firmware-code", "firmware-configuration", "option-roms", "option-rom-configuration", "boot-loader", "boot-loader-configuration",
  "platform-events", "secure-boot", "boot-commands", "boot-files", "ima", "uki", "kernel-parameters", "system-extensions",
  "safebox-code", "system-identity", "debug", "pcr17", "pcr18", "pcr19", "pcr20", "pcr21", "pcr22", "application",
];

/** The register of a name, or -1. */
function pcrIndexNamed(name) {
  const index = pcrMeanings.indexOf(name);
  if (index >= 0) return index;
  return /^pcr(?:[0-9]|1[0-9]|2[0-3])$/.test(name) ? Number(name.slice(3)) : -1;
}

/** bank, registers, clockSafe and since: the part of a policy that all kinds with a TPM share. Throws FieldError. */
function readQuotePolicy(reader) {
  const bank = reader.string("bank", 16);
  if (!["sha256", "sha384", "sha512"].includes(bank)) throw new FieldError(reader.at("bank"), "sha256, sha384 or sha512", kindOf(bank));
  const registers = tpmReadPolicyRegisters(reader.value("registers"), bank, reader.at("registers"));
  const safe = reader.value("clockSafe");
  if (safe !== true && safe !== "any") throw new FieldError(reader.at("clockSafe"), "true or any", kindOf(safe));
  let since = null;
  if (reader.value("since") !== "any") {
    const member = reader.reader("since");
    since = {
      clock: member.integer("clock"),
      resetCount: member.integer("resetCount", 0, 0xffffffff),
      restartCount: member.integer("restartCount", 0, 0xffffffff),
      sameBoot: member.typed("sameBoot", (v) => typeof v === "boolean", "true or false"),
    };
    member.finish();
  }
  return { bank, registers, demandsSafeClock: safe === true, since };
}

/** Map of index to accepted values in hexadecimal, or to null for "any"; null where all of it is "any". */
function tpmReadPolicyRegisters(json, bank, path) {
  if (json === "any") return null;
  if (!(json instanceof Map) || json.size < 1 || json.size > 24) {
    throw new FieldError(path, "any, or an object of 1 to 24 registers", kindOf(json));
  }
  const registers = new Map();
  for (const [name, values] of json) {
    const index = pcrIndexNamed(name);
    if (index < 0 || registers.has(index)) {
      throw new FieldError(path, "each register once, by its meaning or as pcr0 to pcr23", kindOf(name));
    }
    const isValue = (value) => typeof value === "string" && decodeHex(value)?.length === tpmHashBytes[bank];
    if (values !== "any" && !(Array.isArray(values) && values.length >= 1 && values.length <= 64 && values.every(isValue))) {
      throw new FieldError(`${path}.${name}`, `any, or 1 to 64 values of ${tpmHashBytes[bank]} bytes in hexadecimal`, kindOf(values));
    }
    registers.set(index, values === "any" ? null : values);
  }
  return registers;
}

/** Why a later quote cannot come after the remembered one, or null. Counters go round: their difference counts. */
function tpmClockFault(since, { clock, resetCount, restartCount }) {
  const resets = (resetCount - since.resetCount) | 0;
  const restarts = (restartCount - since.restartCount) | 0;
  if (clock < BigInt(since.clock)) return `the clock went from ${since.clock} to ${clock}`;
  if (resets < 0) return `resetCount went from ${since.resetCount} to ${resetCount}`;
  if (resets === 0 && restarts < 0) return `restartCount went from ${since.restartCount} to ${restartCount}`;
  if (since.sameBoot && (resets !== 0 || restarts !== 0)) return "the machine was reset or resumed since";
  return null;
}

/** Demands and makes tpm.policy-bank, tpm.policy-registers, tpm.clock-safe and tpm.since of what verifyTPMQuote returned. */
function appraiseQuote(policy, { quote, banks }, checks) {
  checks.demand(["tpm.policy-bank", "tpm.policy-registers", "tpm.clock-safe", "tpm.since"]);
  const bank = banks.find((other) => other.bank === policy.bank);
  checks.require("tpm.policy-bank", bank !== undefined, policy.bank, banks.map((other) => other.bank).join(", "));
  if (policy.registers === null) {
    checks.waive("tpm.policy-registers", "the policy accepts any values of any registers");
  } else {
    const order = [...policy.registers.keys()].sort((a, b) => a - b);
    const value = (index) => (bank?.values.has(index) ? hex(bank.values.get(index)) : null);
    const differs = (index) => value(index) === null || !(policy.registers.get(index)?.includes(value(index)) ?? true);
    const different = order.filter(differs);
    const name = (index) => pcrMeanings[index];
    if (different.length === 0) checks.pass("tpm.policy-registers", order.map(name).join(", "));
    else {
      const expected = different.map((index) => `${name(index)} ${policy.registers.get(index)?.join(" or ") ?? "quoted"}`);
      checks.fail("tpm.policy-registers", expected.join(", "), different.map((index) => `${name(index)} ${value(index) ?? "not quoted"}`).join(", "));
    }
  }
  const clock = quote.clockInfo;
  if (policy.demandsSafeClock) {
    checks.require("tpm.clock-safe", clock.isSafe, "safe", clock.isSafe ? "safe" : "not safe: the TPM lost power before it saved its clock");
  } else {
    checks.waive("tpm.clock-safe", "the policy accepts any clock");
  }
  if (policy.since === null) return checks.waive("tpm.since", "the policy remembers no earlier quote");
  const fault = tpmClockFault(policy.since, clock);
  if (fault !== null) checks.fail("tpm.since", "a quote after the remembered one", fault);
  else checks.pass("tpm.since", `clock ${clock.clock}, ${clock.resetCount} resets, ${clock.restartCount} restarts`);
}

const tpmHierarchies = [["owner", 0x40000001], ["endorsement", 0x4000000b], ["platform", 0x4000000c], ["null", 0x40000007]];

/** The digest over a key's name and those of all its ancestors. */
async function tpmQualifiedName(area, ancestors) {
  const name = await tpmKeyName(area);
  const digest = await tpmDigest(area.nameAlgorithm, concat(ancestors, decodeHex(name)));
  return concat(decodeHex(name.slice(0, 4)), digest);
}

/** Demands and makes tpm.ak-name: the quote names its signer with all ancestors. `parent` is a public area or null. */
async function verifyTPMKeyName({ area, name }, parent, context, verified, checks) {
  checks.demand(["tpm.ak-name"]);
  if (parent === null && context.enrolled.has(name)) return checks.require("tpm.ak-name", true, "", "enrolled by this name");
  const signer = verified.quote.qualifiedSigner;
  for (const [hierarchy, handle] of tpmHierarchies) {
    const root = Uint8Array.of(handle >>> 24, 0, 0, handle & 0xff);
    const ancestors = parent === null ? root : await tpmQualifiedName(parent, root);
    if (sameBytes(await tpmQualifiedName(area, ancestors), signer)) {
      return checks.require("tpm.ak-name", true, "", `${parent === null ? "a primary key" : "below a primary key"} of the ${hierarchy} hierarchy`);
    }
  }
  return checks.require("tpm.ak-name", false, `the qualified name ${hex(signer)}`, `${name} ${parent === null ? "as a primary key" : "below the parent given"}`);
}

async function tpmVerifyParentedName(found, parent, context, verified, checks) {
  checks.demand(["tpm.ak-name"]);
  if (found.area === null) return checks.fail("tpm.ak-name", "a public area below the parent given", "a bare key");
  try {
    const area = parent === null ? null : await parseTPMPublic(parent, "akParent");
    await verifyTPMKeyName(found, area, context, verified, checks);
  } catch (error) {
    tpmFail(checks, "tpm.ak-name", error);
  }
}

function readTPMEvidence(reader) {
  const key = reader.has("akPublic") ? readBase64(reader, "akPublic", 1538) : null;
  const parent = reader.has("akParent") ? readBase64(reader, "akParent", 1538) : null;
  return {
    key,
    parent,
    certificates: readCertificates(reader, "akCertificates"),
    quote: readBase64(reader, "quote", 1024),
    signature: readBase64(reader, "signature", 1040),
    pcrs: readPCRBanks(reader.value("pcrs"), reader.at("pcrs")),
    logs: readMeasurementLogs(reader),
  };
}

/** Makes tpm.ak: { area } of a public area or { area: null } of a bare key, with the key { type, spki }; or null. */
async function tpmReadKey(bytes, checks) {
  if (bytes === null) {
    checks.fail("tpm.ak", "akPublic", "absent");
    return null;
  }
  try {
    if (bytes[0] === 0x30) {
      const key = await importCertificateKey(bytes);
      checks.pass("tpm.ak", `a bare ${key.type} key`);
      return { area: null, key, name: null };
    }
    const area = await parseTPMPublic(bytes);
    const name = await tpmKeyName(area);
    checks.pass("tpm.ak", `${area.key.type}, ${name}`);
    return { area, key: area.key, name };
  } catch (error) {
    tpmFail(checks, "tpm.ak", error);
    return null;
  }
}

async function verifyTPMEvidence(evidence, context, checks) {
  checks.demand(["tpm.ak", "tpm.ak-trust", ...tpmQuoteChecks]);
  const found = await tpmReadKey(evidence.key, checks);
  if (found === null) return null;
  if (found.area !== null) verifyTPMAttributes(found.area, checks);
  else checks.notPerformed("tpm.ak-attributes", "the evidence has the bare key: only its certificate can say that it is an attestation key");
  const trust = { key: found.key, name: found.name, certificates: evidence.certificates, purpose: "tpm", exactPath: true };
  const assurance = await verifyTPMKeyTrust(trust, context, checks);
  let signature;
  try {
    signature = parseTPMSignature(evidence.signature);
  } catch (error) {
    tpmFail(checks, "tpm.signature", error);
    return null;
  }
  const { quote, pcrs } = evidence;
  const verified = await verifyTPMQuote({ quote, signature, key: found.key, pcrs, binding: context.binding }, checks);
  const bank = tpmMeasuredBank(verified);
  if (bank === undefined) return null;
  if (found.area !== null || evidence.parent !== null) await tpmVerifyParentedName(found, evidence.parent, context, verified, checks);
  const measurements = await verifyMeasurementLogs(evidence.logs, pcrMeasuredRegisters(bank), checks);
  if (!checks.holds || assurance === null) return null;
  return { assurance, registers: pcrRegisters(verified.banks), quote: verified, measurements, keyName: found.name };
}

/** A bank as the registers that verifyMeasurementLogs takes, once a quote over it is verified. */
function pcrMeasuredRegisters({ bank, values }) {
  return { family: "pcrs", bank, values };
}

/** The bank that logs are held against: SHA-256 where it is quoted, else the next. */
function tpmMeasuredBank(verified) {
  return verified?.banks.find(({ bank }) => bank !== "sha1");
}

evidenceKinds.tpm = {
  read: readTPMEvidence,
  verify: verifyTPMEvidence,
  readPolicy: (reader) => ({ quote: readQuotePolicy(reader), measurements: readMeasurementPolicy(reader) }),
  async appraise(policy, claims, checks) {
    appraiseQuote(policy.quote, claims.quote, checks);
    await appraiseMeasurements(policy.measurements, claims.measurements, checks);
  },
};
