// Attestation documents of AWS Nitro enclaves and of instances with NitroTPM: the twin of Sources/Attestation/Nitro and NitroTPM.

compiledAnchors.push({
  name: "AWS Nitro Enclaves Root G1",
  purpose: "aws-nitro",
  assurance: { type: "hardware", by: "AWS" },
  certificate: decodeBase64(
    "MIICETCCAZagAwIBAgIRAPkxdWgbkK/hHUbMtOTn+FYwCgYIKoZIzj0EAwMwSTELMAkGA1UEBhMCVVMxDzANBgNVBAoMBkFtYXpvbjEMMAoGA1UECwwDQVdTMRswGQYDVQ" +
      "QDDBJhd3Mubml0cm8tZW5jbGF2ZXMwHhcNMTkxMDI4MTMyODA1WhcNNDkxMDI4MTQyODA1WjBJMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1hem9uMQwwCgYDVQQLDANB" +
      "V1MxGzAZBgNVBAMMEmF3cy5uaXRyby1lbmNsYXZlczB2MBAGByqGSM49AgEGBSuBBAAiA2IABPwCVOumCMHzaHDimtqQvkY4MpJzbolL//Zy2YlES1BR5TSksfbb48C8WB" +
      "oyt7F2Bw7eEtaaP+ohG2bnUs990d0JX28TcPQXCEPZ3BABIeTPYwEoCWZEh8l5YoQwTcU/9KNCMEAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUkCW1DdkFR+eWw5b6" +
      "cp3PmanfS5YwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYCMQCjfy+Rocm9Xue4YnwWmNJVA44fA0P5W2OpYow9OYCVRaEevL8uO1XYru5xtMPWrfMCMQCi85" +
      "sWBbJwKKXdS6BptQFuZbT73o/gBh1qUxl/nNr12UO8Yfwr6wPLb+6NIwLz3/Y=",
  ),
});

const nitroLimits = {
  registers: 32, certificateBytes: 1024, publicKeyBytes: 1024, userDataBytes: 512, nonceBytes: 512, authorities: 8, moduleIDBytes: 256,
  policyValues: 64, maximumAge: 86400,
};
const nitroClockTolerance = 60000;

/** The payload of a document: { subject: "enclave" | "instance", moduleID, timestamp, pcrs: Map of index to bytes, ... }. Throws FieldError. */
function readNitroDocument(payload, path = "document") {
  const item = readCBOR(payload, path, true);
  if (item.type !== "map") throw new FieldError(path, "a map", item.type);
  const members = new Map();
  for (const [key, value] of item.value) {
    if (key.type !== "text") throw new FieldError(path, "members with names", key.type);
    members.set(key.value, value);
  }
  const refuse = (name, expected, found) => {
    throw new FieldError(`${path}.${name}`, expected, found?.type ?? "absent");
  };
  const text = (name, max) => {
    const found = members.get(name);
    if (found?.type !== "text" || found.value === "" || utf8(found.value).length > max) refuse(name, `a text of 1 to ${max} bytes`, found);
    return found.value;
  };
  const bytes = (name, min, max) => {
    const found = members.get(name);
    if (found?.type !== "bytes" || found.value.length < min || found.value.length > max) refuse(name, `${min} to ${max} bytes`, found);
    return found.value;
  };
  const optional = (name, min, max) => ((members.get(name)?.type ?? "null") === "null" ? null : bytes(name, min, max));

  const document = { moduleID: text("module_id", nitroLimits.moduleIDBytes) };
  if (text("digest", 16) !== "SHA384") refuse("digest", "SHA384", members.get("digest"));
  const timestamp = members.get("timestamp");
  if (timestamp?.type !== "unsigned" || timestamp.value < 1n || timestamp.value > BigInt(Number.MAX_SAFE_INTEGER)) {
    refuse("timestamp", "milliseconds since 1970, not zero", timestamp);
  }
  document.timestamp = Number(timestamp.value);
  if (members.has("pcrs") === members.has("nitrotpm_pcrs")) refuse("pcrs", "registers of an enclave or of a TPM", members.get("pcrs"));
  document.subject = members.has("pcrs") ? "enclave" : "instance";
  document.pcrs = readNitroRegisters(members, document.subject === "enclave" ? "pcrs" : "nitrotpm_pcrs", refuse);
  document.certificate = bytes("certificate", 1, nitroLimits.certificateBytes);
  const authorities = members.get("cabundle");
  if (authorities?.type !== "array" || authorities.value.length < 1 || authorities.value.length > nitroLimits.authorities) {
    refuse("cabundle", `1 to ${nitroLimits.authorities} certificates`, authorities);
  }
  document.authorities = authorities.value.map((authority) => {
    const isSized = authority.type === "bytes" && authority.value.length >= 1 && authority.value.length <= nitroLimits.certificateBytes;
    if (!isSized) refuse("cabundle", `certificates of 1 to ${nitroLimits.certificateBytes} bytes`, authority);
    return authority.value;
  });
  document.publicKey = optional("public_key", 1, nitroLimits.publicKeyBytes);
  document.userData = optional("user_data", 0, nitroLimits.userDataBytes);
  document.nonce = optional("nonce", 0, nitroLimits.nonceBytes);
  const parts = document.moduleID.split("-");
  document.instanceID = parts.length > 2 ? parts.slice(0, 2).join("-") : document.moduleID;
  return document;
}

