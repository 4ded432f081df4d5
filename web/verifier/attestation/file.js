// Evidence that comes by itself, and a box's answer to a nonce.

const answerFormat = "safebox-attestation/v1";

/** The JSON of evidence or of an answer; null for any other file. */
function parseEvidenceFile(bytes) {
  let json;
  try {
    json = parseJSON(bytes, receiptLimits);
  } catch (error) {
    if (error instanceof JSONError) return null;
    throw error;
  }
  const format = formatOf(json);
  return format === "safebox-evidence/v1" || format === answerFormat ? { bytes, format } : null;
}

/** What an answer's evidence must have been made for: the identity's binding, and the nonce. */
async function answerBinding(identity, nonce) {
  const binding = hex(await sha256(utf8(canonical(identity.bound))));
  return sha256(utf8(canonical(object({ format: answerFormat, identity: binding, nonce: hex(nonce) }))));
}

/**
 * Holds evidence, or an answer, against a policy. `nonce`: the bytes that the reader asked with, or null for any; of an answer the
 * keys in it are bound all the same. `at` in Unix milliseconds. Returns { verdict, kind, checks, deadline }; a file that cannot be
 * read fails the check `form`.
 */
async function verifyEvidenceFile(file, policy, { nonce, at }) {
  let evidence;
  let binding = nonce;
  try {
    const json = parseJSON(file.bytes, evidenceLimits);
    if (file.format === answerFormat) {
      const reader = new FieldReader(json, "");
      reader.string("format", 64);
      const own = readHex(reader, "nonce", 16, 64);
      const identity = readBoxIdentity(reader.value("identity"), "identity");
      evidence = readEvidence(reader.value("evidence"));
      reader.finish();
      binding = await answerBinding(identity, nonce ?? own);
    } else {
      evidence = readEvidence(json);
    }
  } catch (error) {
    if (!(error instanceof FieldError || error instanceof JSONError)) throw error;
    const [expected, actual] = error instanceof FieldError ? [`${error.field}: ${error.expected}`, error.actual] : ["strict I-JSON", error.message];
    return { verdict: "rejected", kind: file.format, checks: [{ id: "form", state: "failed", expected, actual }], deadline: null };
  }
  return appraiseEvidence(evidence, policy, { at, binding });
}
