// ECDSA P-256 and Ed25519 by WebCrypto. Nothing here is a primitive of our own; the DER reader only re-spells.

const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const p256Prefix = Uint8Array.from([
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
  0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
]);

/** A P-256 key from the one SPKI DER spelling that is accepted, or null. importKey refuses points off the curve. */
async function importP256(spki) {
  if (spki.length !== 91 || !sameBytes(spki.subarray(0, 27), p256Prefix)) return null;
  try {
    return await crypto.subtle.importKey("spki", spki, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  } catch {
    return null;
  }
}

/** Strict DER of an ECDSA signature as r‖s, or null: short lengths, minimal positive integers, nothing after. */
function signatureFromDER(der) {
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const whole = new Uint8Array(64);
  let offset = 2;
  for (const end of [32, 64]) {
    if (der[offset] !== 0x02) return null;
    const length = der[offset + 1];
    const start = offset + 2;
    if (!(length >= 1 && length <= 33) || start + length > der.length) return null;
    let integer = der.subarray(start, start + length);
    if (integer[0] & 0x80) return null;
    if (integer[0] === 0 && length > 1) {
      if (!(integer[1] & 0x80)) return null;
      integer = integer.subarray(1);
    }
    if (integer.length > 32) return null;
    whole.set(integer, end - integer.length);
    offset = start + length;
  }
  return offset === der.length ? whole : null;
}

/** r and s within [1, n-1]; either S is accepted, because passkeys emit both. */
function isSignatureInRange(signature) {
  const r = BigInt(`0x${hex(signature.subarray(0, 32))}`);
  const s = BigInt(`0x${hex(signature.subarray(32))}`);
  return r > 0n && r < p256Order && s > 0n && s < p256Order;
}

async function verifyP256(key, signature, message) {
  if (signature === null || signature.length !== 64 || !isSignatureInRange(signature)) return false;
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, message);
}

/** True or false, or null where this browser has no Ed25519 (before Safari 17, Firefox 129, Chrome 137). */
async function verifyEd25519(publicKey, signature, message) {
  let key;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    return error.name === "NotSupportedError" ? null : false;
  }
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
}