function readNitroRegisters(members, name, refuse) {
  const found = members.get(name);
  if (found.type !== "map" || found.value.length < 1 || found.value.length > nitroLimits.registers) {
    refuse(name, `1 to ${nitroLimits.registers} registers`, found);
  }
  const registers = new Map();
  for (const [index, value] of found.value) {
    if (index.type !== "unsigned" || index.value >= BigInt(nitroLimits.registers)) refuse(name, `registers from 0 to ${nitroLimits.registers - 1}`, index);
    if (value.type !== "bytes" || ![32, 48, 64].includes(value.value.length)) refuse(`${name}.${index.value}`, "32, 48 or 64 bytes", value);
    registers.set(Number(index.value), value.value);
  }
  return registers;
}

const nitroChecks = [
  "nitro.envelope", "nitro.document", "nitro.certificate", "nitro.chain", "nitro.signature", "nitro.timestamp", "nitro.binding",
];

/** Verifies a document about a subject: { document, anchor (or null), age, bound (names, or null where nobody asked) }, or null. */
async function verifyNitroDocument(bytes, subject, context, checks) {
  checks.demand(nitroChecks);
  let message;
  let document;
  try {
    message = readCOSESign1(bytes);
  } catch (error) {
    tpmFail(checks, "nitro.envelope", error);
    return null;
  }
  checks.pass("nitro.envelope", `COSE_Sign1 with ES384, ${bytes.length} bytes`);
  try {
    document = readNitroDocument(message.payload);
  } catch (error) {
    tpmFail(checks, "nitro.document", error);
    return null;
  }
  if (!checks.require("nitro.document", document.subject === subject, `a document of an ${subject}`, `${document.subject}: ${document.moduleID}`)) return null;
  const signer = await nitroSigner(document, checks);
  const path = signer === null ? null : await nitroChain(signer, context, checks);
  if (signer !== null) {
    const isSigned = await verifyECDSA(signer.leaf.key, message.signature, message.signedBytes, "SHA-384");
    checks.require("nitro.signature", isSigned, "the signature of the key in the certificate", isSigned ? "ECDSA P-384 with SHA-384" : "another one");
  }
  const at = Math.max(0, context.at);
  const from = Math.max(...(path?.chain ?? []).map(({ notBefore }) => notBefore));
  const until = Math.min(at + nitroClockTolerance, ...(path?.chain ?? []).map(({ notAfter }) => notAfter));
  checks.require("nitro.timestamp", from <= document.timestamp && document.timestamp <= until, `${from} to ${until}`, `${document.timestamp}`);
  const bound = nitroBinding(document, context.binding, checks);
  checks.notPerformed("nitro.revocation", "AWS publishes no lists: the certificates of modules are valid for hours, and that retires them");
  return { document, anchor: path?.anchor ?? null, age: Math.max(0, at - document.timestamp), bound };
}

async function nitroSigner(document, checks) {
  try {
    const leaf = await parseCertificate(document.certificate);
    const authorities = await parseCertificates(document.authorities);
    if (leaf.key.type !== "p384") throw new FieldError("certificate", "a key on P-384", leaf.key.type);
    checks.pass("nitro.certificate", leaf.subject.text);
    return { leaf, authorities };
  } catch (error) {
    tpmFail(checks, "nitro.certificate", error);
    return null;
  }
}

