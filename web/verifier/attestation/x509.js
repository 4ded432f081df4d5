// Strict DER, certificates, revocation lists and paths, as Sources/Cryptography/X509 reads them. Keys are WebCrypto's.

/** DER read element by element: shortest definite lengths, minimal integers, nothing after the last field. Throws FieldError. */
class DERReader {
  position = 0;

  /** Callers bound the bytes, and open levels by name: neither their number nor their depth is the document's choice. */
  constructor(bytes, path = "") {
    this.bytes = bytes;
    this.path = path;
  }

  get isAtEnd() {
    return this.position === this.bytes.length;
  }

  /** The tag of the next element, or null at the end. */
  get peekTag() {
    return this.isAtEnd ? null : this.bytes[this.position];
  }

  at(field) {
    return this.path === "" ? field : `${this.path}.${field}`;
  }

  refuse(field, expected, actual = "something else") {
    throw new FieldError(this.at(field), expected, actual);
  }

  finish() {
    if (!this.isAtEnd) throw new FieldError(this.path, "nothing more", `${this.bytes.length - this.position} further bytes`);
  }

  #next(field) {
    if (this.isAtEnd) this.refuse(field, "an element", "its end");
    return this.bytes[this.position++];
  }

  /** Any element: { tag, content, encoded }. */
  any(field) {
    const start = this.position;
    const tag = this.#next(field);
    if ((tag & 0x1f) === 0x1f) this.refuse(field, "a tag number below 31");
    let length = this.#next(field);
    if (length >= 0x80) {
      // 0x80, the indefinite length of BER, has no digits and comes out as zero below.
      const digits = length & 0x7f;
      length = 0;
      for (let index = 0; index < digits; index++) {
        const byte = this.#next(field);
        if (index === 0 && byte === 0) this.refuse(field, "a length in its shortest form");
        length = length * 256 + byte;
      }
      if (length < 0x80) this.refuse(field, "a length in its shortest form");
    }
    if (length > this.bytes.length - this.position) this.refuse(field, `${length} bytes`, `${this.bytes.length - this.position} bytes`);
    const content = this.bytes.subarray(this.position, this.position + length);
    this.position += length;
    return { tag, content, encoded: this.bytes.subarray(start, this.position) };
  }

  tagged(tag, field) {
    if (this.peekTag !== tag) this.refuse(field, `tag ${tag}`, this.isAtEnd ? "its end" : `tag ${this.peekTag}`);
    return this.any(field);
  }

  element(tag, field) {
    return this.tagged(tag, field).content;
  }

  inner(content, field) {
    return new DERReader(content, this.at(field));
  }

  constructed(tag, field) {
    return this.inner(this.element(tag, field), field);
  }

  sequence(field) {
    return this.constructed(0x30, field);
  }

  /** A reader of [number] EXPLICIT, or null where the next element is another. */
  optionalExplicit(number, field) {
    return this.peekTag === (0xa0 | number) ? this.constructed(0xa0 | number, field) : null;
  }

  #minimal(tag, field) {
    const content = this.element(tag, field);
    if (content.length === 0) this.refuse(field, "an integer", "nothing");
    const second = content.length > 1 ? content[1] & 0x80 : null;
    if ((content[0] === 0 && second === 0) || (content[0] === 0xff && second === 0x80)) this.refuse(field, "an integer in its shortest form");
    return content;
  }

  /** The magnitude of a non-negative INTEGER; zero is one zero byte. */
  magnitude(field, maxBytes = 1024) {
    const content = this.#minimal(0x02, field);
    if (content[0] & 0x80) this.refuse(field, "an integer that is not negative");
    const digits = content[0] === 0 && content.length > 1 ? content.subarray(1) : content;
    if (digits.length > maxBytes) this.refuse(field, `an integer of at most ${maxBytes} bytes`, `${digits.length} bytes`);
    return digits;
  }

  /** An INTEGER, or ENUMERATED where `tag` says so, of the range, within 48 bits. */
  integer(field, min, max, tag = 0x02) {
    const content = this.#minimal(tag, field);
    const value = content.length > 6 ? null : content.reduce((sum, byte) => sum * 256 + byte, content[0] & 0x80 ? -1 : 0);
    if (value === null || value < min || value > max) this.refuse(field, `${min} to ${max}`);
    return value;
  }

  boolean(field) {
    const content = this.element(0x01, field);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) this.refuse(field, "00 or ff");
    return content[0] === 0xff;
  }

  /** A BOOLEAN with DEFAULT FALSE, which is left out where it is false. */
  optionalTrue(field) {
    if (this.peekTag !== 0x01) return false;
    if (!this.boolean(field)) this.refuse(field, "a default value that is left out");
    return true;
  }

  null(field) {
    if (this.element(0x05, field).length !== 0) this.refuse(field, "NULL");
  }

  /** An object identifier, with dots. */
  objectIdentifier(field) {
    const content = this.element(0x06, field);
    if (content.length < 1 || content.length > 64) this.refuse(field, "1 to 64 bytes", `${content.length} bytes`);
    const arcs = [];
    let value = 0n;
    let digits = 0;
    for (const byte of content) {
      if (digits === 0 && byte === 0x80) this.refuse(field, "numbers in their shortest form");
      if (++digits > 9) this.refuse(field, "numbers of at most 63 bits");
      value = value * 128n + BigInt(byte & 0x7f);
      if (byte & 0x80) continue;
      if (arcs.length === 0) {
        const first = value < 80n ? value / 40n : 2n;
        arcs.push(first, value - first * 40n);
      } else {
        arcs.push(value);
      }
      value = 0n;
      digits = 0;
    }
    if (digits !== 0) this.refuse(field, "whole numbers");
    return arcs.join(".");
  }

  octetString(field) {
    return this.element(0x04, field);
  }

  bitString(field) {
    const content = this.element(0x03, field);
    if (content.length === 0 || content[0] !== 0) this.refuse(field, "a bit string of whole bytes");
    return content.subarray(1);
  }

  /** A BIT STRING of named bits as a number, the first bit lowest. */
  namedBits(field) {
    const content = this.element(0x03, field);
    if (content.length < 1 || content.length > 5 || content[0] > 7) this.refuse(field, "a string of named bits");
    if (content.length === 1) {
      if (content[0] !== 0) this.refuse(field, "no unused bits");
      return 0;
    }
    if (content[content.length - 1] & ((1 << content[0]) - 1)) this.refuse(field, "unused bits that are zero");
    let bits = 0;
    content.subarray(1).forEach((byte, index) => {
      for (let bit = 0; bit < 8; bit++) if (byte & (0x80 >> bit)) bits += 2 ** (index * 8 + bit);
    });
    return bits;
  }

  /** UTCTime for 1950 to 2049, GeneralizedTime for other years, as Unix milliseconds. */
  time(field) {
    const { tag, content } = this.any(field);
    const text = String.fromCharCode(...content.subarray(0, 16));
    const match = tag === 0x17 ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) : tag === 0x18 ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) : null;
    if (match === null) this.refuse(field, "a time in UTC to the second");
    let [year, month, day, hour, minute, second] = match.slice(1).map(Number);
    if (tag === 0x17) year += year < 50 ? 2000 : 1900;
    else if (year >= 1950 && year <= 2049) this.refuse(field, "a year that UTCTime does not have");
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    date.setUTCHours(hour, minute, second);
    const same = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
    if (!same || hour > 23 || minute > 59 || second > 59) this.refuse(field, "a date of the calendar");
    return date.getTime();
  }
}

