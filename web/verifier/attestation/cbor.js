// Strict CBOR and messages of COSE with one signature of ES384, as Sources/Attestation/Reading reads them.

const cborLimits = { depth: 8, items: 4096 };
const coseLimits = { bytes: 24 << 10, payloadBytes: 16 << 10 };
/** {1: -35}: the algorithm is ES384. */
const coseProtectedHeader = Uint8Array.of(0xa1, 0x01, 0x38, 0x22);

/**
 * Reads one data item, which is all of the bytes: { type, value }, type "unsigned", "negative", "tagged" (BigInt; a tag has `content` too),
 * "bytes", "text", "array" (of items), "map" (of [key, value] pairs), "bool" or "null". `allowsIndefiniteMap` lets the outermost item be a
 * map without a size. Throws FieldError.
 */
function readCBOR(bytes, path, allowsIndefiniteMap = false) {
  const reader = new CBORReader(bytes, path, allowsIndefiniteMap);
  const item = reader.item(0);
  reader.reader.finish();
  return item;
}

class CBORReader {
  items = 0;

  constructor(bytes, path, allowsIndefiniteMap) {
    this.bytes = bytes;
    this.path = path;
    this.reader = new ByteReader(bytes, path);
    this.allowsIndefiniteMap = allowsIndefiniteMap;
  }

  refuse(expected, actual) {
    throw new FieldError(this.path, expected, `${actual}, before byte ${this.reader.offset}`);
  }

  item(depth) {
    if (depth > cborLimits.depth) this.refuse(`at most ${cborLimits.depth} levels`, "more");
    if (++this.items > cborLimits.items) this.refuse(`at most ${cborLimits.items} items`, "more");
    const head = this.reader.big(1, "item");
    const major = head >> 5;
    const information = head & 31;
    if (head === 0xbf && depth === 0 && this.allowsIndefiniteMap) return { type: "map", value: this.pairs(null, depth) };
    if (major === 7) return this.simple(information);
    const argument = this.argument(information);
    if (major === 0) return { type: "unsigned", value: argument };
    if (major === 1) return { type: "negative", value: argument };
    if (major === 2) return { type: "bytes", value: this.string(argument) };
    if (major === 3) {
      const value = fromUTF8(this.string(argument));
      if (value === null) this.refuse("UTF-8", "other bytes");
      return { type: "text", value };
    }
    if (major === 4) {
      const value = [];
      for (let left = this.count(argument, 1); left > 0; left--) value.push(this.item(depth + 1));
      return { type: "array", value };
    }
    if (major === 5) return { type: "map", value: this.pairs(this.count(argument, 2), depth) };
    return { type: "tagged", value: argument, content: this.item(depth + 1) };
  }

  /** The pairs of a map; without a count, up to the break. One value has one encoding here, so bytes decide whether two keys are equal. */
  pairs(count, depth) {
    const pairs = [];
    const keys = new Set();
    for (;;) {
      if (count === null ? this.endsHere() : pairs.length === count) return pairs;
      const start = this.reader.offset;
      const key = this.item(depth + 1);
      const spelling = hex(this.bytes.subarray(start, this.reader.offset));
      if (keys.has(spelling)) this.refuse("each key once", "one twice");
      keys.add(spelling);
      pairs.push([key, this.item(depth + 1)]);
    }
  }

  endsHere() {
    if (this.reader.remaining > 0 && this.bytes[this.reader.offset] !== 0xff) return false;
    this.reader.take(1, "item");
    return true;
  }

  simple(information) {
    if (information === 20 || information === 21) return { type: "bool", value: information === 21 };
    if (information === 22) return { type: "null", value: null };
    return this.refuse("false, true or null", `simple value or float ${information}`);
  }

  /** The number that follows the head, never in more bytes than it needs. */
  argument(information) {
    if (information < 24) return BigInt(information);
    if (information > 27) this.refuse("a definite length", "an indefinite or a reserved one");
    const bytes = this.reader.take(1 << (information - 24), "item");
    const value = BigInt(`0x${hex(bytes)}`);
    const least = information === 24 ? 24n : 1n << BigInt(4 << (information - 24));
    if (value < least) this.refuse("numbers in their shortest form", `${value} in a longer one`);
    return value;
  }

  count(argument, size) {
    const most = Math.floor(this.reader.remaining / size);
    if (argument > BigInt(most)) this.refuse(`at most ${most} elements`, `${argument}`);
    return Number(argument);
  }

  string(argument) {
    return this.reader.take(this.count(argument, 1), "item");
  }
}

/** Reads COSE_Sign1 with or without its tag: { payload, signature (r‖s), signedBytes }. Throws FieldError. */
function readCOSESign1(bytes, path = "document") {
  if (bytes.length > coseLimits.bytes) throw new FieldError(path, `at most ${coseLimits.bytes} bytes`, `${bytes.length} bytes`);
  let item = readCBOR(bytes, path);
  if (item.type === "tagged" && item.value === 18n) item = item.content;
  if (item.type !== "array" || item.value.length !== 4) throw new FieldError(path, "COSE_Sign1, an array of 4", item.type);
  const [header, unprotected, payload, signature] = item.value;
  if (header.type !== "bytes" || !sameBytes(header.value, coseProtectedHeader)) {
    throw new FieldError(`${path}.protected`, `${hex(coseProtectedHeader)}, ES384 and nothing else`, header.type);
  }
  if (unprotected.type !== "map" || unprotected.value.length !== 0) throw new FieldError(`${path}.unprotected`, "an empty map", unprotected.type);
  if (payload.type !== "bytes" || payload.value.length < 1 || payload.value.length > coseLimits.payloadBytes) {
    throw new FieldError(`${path}.payload`, `1 to ${coseLimits.payloadBytes} bytes`, payload.type);
  }
  if (signature.type !== "bytes" || signature.value.length !== 96) throw new FieldError(`${path}.signature`, "96 bytes", signature.type);
  const count = payload.value.length;
  const head = count < 24 ? [0x40 | count] : count < 256 ? [0x58, count] : [0x59, count >> 8, count & 0xff];
  // Sig_structure: the context, the protected header, no external data, the payload.
  const signedBytes = concat(Uint8Array.of(0x84, 0x6a), utf8("Signature1"), Uint8Array.of(0x44), coseProtectedHeader, Uint8Array.of(0x40, ...head), payload.value);
  return { payload: payload.value, signature: signature.value, signedBytes };
}