/** The root inside the document counts for nothing: the path ends at an anchor of the context. */
async function nitroChain({ leaf, authorities }, context, checks) {
  const trusted = [];
  for (const anchor of context.anchors.filter(({ purpose }) => purpose === "aws-nitro")) {
    try {
      trusted.push({ anchor, certificate: await parseCertificate(anchor.certificate) });
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
    }
  }
  try {
    const { path, deadline } = await verifyPath(leaf, authorities, trusted.map(({ certificate }) => certificate), context.at);
    checks.limit(deadline);
    checks.pass("nitro.chain", path.map(({ subject }) => subject.commonName ?? "?").join(" < "));
    const root = path[path.length - 1];
    return { chain: path, anchor: trusted.find(({ certificate }) => sameBytes(certificate.der, root.der)).anchor };
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    checks.fail("nitro.chain", error.expected, error.actual);
    return null;
  }
}

const nitroFields = { nonce: "nonce", "user-data": "userData", "public-key": "publicKey" };

/** The members that carry the binding; null where the caller did not ask. User data of 64 bytes may be padded with zeros. */
function nitroBinding(document, binding, checks) {
  if (binding === null) {
    checks.waive("nitro.binding", "the caller asked for no nonce: this may be a replay");
    return null;
  }
  const bound = Object.keys(nitroFields).filter((name) => {
    const value = document[nitroFields[name]];
    return value !== null && bindingMatches(binding, value, name === "user-data" && value.length === 64);
  });
  const found = Object.keys(nitroFields).map((name) => `${name} ${document[nitroFields[name]] === null ? "absent" : hex(document[nitroFields[name]])}`);
  checks.require("nitro.binding", bound.length > 0, hex(binding), (bound.length > 0 ? bound : found).join(", "));
  return bound;
}

async function verifyNitroEvidence({ document: bytes }, context, checks) {
  const found = await verifyNitroDocument(bytes, "enclave", context, checks);
  if (found === null || found.anchor === null || !checks.holds) return null;
  const { document, anchor, age, bound } = found;
  return { assurance: anchor.assurance, registers: new Map([...document.pcrs].map(([index, value]) => [`pcr${index}`, value])), document, age, bound };
}

const nitroRegisterNames = new Map([["image", 0], ["kernel", 1], ["application", 2], ["role", 3], ["instance", 4], ["signer", 8]]);

/** The register of a name, or -1. */
function nitroRegisterNamed(name) {
  if (nitroRegisterNames.has(name)) return nitroRegisterNames.get(name);
  return /^pcr(?:[0-9]|[12][0-9]|3[01])$/.test(name) ? Number(name.slice(3)) : -1;
}

function readNitroAge(reader) {
  return readAnyOr(reader, "maximumAge", (json, path) => {
    if (integerIn(1, nitroLimits.maximumAge)(json) === undefined) throw new FieldError(path, "any, or an integer from 1 to 86400", kindOf(json));
    return json;
  });
}

const nitroInstance = (json) => (typeof json === "string" && json !== "" && utf8(json).length <= 64 ? json : undefined);

function readNitroPolicy(reader) {
  const debug = reader.value("debug");
  if (debug !== false && debug !== "any") throw new FieldError(reader.at("debug"), "false or any", kindOf(debug));
  return {
    refusesDebug: debug === false,
    fields: readAccepted(reader, "binding", oneOf(Object.keys(nitroFields))),
    maximumAge: readNitroAge(reader),
    instances: readAccepted(reader, "instances", nitroInstance),
    registers: readAnyOr(reader, "registers", readNitroDemands),
  };
}

/** Map of index to accepted values in hexadecimal, or to null for "any". */
function readNitroDemands(json, path) {
  if (!(json instanceof Map) || json.size < 1 || json.size > nitroLimits.registers) {
    throw new FieldError(path, "any, or an object of 1 to 32 registers", kindOf(json));
  }
  const demands = new Map();
  for (const [name, values] of json) {
    const index = nitroRegisterNamed(name);
    if (index < 0 || demands.has(index)) throw new FieldError(path, "each register once, by its meaning or as pcr0 to pcr31", kindOf(name));
    const isValue = (value) => typeof value === "string" && [32, 48, 64].includes(decodeHex(value)?.length);
    const isList = Array.isArray(values) && values.length >= 1 && values.length <= nitroLimits.policyValues;
    if (values !== "any" && !(isList && values.every(isValue))) {
      throw new FieldError(`${path}.${name}`, "any, or 1 to 64 values of 32, 48 or 64 bytes in hexadecimal", kindOf(values));
    }
    demands.set(index, values === "any" ? null : values);
  }
  return demands;
}