const derTag = { boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, objectIdentifier: 0x06, enumerated: 0x0a, utf8String: 0x0c, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, set: 0x31 };

const x509OIDs = {
  commonName: "2.5.4.3", subjectKeyIdentifier: "2.5.29.14", keyUsage: "2.5.29.15", subjectAlternativeName: "2.5.29.17",
  basicConstraints: "2.5.29.19", crlNumber: "2.5.29.20", authorityKeyIdentifier: "2.5.29.35", extendedKeyUsage: "2.5.29.37",
};

const x509KeyUsage = {
  digitalSignature: 1, contentCommitment: 2, keyEncipherment: 4, dataEncipherment: 8, keyAgreement: 16, keyCertSign: 32, crlSign: 64,
};

const x509Hashes = { "2.16.840.1.101.3.4.2.1": "SHA-256", "2.16.840.1.101.3.4.2.2": "SHA-384", "2.16.840.1.101.3.4.2.3": "SHA-512" };
const x509HashBytes = { "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };
const x509Signatures = {
  "1.2.840.10045.4.3.2": { type: "ecdsa", hash: "SHA-256" }, "1.2.840.10045.4.3.3": { type: "ecdsa", hash: "SHA-384" },
  "1.2.840.10045.4.3.4": { type: "ecdsa", hash: "SHA-512" }, "1.2.840.113549.1.1.11": { type: "rsa-pkcs1", hash: "SHA-256" },
  "1.2.840.113549.1.1.12": { type: "rsa-pkcs1", hash: "SHA-384" }, "1.2.840.113549.1.1.13": { type: "rsa-pkcs1", hash: "SHA-512" },
};

/** How something is signed: { type: "ecdsa" | "rsa-pkcs1" | "rsa-pss", hash }. `reader` reads the content of an AlgorithmIdentifier. */
function readSignatureAlgorithm(reader) {
  const identifier = reader.objectIdentifier("algorithm");
  let algorithm = x509Signatures[identifier];
  if (algorithm?.type === "rsa-pkcs1") reader.null("parameters");
  if (identifier === "1.2.840.113549.1.1.10") algorithm = { type: "rsa-pss", hash: readPSSHash(reader) };
  if (algorithm === undefined) reader.refuse("algorithm", "a signature algorithm that is accepted", identifier);
  reader.finish();
  return algorithm;
}

/** RSASSA-PSS-params: one hash for message and mask, a salt as long as it; the defaults are SHA-1, so all of it is written out. */
function readPSSHash(reader) {
  const digest = (from, field) => {
    const algorithm = from.sequence(field);
    const hash = x509Hashes[algorithm.objectIdentifier("algorithm")];
    if (hash === undefined) algorithm.refuse("algorithm", "a hash that is accepted");
    if (!algorithm.isAtEnd) algorithm.null("parameters");
    algorithm.finish();
    return hash;
  };
  const parameters = reader.sequence("parameters");
  let field = parameters.constructed(0xa0, "hash");
  const hash = digest(field, "hash");
  field.finish();
  field = parameters.constructed(0xa1, "mask");
  const mask = field.sequence("mask");
  if (mask.objectIdentifier("algorithm") !== "1.2.840.113549.1.1.8") mask.refuse("algorithm", "MGF1");
  if (digest(mask, "hash") !== hash) mask.refuse("hash", "the hash of the message");
  mask.finish();
  field.finish();
  field = parameters.constructed(0xa2, "salt");
  field.integer("length", x509HashBytes[hash], x509HashBytes[hash]);
  field.finish();
  field = parameters.optionalExplicit(3, "trailer");
  if (field !== null) {
    field.integer("field", 1, 1);
    field.finish();
  }
  parameters.finish();
  return hash;
}

/** The key of a SubjectPublicKeyInfo: { type: "p256" | "p384" | "rsa", spki, bits }. Points off the curve are refused. Throws FieldError. */
async function importCertificateKey(spki) {
  const document = new DERReader(spki, "SubjectPublicKeyInfo");
  const fields = document.sequence("key");
  const algorithm = fields.sequence("algorithm");
  const identifier = algorithm.objectIdentifier("algorithm");
  const key = { spki };
  if (identifier === "1.2.840.10045.2.1") {
    const curve = algorithm.objectIdentifier("parameters");
    if (curve === "1.2.840.10045.3.1.7") key.type = "p256";
    else if (curve === "1.3.132.0.34") key.type = "p384";
    else algorithm.refuse("parameters", "P-256 or P-384", curve);
    key.bits = key.type === "p256" ? 256 : 384;
    key.point = fields.bitString("point");
    if (key.point.length !== 1 + key.bits / 4 || key.point[0] !== 4) fields.refuse("point", "an uncompressed point");
  } else if (identifier === "1.2.840.113549.1.1.1") {
    algorithm.null("parameters");
    key.type = "rsa";
    const numbers = new DERReader(fields.bitString("key"), "SubjectPublicKeyInfo.key");
    const pair = numbers.sequence("numbers");
    const modulus = pair.magnitude("modulus");
    const exponent = pair.magnitude("exponent");
    pair.finish();
    numbers.finish();
    key.bits = modulus.length * 8 - Math.clz32(modulus[0]) + 24;
    if (key.bits < 2048 || key.bits > 8192) fields.refuse("modulus", "2048 to 8192 bits", `${key.bits} bits`);
    const value = exponent.reduce((sum, byte) => sum * 256 + byte, 0);
    if (exponent.length > 4 || value < 65537 || value % 2 === 0) fields.refuse("exponent", "odd, 65537 to 2^32 - 1");
  } else {
    algorithm.refuse("algorithm", "P-256, P-384 or RSA", identifier);
  }
  algorithm.finish();
  fields.finish();
  document.finish();
  try {
    if (key.type === "rsa") await crypto.subtle.importKey("spki", spki, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, false, ["verify"]);
    else key.handle = await crypto.subtle.importKey("spki", spki, { name: "ECDSA", namedCurve: `P-${key.bits}` }, false, ["verify"]);
  } catch {
    throw new FieldError("SubjectPublicKeyInfo", "a key", "a point that is not on the curve, or no key");
  }
  return key;
}

/** Whether a signature, ECDSA in DER, belongs to the message. `algorithm` is { type, hash }. */
async function isValidSignature(key, signature, message, { type, hash }) {
  if (type === "ecdsa") {
    const plain = plainECDSA(signature, key.bits / 8);
    return plain !== null && verifyECDSA(key, plain, message, hash);
  }
  if (key.type !== "rsa" || signature.length !== Math.ceil(key.bits / 8)) return false;
  const name = type === "rsa-pss" ? "RSA-PSS" : "RSASSA-PKCS1-v1_5";
  const handle = await crypto.subtle.importKey("spki", key.spki, { name, hash }, false, ["verify"]);
  return crypto.subtle.verify({ name, saltLength: x509HashBytes[hash] }, handle, signature, message);
}

/** Whether r || s belongs to the message. */
async function verifyECDSA(key, signature, message, hash) {
  if (key.type === "rsa" || signature.length !== key.bits / 4) return false;
  return crypto.subtle.verify({ name: "ECDSA", hash }, key.handle, signature, message);
}

/** Strict DER of an ECDSA signature as r || s of `size` bytes each, or null. */
function plainECDSA(der, size) {
  try {
    const document = new DERReader(der, "signature");
    const pair = document.sequence("numbers");
    const whole = new Uint8Array(size * 2);
    for (const end of [size, size * 2]) {
      const number = pair.magnitude("number", size);
      if (number[0] === 0) return null;
      whole.set(number, end - number.length);
    }
    pair.finish();
    document.finish();
    return whole;
  } catch {
    return null;
  }
}

/** { der, attributes: [{ type, value }], commonName (null where there is not exactly one), text }. */
function readDistinguishedName(reader, field) {
  const { content, encoded } = reader.tagged(derTag.sequence, field);
  const names = reader.inner(content, field);
  const attributes = [];
  while (!names.isAtEnd) {
    const set = names.constructed(derTag.set, "name");
    do {
      const pair = set.sequence("attribute");
      const type = pair.objectIdentifier("type");
      const { tag, content: value } = pair.any("value");
      pair.finish();
      attributes.push({ type, value: [0x0c, 0x13, 0x14, 0x16].includes(tag) ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(value) : hex(value) });
      if (attributes.length > 32) names.refuse("attribute", "at most 32 attributes");
    } while (!set.isAtEnd);
  }
  const common = attributes.filter(({ type }) => type === x509OIDs.commonName).map(({ value }) => value);
  const others = attributes.filter(({ type }) => type !== x509OIDs.commonName).map(({ value }) => value);
  return { der: encoded, attributes, commonName: common.length === 1 ? common[0] : null, text: [...common, ...others].join(", ") || "(no name)" };
}

/** SEQUENCE OF Extension as { all: Map of { critical, value } by identifier, and those that are understood }. */
function readExtensions(reader, field) {
  const list = reader.sequence(field);
  const all = new Map();
  do {
    const fields = list.sequence("extension");
    const identifier = fields.objectIdentifier("identifier");
    const critical = fields.optionalTrue("critical");
    const value = fields.octetString("value");
    fields.finish();
    if (all.has(identifier)) list.refuse("extension", "each extension once", `${identifier} twice`);
    if (all.size >= 64) list.refuse("extension", "at most 64 extensions");
    all.set(identifier, { critical, value });
  } while (!list.isAtEnd);

  const understood = (name, body) => {
    const found = all.get(x509OIDs[name]);
    if (found === undefined) return null;
    const value = new DERReader(found.value, name);
    const read = body(value);
    value.finish();
    return read;
  };
  return {
    all,
    basicConstraints: understood("basicConstraints", (value) => {
      const fields = value.sequence("fields");
      const isAuthority = fields.optionalTrue("cA");
      if (!isAuthority && fields.peekTag === derTag.integer) fields.refuse("pathLength", "an authority");
      const pathLength = fields.peekTag === derTag.integer ? fields.integer("pathLength", 0, 255) : null;
      fields.finish();
      return { isAuthority, pathLength };
    }),
    keyUsage: understood("keyUsage", (value) => {
      const bits = value.namedBits("bits");
      if (bits === 0 || bits >= 512) value.refuse("bits", "a usage that is defined");
      return bits;
    }),
    extendedKeyUsage: understood("extendedKeyUsage", (value) => {
      const purposes = [];
      const fields = value.sequence("purposes");
      do {
        purposes.push(fields.objectIdentifier("purpose"));
        if (purposes.length > 32) fields.refuse("purpose", "at most 32 purposes");
      } while (!fields.isAtEnd);
      return purposes;
    }),
    subjectKeyIdentifier: understood("subjectKeyIdentifier", (value) => value.octetString("identifier")),
    authorityKeyIdentifier: understood("authorityKeyIdentifier", (value) => {
      const fields = value.sequence("fields");
      const identifier = fields.peekTag === 0x80 ? fields.element(0x80, "keyIdentifier") : null;
      if (fields.peekTag === 0xa1) {
        fields.element(0xa1, "authorityCertIssuer");
        fields.element(0x82, "authorityCertSerialNumber");
      }
      fields.finish();
      return identifier;
    }),
  };
}

const x509NoExtensions = { all: new Map(), basicConstraints: null, keyUsage: null, extendedKeyUsage: null, subjectKeyIdentifier: null, authorityKeyIdentifier: null };

/** The outer SEQUENCE of certificates and revocation lists. `readAlgorithm` refuses an inner algorithm that is another. */
function readSigned(der, path) {
  const document = new DERReader(der, path);
  const outer = document.sequence("signed");
  const body = outer.tagged(derTag.sequence, "tbs");
  const identifier = outer.tagged(derTag.sequence, "signatureAlgorithm");
  const signature = outer.bitString("signature");
  outer.finish();
  document.finish();
  const fields = document.inner(body.content, "tbs");
  const signatureAlgorithm = readSignatureAlgorithm(outer.inner(identifier.content, "signatureAlgorithm"));
  const readAlgorithm = () => {
    if (!sameBytes(fields.tagged(derTag.sequence, "signature").encoded, identifier.encoded)) fields.refuse("signature", "the algorithm of the signature");
  };
  return { tbs: body.encoded, signatureAlgorithm, signature, fields, readAlgorithm };
}

/**
 * Reads one certificate (version 3, at most 8192 bytes) and nothing after it. Throws FieldError. Proves nothing: verifyPath does.
 * { der, tbs, serialNumber, signatureAlgorithm, signature, issuer, subject, notBefore, notAfter (Unix ms), key, extensions }
 */
async function parseCertificate(der) {
  if (der.length > 8192) throw new FieldError("certificate", "at most 8192 bytes", `${der.length} bytes`);
  const { tbs, signatureAlgorithm, signature, fields, readAlgorithm } = readSigned(der, "certificate");
  const version = fields.constructed(0xa0, "version");
  version.integer("number", 2, 2);
  version.finish();
  const serialNumber = fields.magnitude("serialNumber", 20);
  readAlgorithm();
  const issuer = readDistinguishedName(fields, "issuer");
  if (issuer.attributes.length === 0) fields.refuse("issuer", "a name", "nothing");
  const validity = fields.sequence("validity");
  const notBefore = validity.time("notBefore");
  const notAfter = validity.time("notAfter");
  validity.finish();
  if (notBefore > notAfter) fields.refuse("validity", "an end after its beginning");
  const subject = readDistinguishedName(fields, "subject");
  const key = await importCertificateKey(fields.tagged(derTag.sequence, "subjectPublicKeyInfo").encoded);
  let extensions = x509NoExtensions;
  const list = fields.optionalExplicit(3, "extensions");
  if (list !== null) {
    extensions = readExtensions(list, "list");
    list.finish();
  }
  fields.finish();
  if (subject.attributes.length === 0 && extensions.all.get(x509OIDs.subjectAlternativeName)?.critical !== true) {
    fields.refuse("subject", "a name", "nothing");
  }
  return { der, tbs, serialNumber, signatureAlgorithm, signature, issuer, subject, notBefore, notAfter, key, extensions };
}

/** Reads certificates in order. Throws FieldError. */
async function parseCertificates(list) {
  const certificates = [];
  for (const der of list) certificates.push(await parseCertificate(der));
  return certificates;
}

/**
 * Reads one complete revocation list and nothing after it. Throws FieldError. The caller bounds its bytes, and so its entries.
 * { der, tbs, signatureAlgorithm, signature, issuer, thisUpdate, nextUpdate (Unix ms), number, contains(serialNumber) }
 */
function parseCRL(der) {
  const { tbs, signatureAlgorithm, signature, fields, readAlgorithm } = readSigned(der, "revocationList");
  fields.integer("version", 1, 1);
  readAlgorithm();
  const issuer = readDistinguishedName(fields, "issuer");
  if (issuer.attributes.length === 0) fields.refuse("issuer", "a name", "nothing");
  const thisUpdate = fields.time("thisUpdate");
  if (fields.peekTag !== derTag.utcTime && fields.peekTag !== derTag.generalizedTime) fields.refuse("nextUpdate", "a time");
  const nextUpdate = fields.time("nextUpdate");
  if (thisUpdate > nextUpdate) fields.refuse("nextUpdate", "a time after this update");
  const critical = (extensions) => [...extensions.all].find(([, extension]) => extension.critical);
  const revoked = new Set();
  if (fields.peekTag === derTag.sequence) {
    const list = fields.sequence("revoked");
    do {
      const entry = list.sequence("entry");
      revoked.add(hex(entry.magnitude("serialNumber", 20)));
      entry.time("date");
      if (!entry.isAtEnd && critical(readExtensions(entry, "extensions"))) entry.refuse("extensions", "no critical extension");
      entry.finish();
    } while (!list.isAtEnd);
  }
  let extensions = x509NoExtensions;
  const list = fields.optionalExplicit(0, "extensions");
  if (list !== null) {
    extensions = readExtensions(list, "list");
    list.finish();
  }
  fields.finish();
  if (critical(extensions)) fields.refuse("extensions", "no critical extension");
  let number = null;
  const found = extensions.all.get(x509OIDs.crlNumber);
  if (found !== undefined) {
    const value = new DERReader(found.value, "cRLNumber");
    number = value.magnitude("number", 20);
    value.finish();
  }
  return {
    der, tbs, signatureAlgorithm, signature, issuer, thisUpdate, nextUpdate, number,
    contains: (serialNumber) => revoked.has(hex(serialNumber)),
  };
}

/** Whether the key of another certificate has signed a certificate or revocation list. Says nothing of whether it may. */
async function isSignedBy(signed, issuer) {
  return isValidSignature(issuer.key, signed.signature, signed.tbs, signed.signatureAlgorithm);
}

/** Why there is no path from a certificate to an anchor. */
class PathError extends Error {
  constructor(expected, actual) {
    super(`expected ${expected}, found ${actual}`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** Holds a revocation list against the verified certificate of its issuer and the time. Returns until when it holds. Throws PathError. */
async function verifyCRL(list, issuer, at) {
  if (!sameBytes(list.issuer.der, issuer.subject.der)) throw new PathError(`a revocation list of ${issuer.subject.text}`, list.issuer.text);
  const usage = issuer.extensions.keyUsage;
  if (usage !== null && !(usage & x509KeyUsage.crlSign)) throw new PathError(`${issuer.subject.text} to be for cRLSign`, "other uses only");
  if (!(await isSignedBy(list, issuer))) throw new PathError(`the signature of ${issuer.subject.text} on its revocation list`, "no valid signature");
  if (at < list.thisUpdate) throw new PathError(`a revocation list valid from ${list.thisUpdate}`, `judged at ${at}`);
  if (at > list.nextUpdate) throw new PathError(`a revocation list valid until ${list.nextUpdate}`, `judged at ${at}`);
  return list.nextUpdate;
}

/**
 * Verifies the path from a leaf over any of the intermediates to one of the anchors (all from parseCertificate), as
 * Sources/Cryptography/X509/CertificatePath.swift does. Returns { path, deadline }. Throws PathError.
 */
async function verifyPath(leaf, intermediates, anchors, at, { known = [], leafUsage = x509KeyUsage.digitalSignature, maxDepth = 8 } = {}) {
  const understood = new Set([...known, x509OIDs.basicConstraints, x509OIDs.keyUsage]);
  let signatureChecks = 0;

  function admit(certificate) {
    const name = certificate.subject.text;
    if (at < certificate.notBefore) throw new PathError(`${name}, valid from ${certificate.notBefore}`, `judged at ${at}`);
    if (at > certificate.notAfter) throw new PathError(`${name}, valid until ${certificate.notAfter}`, `judged at ${at}`);
    for (const [identifier, { critical }] of certificate.extensions.all) {
      if (critical && !understood.has(identifier)) throw new PathError(`${name} without critical extensions that are not understood`, identifier);
    }
  }

  function admitIssuer(issuer, below) {
    admit(issuer);
    const { basicConstraints, keyUsage } = issuer.extensions;
    if (!basicConstraints?.isAuthority) throw new PathError(`${issuer.subject.text} to be an authority`, "it is none");
    const { pathLength } = basicConstraints;
    if (pathLength !== null && below > pathLength) throw new PathError(`at most ${pathLength} intermediate certificates below ${issuer.subject.text}`, "more");
    if (keyUsage !== null && !(keyUsage & x509KeyUsage.keyCertSign)) throw new PathError(`${issuer.subject.text} to be for keyCertSign`, "other uses only");
  }

  async function extend(chain, below) {
    const last = chain[chain.length - 1];
    let fault = null;
    if (chain.length >= maxDepth) throw new PathError(`at most ${maxDepth - 2} intermediate certificates below ${last.issuer.text}`, "more");
    for (const [index, issuer] of [...anchors, ...intermediates].entries()) {
      if (!sameBytes(issuer.subject.der, last.issuer.der)) continue;
      const isAnchor = index < anchors.length;
      if (!isAnchor && chain.some((certificate) => sameBytes(certificate.der, issuer.der))) continue;
      try {
        admitIssuer(issuer, below);
        if (++signatureChecks > 64) throw new PathError("at most 64 signatures", "more");
        if (!(await isSignedBy(last, issuer))) throw new PathError(`the signature of ${issuer.subject.text} on ${last.subject.text}`, "no valid signature");
        if (isAnchor) return [...chain, issuer];
        const isSelfIssued = sameBytes(issuer.subject.der, issuer.issuer.der);
        return await extend([...chain, issuer], below + (isSelfIssued ? 0 : 1));
      } catch (error) {
        if (!(error instanceof PathError)) throw error;
        fault ??= error;
      }
    }
    throw fault ?? new PathError(`the issuer of ${last.subject.text}: ${last.issuer.text}`, "no certificate of that name");
  }

  admit(leaf);
  const usage = leaf.extensions.keyUsage;
  if (usage !== null && (usage & leafUsage) !== leafUsage) throw new PathError(`${leaf.subject.text} to be for ${leafUsage}`, `${usage}`);
  const path = await extend([leaf], 0);
  return { path, deadline: Math.min(...path.map(({ notAfter }) => notAfter)) };
}