function appraiseNitro(policy, claims, checks) {
  const { document, bound } = claims;
  checks.demand(["nitro.debug"]);
  if (!policy.refusesDebug) checks.waive("nitro.debug", "the policy accepts debug mode");
  else {
    const isDebug = [0, 1, 2].every((index) => (document.pcrs.get(index) ?? []).every((byte) => byte === 0));
    checks.require("nitro.debug", !isDebug, "image, kernel and application measured", isDebug ? "PCR 0, 1 and 2 are zero: debug mode" : "measured");
  }
  checks.demand(["nitro.field"]);
  if (policy.fields === null) checks.waive("nitro.field", "the policy accepts any");
  else if (bound === null) checks.waive("nitro.field", "the caller asked for no nonce: this may be a replay");
  else checks.require("nitro.field", bound.some((name) => policy.fields.includes(name)), policy.fields.join(" or "), bound.join(", "));
  appraiseNitroOrigin(policy, claims, checks);
  checks.demand(["nitro.registers"]);
  if (policy.registers === null) return checks.waive("nitro.registers", "the policy accepts any values of any registers");
  const order = [...policy.registers.keys()].sort((a, b) => a - b);
  const value = (index) => (document.pcrs.has(index) ? hex(document.pcrs.get(index)) : null);
  const different = order.filter((index) => value(index) === null || !(policy.registers.get(index)?.includes(value(index)) ?? true));
  const expected = different.map((index) => `pcr${index} ${policy.registers.get(index)?.join(" or ") ?? "present"}`);
  const actual = (different.length === 0 ? order : different).map((index) => `pcr${index} ${value(index) ?? "absent"}`);
  checks.require("nitro.registers", different.length === 0, expected.join(", "), actual.join(", "));
}

/** Age and instance: what both kinds of documents are asked. */
function appraiseNitroOrigin(policy, { document, age }, checks) {
  checks.demand(["nitro.age"]);
  if (policy.maximumAge === null) checks.waive("nitro.age", "the policy accepts any age");
  else {
    checks.require("nitro.age", age <= policy.maximumAge * 1000, `at most ${policy.maximumAge} s`, `${age} ms`);
    checks.limit(document.timestamp + policy.maximumAge * 1000);
  }
  appraiseMembership("nitro.instance", policy.instances, document.instanceID, checks);
}

evidenceKinds["nitro-enclave"] = {
  read: (reader) => ({ document: readBase64(reader, "document", coseLimits.bytes) }),
  verify: verifyNitroEvidence,
  readPolicy: readNitroPolicy,
  async appraise(policy, claims, checks) {
    appraiseNitro(policy, claims, checks);
  },
};

// NitroTPM: a document, and a quote by the key that it names.

function readNitroTPMEvidence(reader) {
  return {
    document: readBase64(reader, "document", coseLimits.bytes),
    key: reader.has("akPublic") ? readBase64(reader, "akPublic", 1538) : null,
    quote: readBase64(reader, "quote", 1024),
    signature: readBase64(reader, "signature", 1040),
    pcrs: readPCRBanks(reader.value("pcrs"), reader.at("pcrs")),
    logs: readMeasurementLogs(reader),
  };
}

async function verifyNitroTPMEvidence(evidence, context, checks) {
  checks.demand([...nitroChecks, "nitrotpm.ak", "nitrotpm.nonce", "nitrotpm.pcrs", ...tpmQuoteChecks]);
  const found = await verifyNitroDocument(evidence.document, "instance", context, checks);
  if (found === null) return null;
  const { document, anchor, age } = found;
  const key = await nitroAttestationKey(evidence.key, document, checks);
  if (key === null) return null;
  checkNitroNonce(document, evidence.quote, checks);
  checkNitroRegisters(document, evidence.pcrs, checks);
  let signature;
  try {
    signature = parseTPMSignature(evidence.signature);
  } catch (error) {
    tpmFail(checks, "tpm.signature", error);
    return null;
  }
  const { quote, pcrs } = evidence;
  const verified = await verifyTPMQuote({ quote, signature, key, pcrs, binding: context.binding }, checks);
  const bank = verified?.banks.find((other) => other.bank === "sha384");
  if (bank === undefined) return null;
  const measurements = await verifyMeasurementLogs(evidence.logs, pcrMeasuredRegisters(bank), checks);
  if (anchor === null || !checks.holds) return null;
  return { assurance: anchor.assurance, registers: pcrRegisters(verified.banks), document, age, quote: verified, measurements };
}

/** The document's key; what the sender says about it may repeat it, and nothing else. */
async function nitroAttestationKey(given, document, checks) {
  if (document.publicKey === null) {
    checks.fail("nitrotpm.ak", "document.public_key", "absent");
    return null;
  }
  try {
    const named = await readNitroKey(document.publicKey, "document.public_key");
    if (given !== null && !sameBytes(given, document.publicKey)) {
      const sent = await readNitroKey(given, "akPublic");
      // Nothing signs attributes that only the sender states.
      if (sent.area !== null || !sameBytes(sent.key.spki, named.key.spki)) {
        checks.fail("nitrotpm.ak", "the key of the document, or its own public area", sent.area === null ? "another key" : "another public area");
        return null;
      }
    }
    checks.pass("nitrotpm.ak", named.key.type);
    if (named.area !== null) verifyTPMAttributes(named.area, checks);
    else checks.notPerformed("tpm.ak-attributes", "the document names the bare key, and whoever asked for it chose the key");
    return named.key;
  } catch (error) {
    tpmFail(checks, "nitrotpm.ak", error);
    return null;
  }
}

/** An uncompressed point, a SubjectPublicKeyInfo, or a public area: { key, area (or null) }. Throws FieldError. */
async function readNitroKey(bytes, path) {
  if (bytes[0] === 0x30) return { key: await importCertificateKey(bytes), area: null };
  if (bytes[0] !== 0x04) {
    const area = await parseTPMPublic(bytes, path);
    return { key: area.key, area };
  }
  const key = bytes.length === 65 || bytes.length === 97 ? tpmPointKey(bytes.subarray(1)) : null;
  if (key === null || (await importTPMKey(key, "SHA-256")) === null) throw new FieldError(path, "a point of P-256 or P-384", `${bytes.length} bytes`);
  return { key, area: null };
}

function checkNitroNonce({ nonce }, quote, checks) {
  if (nonce === null || nonce.length === 0) return checks.fail("nitrotpm.nonce", "a nonce in the document", nonce === null ? "absent" : "empty");
  let extraData = null;
  try {
    ({ extraData } = parseTPMQuote(quote));
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
  }
  const holds = extraData !== null && sameBytes(extraData, nonce);
  checks.require("nitrotpm.nonce", holds, hex(nonce), extraData === null ? "an unreadable quote" : hex(extraData));
}

/** Both ways: a register that only the quote has is vouched for by nobody, one that only the document has was not quoted. */
function checkNitroRegisters(document, pcrs, checks) {
  if (pcrs.length !== 1 || pcrs[0].bank !== "sha384") {
    return checks.fail("nitrotpm.pcrs", "registers of bank sha384, which the document has", pcrs.map(({ bank }) => bank).join(", "));
  }
  const [{ values }] = pcrs;
  const indexes = [...new Set([...values.keys(), ...document.pcrs.keys()])].sort((a, b) => a - b);
  const text = (registers, index) => `pcr${index} ${registers.has(index) ? hex(registers.get(index)) : "absent"}`;
  const different = indexes.filter((index) => text(values, index) !== text(document.pcrs, index));
  const expected = different.map((index) => text(document.pcrs, index)).join(", ");
  checks.require("nitrotpm.pcrs", different.length === 0, expected, different.map((index) => text(values, index)).join(", "));
}

evidenceKinds.nitrotpm = {
  read: readNitroTPMEvidence,
  verify: verifyNitroTPMEvidence,
  readPolicy: (reader) => ({
    maximumAge: readNitroAge(reader),
    instances: readAccepted(reader, "instances", nitroInstance),
    quote: readQuotePolicy(reader),
    measurements: readMeasurementPolicy(reader),
  }),
  async appraise(policy, claims, checks) {
    appraiseNitroOrigin(policy, claims, checks);
    appraiseQuote(policy.quote, claims.quote, checks);
    await appraiseMeasurements(policy.measurements, claims.measurements, checks);
  },
};
