// Intel TDX quotes, as Sources/Attestation/TDX verifies them: same checks, same order, same states.

const tdxLimits = { quote: 64 << 10, authenticationData: 1024, certificates: 16 << 10, tcbInfo: 256 << 10, revocations: 512 << 10, levels: 256, modules: 64 };

const tdxQuoteChecks = [
  "tdx.format", "tdx.length", "tdx.quote-signature", "tdx.attestation-key", "tdx.pck-chain", "tdx.pck-profile", "tdx.qe-signature",
  "tdx.qe-identity", "tdx.module",
];
const tdxCollateralChecks = [
  "tdx.tcb-signer", "tdx.tcb-info", "tdx.tcb-info-current", "tdx.tcb-info-platform", "tdx.qe-signer", "tdx.qe-document",
  "tdx.qe-document-current", "tdx.root-crl", "tdx.pck-crl", "tdx.revocation", "tdx.tcb-level",
];

compiledAnchors.push({
  name: "Intel SGX Root CA",
  purpose: "intel-sgx",
  assurance: { type: "hardware", by: "Intel" },
  certificate: decodeBase64(
    "MIICjzCCAjSgAwIBAgIUImUM1lqdNInzg7SVUr9QGzknBqwwCgYIKoZIzj0EAwIwaDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJv" +
      "b3QgQ0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJ" +
      "BgNVBAYTAlVTMB4XDTE4MDUyMTEwNDUxMFoXDTQ5MTIzMTIzNTk1OVowaDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0Ex" +
      "GjAYBgNVBAoMEUludGVsIENvcnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJBgNVBAYT" +
      "AlVTMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC6nEwMDIYZOj/iPWsCzaEKi71OiOSLRFhWGjbnBVJfVnkY4u3IjkDYYL" +
      "0MxO4mqsyYjlBalTVYxFP2sJBK5zlKOBuzCBuDAfBgNVHSMEGDAWgBQiZQzWWp00ifODtJVSv1AbOScGrDBSBgNVHR8ESzBJ" +
      "MEegRaBDhkFodHRwczovL2NlcnRpZmljYXRlcy50cnVzdGVkc2VydmljZXMuaW50ZWwuY29tL0ludGVsU0dYUm9vdENBLmRl" +
      "cjAdBgNVHQ4EFgQUImUM1lqdNInzg7SVUr9QGzknBqwwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQEwCgYI" +
      "KoZIzj0EAwIDSQAwRgIhAOW/5QkR+S9CiSDcNoowLuPRLsWGf/Yi7GSX94BgwTwgAiEA4J0lrHoMs+Xo5o/sX6O9QWxHRAvZ" +
      "UGOdRQ7cvqRXaqI=",
  ),
});

// The quote.

function tdxReadQuote(bytes) {
  if (bytes.length > tdxLimits.quote) throw new FieldError("quote", `at most ${tdxLimits.quote} bytes`, `${bytes.length} bytes`);
  const reader = new ByteReader(bytes, "quote");
  const want = (holds, field, expected, actual) => {
    if (!holds) throw new FieldError(`quote.${field}`, expected, String(actual));
  };
  const version = reader.little(2, "version");
  want(version === 4 || version === 5, "version", "4 or 5", version);
  const keyType = reader.little(2, "attestation-key-type");
  want(keyType === 2, "attestation-key-type", "2 (ECDSA P-256)", keyType);
  const teeType = reader.little(4, "tee-type");
  want(teeType === 0x81, "tee-type", "129 (TDX)", teeType);
  reader.zeros(4, "reserved");
  want(hex(reader.take(16, "qe-vendor")) === "939a7233f79c4ca9940a0db3957f0607", "qe-vendor", "Intel's", "another");
  const userData = reader.take(20, "user-data");
  let type = 2;
  if (version === 5) {
    type = reader.little(2, "body.type");
    want(type === 2 || type === 3, "body.type", "2 (TD report 1.0) or 3 (TD report 1.5)", type);
    const size = reader.little(4, "body.size");
    want(size === (type === 2 ? 584 : 648), "body.size", "that of the report", size);
  }
  const report = tdxReadReport(reader, type);
  const signedBytes = bytes.subarray(0, reader.offset);
  const data = new ByteReader(reader.take(reader.little(4, "signature-data.size"), "signature-data"), "quote.signature-data");
  const trailing = reader.rest();
  const signature = data.take(64, "signature");
  const attestationKey = data.take(64, "attestation-key");
  const certification = (from, wanted) => {
    const found = from.little(2, "certification-data.type");
    want(found === wanted, "certification-data.type", String(wanted), found);
    return from.take(from.little(4, "certification-data.size"), "certification-data");
  };
  const outer = new ByteReader(certification(data, 6), "quote.qe");
  data.finish();
  const enclaveBytes = outer.take(384, "report");
  const enclave = tdxReadEnclave(enclaveBytes);
  const enclaveSignature = outer.take(64, "signature");
  const count = outer.little(2, "authentication-data.size");
  want(count <= tdxLimits.authenticationData, "qe.authentication-data", `at most ${tdxLimits.authenticationData} bytes`, count);
  const authenticationData = outer.take(count, "authentication-data");
  const certificates = certification(outer, 5);
  outer.finish();
  want(certificates.length <= tdxLimits.certificates, "qe.certificates", `at most ${tdxLimits.certificates} bytes`, certificates.length);
  return { version, userData, report, signedBytes, signature, attestationKey, enclave, enclaveBytes, enclaveSignature, authenticationData, certificates, trailing };
}

function tdxReadReport(reader, type) {
  const report = { type };
  const fields = [
    ["teeTCBSVN", 16], ["mrseam", 48], ["mrsignerseam", 48], ["seamAttributes", 8], ["attributes", 8], ["xfam", 8], ["mrtd", 48],
    ["mrconfigid", 48], ["mrowner", 48], ["mrownerconfig", 48], ["rtmr0", 48], ["rtmr1", 48], ["rtmr2", 48], ["rtmr3", 48], ["reportData", 64],
  ];
  if (type === 3) fields.push(["teeTCBSVN2", 16], ["mrservicetd", 48]);
  for (const [name, count] of fields) report[name] = reader.take(count, name);
  return report;
}

function tdxReadEnclave(bytes) {
  const reader = new ByteReader(bytes, "quote.qe.report");
  const enclave = { cpuSVN: reader.take(16, "cpusvn"), miscSelect: reader.take(4, "miscselect") };
  reader.zeros(28, "reserved1");
  enclave.attributes = reader.take(16, "attributes");
  enclave.mrEnclave = reader.take(32, "mrenclave");
  reader.zeros(32, "reserved2");
  enclave.mrSigner = reader.take(32, "mrsigner");
  reader.zeros(96, "reserved3");
  enclave.productID = reader.little(2, "isvprodid");
  enclave.securityVersion = reader.little(2, "isvsvn");
  reader.zeros(60, "reserved4");
  enclave.reportData = reader.take(64, "report-data");
  reader.finish();
  return enclave;
}

/** Whether platforms hand a quote out in a buffer of this size, filled up with zeros: Intel's quoting library announces 70 bytes more. */
function tdxIsBuffer(count, trailing) {
  return trailing === 70 || count === 5006 || count === 5010 || (count >= 4096 && count % 16 === 0);
}

/** The blocks of PEM in certification data, which may end with one zero byte. Throws FieldError. */
function tdxReadPEM(bytes) {
  const text = fromUTF8(bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes);
  const blocks = [];
  let body = null;
  let endsShort = false;
  const refuse = (actual) => {
    throw new FieldError("certificates", "the PEM of the PCK certificate and its CA", actual);
  };
  if (text === null) refuse("no text");
  for (const ended of text.split("\n")) {
    const line = ended.endsWith("\r") ? ended.slice(0, -1) : ended;
    if (body !== null && line === "-----END CERTIFICATE-----") {
      const der = decodeBase64(body);
      if (der === null || der.length === 0) refuse("no base64");
      blocks.push(der);
      body = null;
    } else if (body !== null) {
      if (endsShort || line === "" || utf8(line).length > 64) refuse("lines that are not of 64 characters");
      endsShort = utf8(line).length < 64;
      body += line;
    } else if (line === "-----BEGIN CERTIFICATE-----") {
      body = "";
      endsShort = false;
    } else if (line !== "") {
      refuse("something between certificates");
    }
  }
  if (body !== null || blocks.length === 0 || blocks.length > 16) refuse(`${blocks.length} certificates`);
  return blocks;
}

// Certificates.

/** The roots that a verification accepts: { certificate, assurance }; one that cannot be read vouches for nothing. */
async function tdxAnchors(context) {
  const anchors = [];
  for (const { purpose, certificate, assurance } of context.anchors) {
    if (purpose !== "intel-sgx") continue;
    try {
      anchors.push({ certificate: await parseCertificate(certificate), assurance });
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
    }
  }
  return anchors;
}

/** `count` certificates, after which only one of the anchors may come, byte for byte. */
function tdxWithoutRoot(chain, anchors, count) {
  if (chain.length !== count && chain.length !== count + 1) {
    throw new FieldError("chain", `${count} certificates, and perhaps the root`, `${chain.length} certificates`);
  }
  const root = chain[count];
  if (root !== undefined && !anchors.some(({ certificate }) => sameBytes(certificate.der, root.der))) {
    throw new FieldError("chain", "a root that this page carries", root.subject.text);
  }
  return chain.slice(0, count);
}

async function tdxPath(leaf, intermediates, anchors, at, id, checks) {
  try {
    const maxDepth = intermediates.length + 2;
    const { path, deadline } = await verifyPath(leaf, intermediates, anchors.map(({ certificate }) => certificate), at, { maxDepth });
    if (path.length !== maxDepth) throw new PathError(`${maxDepth} certificates`, `${path.length} certificates`);
    checks.limit(deadline);
    checks.pass(id, path.map(({ subject }) => subject.commonName ?? "(no name)").join(" <- "));
    return path;
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    checks.fail(id, error.expected, error.actual);
    return null;
  }
}

async function tdxVerifyPCK(quote, anchors, at, checks) {
  let leaf, authority;
  try {
    [leaf, authority] = tdxWithoutRoot(await parseCertificates(tdxReadPEM(quote.certificates)), anchors, 2);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    checks.fail("tdx.pck-chain", error.expected, error.actual);
    return null;
  }
  const path = await tdxPath(leaf, [authority], anchors, at, "tdx.pck-chain", checks);
  const platform = tdxProfile(leaf, authority, checks);
  const holds = leaf.key.type === "p256" && (await verifyECDSA(leaf.key, quote.enclaveSignature, quote.enclaveBytes, "SHA-256"));
  checks.require("tdx.qe-signature", holds, "a signature of the PCK over the quoting enclave's report", holds ? "ECDSA P-256" : "no valid signature");
  const root = path?.at(-1) ?? null;
  const assurance = root && anchors.find(({ certificate }) => sameBytes(certificate.der, root.der)).assurance;
  return { leaf, authority, root, assurance, platform };
}

function tdxProfile(leaf, authority, checks) {
  const id = "tdx.pck-profile";
  if (leaf.subject.commonName !== "Intel SGX PCK Certificate") return checks.fail(id, "Intel SGX PCK Certificate", leaf.subject.text) ?? null;
  if (!["Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"].includes(authority.subject.commonName)) {
    return checks.fail(id, "Intel SGX PCK Platform CA or Intel SGX PCK Processor CA", authority.subject.text) ?? null;
  }
  const extension = leaf.extensions.all.get("1.2.840.113741.1.13.1");
  if (extension === undefined) return checks.fail(id, "the SGX extension", "none") ?? null;
  try {
    const platform = tdxReadPlatform(extension.value);
    checks.pass(id, `FMSPC ${hex(platform.fmspc)}, PCE ${platform.pceSVN}, ${authority.subject.commonName}`);
    return platform;
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    return checks.fail(id, error.expected, error.actual) ?? null;
  }
}

/** The SGX extension of a PCK certificate. Throws FieldError. */
function tdxReadPlatform(value) {
  const base = "1.2.840.113741.1.13.1";
  const document = new DERReader(value, "sgx");
  const fields = document.sequence("extension");
  document.finish();
  const platform = { instance: null };
  const seen = new Set();
  const octets = (reader, count, name) => {
    const bytes = reader.octetString(name);
    if (bytes.length !== count) reader.refuse(name, `${count} bytes`, `${bytes.length} bytes`);
    return bytes;
  };
  while (!fields.isAtEnd) {
    const field = fields.sequence("field");
    const name = field.objectIdentifier("name");
    if (seen.has(name)) fields.refuse("field", "each field once", name);
    seen.add(name);
    if (name === `${base}.1`) octets(field, 16, "ppid");
    else if (name === `${base}.2`) tdxReadVersions(field, platform, octets, base);
    else if (name === `${base}.3`) platform.pceID = octets(field, 2, "pceid");
    else if (name === `${base}.4`) platform.fmspc = octets(field, 6, "fmspc");
    else if (name === `${base}.5`) field.integer("type", 0, 2, derTag.enumerated);
    else if (name === `${base}.6`) platform.instance = octets(field, 16, "instance");
    else if (name === `${base}.7`) tdxReadFlags(field);
    else fields.refuse("field", "a field of the profile", name);
    field.finish();
  }
  if (!platform.fmspc || !platform.pceID || !platform.components) throw new FieldError("sgx", "FMSPC, PCEID and TCB", "not all of them");
  return platform;
}

function tdxReadVersions(field, platform, octets, base) {
  const list = field.sequence("tcb");
  platform.components = [];
  for (let number = 1; number <= 18; number++) {
    const version = list.sequence("version");
    const name = version.objectIdentifier("name");
    if (name !== `${base}.2.${number}`) version.refuse("name", `${base}.2.${number}`, name);
    if (number <= 16) platform.components.push(version.integer("component", 0, 255));
    else if (number === 17) platform.pceSVN = version.integer("pcesvn", 0, 65535);
    else octets(version, 16, "cpusvn");
    version.finish();
  }
  list.finish();
}

function tdxReadFlags(field) {
  const list = field.sequence("configuration");
  const seen = new Set();
  while (!list.isAtEnd) {
    const flag = list.sequence("flag");
    const name = flag.objectIdentifier("name");
    flag.boolean("value");
    flag.finish();
    if (seen.has(name)) list.refuse("flag", "each flag once", name);
    seen.add(name);
  }
}

// Collateral.

function tdxReadCollateral(reader) {
  const document = (name) => {
    const member = reader.reader(name);
    const read = { document: utf8(member.string("document", tdxLimits.tcbInfo)), signature: readHex(member, "signature", 64, 64) };
    member.finish();
    return read;
  };
  const collateral = { tcbInfo: document("tcbInfo"), tcbInfoChain: readCertificates(reader, "tcbInfoChain", 3) };
  collateral.qeIdentity = document("qeIdentity");
  collateral.qeIdentityChain = readCertificates(reader, "qeIdentityChain", 3);
  collateral.pckCRL = readBase64(reader, "pckCRL", tdxLimits.revocations);
  collateral.rootCRL = readBase64(reader, "rootCRL", tdxLimits.revocations);
  reader.finish();
  return collateral;
}

/** A reader of a signed document. Intel adds members within a version: nobody asks whether all were read. */
function tdxDocument(bytes, path, maxBytes) {
  try {
    return new FieldReader(parseJSON(bytes, { maxBytes, maxStringBytes: maxBytes, integersOnly: true }), path);
  } catch (error) {
    if (!(error instanceof JSONError)) throw error;
    throw new FieldError(path, "JSON without duplicate names", error.message);
  }
}

function tdxHex(reader, name, count) {
  return decodeHex(reader.matching(name, new RegExp(`^[0-9a-fA-F]{${count * 2}}$`), `${count} bytes in hexadecimal`).toLowerCase());
}

function tdxTime(reader, name) {
  const text = reader.matching(name, /^(?:19[7-9]|[2-9]\d\d)\d-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/, "a time in UTC to the second");
  const time = Date.parse(text);
  if (!Number.isFinite(time) || `${new Date(time).toISOString().slice(0, 19)}Z` !== text) throw new FieldError(reader.at(name), "a date of the calendar", text);
  return time;
}

// A status as the set of what is wrong: hardening 1, configuration 2, out of date 4. Revoked is none.
const tdxStatuses = { UpToDate: 0, SWHardeningNeeded: 1, ConfigurationNeeded: 2, ConfigurationAndSWHardeningNeeded: 3, OutOfDate: 4, OutOfDateConfigurationNeeded: 6 };

function tdxStatus(reader) {
  return reader.typed("tcbStatus", (v) => v === "Revoked" || (typeof v === "string" && Object.hasOwn(tdxStatuses, v)), "a TCB status");
}

/** What two parts are together: everything that is wrong with either. */
function tdxJoin(left, right) {
  if (left === "Revoked" || right === "Revoked") return "Revoked";
  let faults = tdxStatuses[left] | tdxStatuses[right];
  if (faults & 4) faults &= 6;
  return Object.keys(tdxStatuses).find((name) => tdxStatuses[name] === faults);
}

function tdxAdvisories(reader) {
  if (!reader.has("advisoryIDs")) return [];
  const list = reader.array("advisoryIDs", 256);
  if (!list.every((v) => typeof v === "string" && utf8(v).length <= 64)) throw new FieldError(reader.at("advisoryIDs"), "names of advisories", "something else");
  return list;
}

function tdxEnclaveLevels(reader, isOptional) {
  if (isOptional && !reader.has("tcbLevels")) return [];
  return reader.array("tcbLevels", tdxLimits.levels).map((json, index) => {
    const level = new FieldReader(json, `${reader.at("tcbLevels")}[${index}]`);
    const version = level.reader("tcb").integer("isvsvn", 0, 65535);
    return { version, status: tdxStatus(level), advisories: tdxAdvisories(level) };
  });
}

function tdxModule(reader) {
  return {
    mrSigner: tdxHex(reader, "mrsigner", 48),
    attributes: tdxHex(reader, "attributes", 8),
    attributesMask: tdxHex(reader, "attributesMask", 8),
    levels: tdxEnclaveLevels(reader, true),
  };
}

function tdxReadTCBInfo(bytes) {
  const reader = tdxDocument(bytes, "tcbInfo", tdxLimits.tcbInfo);
  reader.typed("id", (v) => v === "TDX", "TDX");
  reader.integer("version", 3, 3);
  reader.integer("tcbType", 0, 0);
  const info = { issueDate: tdxTime(reader, "issueDate"), nextUpdate: tdxTime(reader, "nextUpdate") };
  info.fmspc = tdxHex(reader, "fmspc", 6);
  info.pceID = tdxHex(reader, "pceId", 2);
  info.evaluationNumber = reader.integer("tcbEvaluationDataNumber", 0, 0xffffffff);
  info.module = tdxModule(reader.reader("tdxModule"));
  info.modules = new Map();
  for (const [index, json] of (reader.has("tdxModuleIdentities") ? reader.array("tdxModuleIdentities", tdxLimits.modules) : []).entries()) {
    const module = new FieldReader(json, `tcbInfo.tdxModuleIdentities[${index}]`);
    const id = module.string("id", 16);
    if (info.modules.has(id)) throw new FieldError(module.at("id"), "each module once", id);
    info.modules.set(id, tdxModule(module));
  }
  info.levels = reader.array("tcbLevels", tdxLimits.levels).map((json, index) => {
    const level = new FieldReader(json, `tcbInfo.tcbLevels[${index}]`);
    const tcb = level.reader("tcb");
    const components = (name) => tcb.array(name, 16, 16).map((item, at) => new FieldReader(item, `${tcb.at(name)}[${at}]`).integer("svn", 0, 255));
    const sgx = components("sgxtcbcomponents");
    const tdx = components("tdxtcbcomponents");
    return { sgx, tdx, pceSVN: tcb.integer("pcesvn", 0, 65535), status: tdxStatus(level), advisories: tdxAdvisories(level) };
  });
  return info;
}

function tdxReadIdentity(bytes) {
  const reader = tdxDocument(bytes, "qeIdentity", 64 << 10);
  reader.typed("id", (v) => v === "TD_QE", "TD_QE");
  reader.integer("version", 2, 2);
  const identity = { issueDate: tdxTime(reader, "issueDate"), nextUpdate: tdxTime(reader, "nextUpdate") };
  identity.evaluationNumber = reader.integer("tcbEvaluationDataNumber", 0, 0xffffffff);
  identity.enclave = {
    miscSelect: tdxHex(reader, "miscselect", 4), miscSelectMask: tdxHex(reader, "miscselectMask", 4),
    attributes: tdxHex(reader, "attributes", 16), attributesMask: tdxHex(reader, "attributesMask", 16),
    mrSigner: tdxHex(reader, "mrsigner", 32), productID: reader.integer("isvprodid", 0, 65535),
  };
  identity.levels = tdxEnclaveLevels(reader, false);
  return identity;
}

/** Intel's TD quoting enclave as every published identity so far describes it. */
const tdxPublishedEnclave = {
  miscSelect: decodeHex("00000000"), miscSelectMask: decodeHex("ffffffff"),
  attributes: decodeHex("11000000000000000000000000000000"), attributesMask: decodeHex("fbffffffffffffff0000000000000000"),
  mrSigner: decodeHex("dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5"), productID: 2,
};

function tdxMasked(found, expected, mask) {
  return found.every((byte, index) => (byte & mask[index]) === (expected[index] & mask[index]));
}

async function tdxSigner(chain, anchors, at, id, checks) {
  let leaf;
  try {
    [leaf] = tdxWithoutRoot(await parseCertificates(chain), anchors, 1);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    checks.fail(id, "the certificate Intel SGX TCB Signing", error.message);
    return null;
  }
  if (leaf.subject.commonName !== "Intel SGX TCB Signing") return checks.fail(id, "Intel SGX TCB Signing", leaf.subject.text) ?? null;
  await tdxPath(leaf, [], anchors, at, id, checks);
  return leaf;
}

/** A document that the signer signed and that `read` reads, or null. */
async function tdxSigned({ document, signature }, signer, id, read, checks) {
  if (signer === null) return null;
  if (signer.key.type !== "p256" || !(await verifyECDSA(signer.key, signature, document, "SHA-256"))) {
    return checks.fail(id, "a signature of Intel SGX TCB Signing over the document's bytes", "no valid signature") ?? null;
  }
  try {
    const value = read(document);
    checks.pass(id, `${value.levels.length} levels, evaluation number ${value.evaluationNumber}`);
    return value;
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    return checks.fail(id, `${error.field}: ${error.expected}`, error.actual) ?? null;
  }
}

function tdxCurrent(id, { issueDate, nextUpdate }, at, checks) {
  const holds = issueDate <= at && at <= nextUpdate;
  if (holds) checks.limit(nextUpdate);
  checks.require(id, holds, `issued at ${issueDate}, next update at ${nextUpdate}`, `judged at ${at}`);
}

async function tdxVerifyCollateral(collateral, pck, all, at, checks) {
  const anchors = pck.root === null ? all : all.filter(({ certificate }) => sameBytes(certificate.der, pck.root.der));
  const infoSigner = await tdxSigner(collateral.tcbInfoChain, anchors, at, "tdx.tcb-signer", checks);
  const info = await tdxSigned(collateral.tcbInfo, infoSigner, "tdx.tcb-info", tdxReadTCBInfo, checks);
  let usable = info;
  if (info !== null) {
    tdxCurrent("tdx.tcb-info-current", info, at, checks);
    if (pck.platform === null) usable = null;
    else {
      const holds = sameBytes(info.fmspc, pck.platform.fmspc) && sameBytes(info.pceID, pck.platform.pceID);
      checks.require("tdx.tcb-info-platform", holds, `FMSPC ${hex(pck.platform.fmspc)}`, `FMSPC ${hex(info.fmspc)}`);
    }
  }
  const identitySigner = await tdxSigner(collateral.qeIdentityChain, anchors, at, "tdx.qe-signer", checks);
  const identity = await tdxSigned(collateral.qeIdentity, identitySigner, "tdx.qe-document", tdxReadIdentity, checks);
  if (identity !== null) tdxCurrent("tdx.qe-document-current", identity, at, checks);
  const signers = [infoSigner, identitySigner].filter((signer) => signer !== null);
  if (pck.root !== null) await tdxRevocation(collateral, pck, signers, at, checks);
  return { info: usable, identity };
}

async function tdxRevocation(collateral, pck, signers, at, checks) {
  const list = async (der, issuer, id) => {
    try {
      const read = parseCRL(der);
      checks.limit(await verifyCRL(read, issuer, at));
      checks.pass(id, `until ${read.nextUpdate}`);
      return read;
    } catch (error) {
      if (!(error instanceof FieldError || error instanceof PathError)) throw error;
      return checks.fail(id, error.expected, error.actual) ?? null;
    }
  };
  const rootList = await list(collateral.rootCRL, pck.root, "tdx.root-crl");
  const pckList = await list(collateral.pckCRL, pck.authority, "tdx.pck-crl");
  if (rootList === null || pckList === null) return;
  const revoked = [pck.authority, ...signers].filter(({ serialNumber }) => rootList.contains(serialNumber));
  if (pckList.contains(pck.leaf.serialNumber)) revoked.push(pck.leaf);
  checks.require("tdx.revocation", revoked.length === 0, "no revoked certificate", revoked.map(({ subject }) => subject.text).join("; ") || "none");
}

// The whole.

/** Every check of a quote but the binding, which is the caller's. Returns { assurance, quote, platform, tcb } or null. */
async function verifyTDXQuote(bytes, collateral, context, checks) {
  const made = checks.checks.length;
  checks.demand(tdxQuoteChecks);
  if (collateral !== null) checks.demand(tdxCollateralChecks);
  let quote;
  try {
    quote = tdxReadQuote(bytes);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    checks.fail("tdx.format", `${error.field}: ${error.expected}`, error.actual);
    return null;
  }
  checks.pass("tdx.format", `version ${quote.version}, TD report ${quote.report.type === 2 ? "1.0" : "1.5"}`);
  const { trailing, report, enclave } = quote;
  const isPadding = trailing.length === 0 || (trailing.every((byte) => byte === 0) && tdxIsBuffer(bytes.length, trailing.length));
  checks.require("tdx.length", isPadding, "nothing after the quote, or the zeros of a buffer of a known size", `${trailing.length} bytes after the quote`);
  await tdxAttestationKey(quote, checks);
  const anchors = await tdxAnchors(context);
  const pck = await tdxVerifyPCK(quote, anchors, context.at, checks);
  if (pck === null) return null;
  let verified = { info: null, identity: null };
  if (collateral !== null) verified = await tdxVerifyCollateral(collateral, pck, anchors, context.at, checks);
  else for (const id of tdxCollateralChecks) checks.notPerformed(id, "the evidence carries no collateral");
  tdxEnclaveIdentity(enclave, verified.identity?.enclave ?? tdxPublishedEnclave, checks);
  const tcb = tdxStanding(report, verified, pck, enclave, checks);
  const fails = checks.checks.slice(made).some(({ state }) => state === "failed");
  if (fails || pck.assurance === null || pck.platform === null || (collateral !== null && tcb === null)) return null;
  return { assurance: pck.assurance, quote, platform: pck.platform, tcb };
}

async function tdxAttestationKey(quote, checks) {
  let holds = false;
  try {
    const handle = await crypto.subtle.importKey("raw", concat(Uint8Array.of(4), quote.attestationKey), { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
    holds = await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, handle, quote.signature, quote.signedBytes);
  } catch {
    // A key that is no point of the curve has signed nothing.
  }
  checks.require("tdx.quote-signature", holds, "a signature of the attestation key over header and report", holds ? "ECDSA P-256" : "no valid signature");
  const expected = concat(await sha256(concat(quote.attestationKey, quote.authenticationData)), new Uint8Array(32));
  checks.require("tdx.attestation-key", sameBytes(quote.enclave.reportData, expected), hex(expected), hex(quote.enclave.reportData));
}

function tdxEnclaveIdentity(enclave, expected, checks) {
  const holds =
    !(enclave.attributes[0] & 2) && sameBytes(enclave.mrSigner, expected.mrSigner) && enclave.productID === expected.productID &&
    tdxMasked(enclave.miscSelect, expected.miscSelect, expected.miscSelectMask) &&
    tdxMasked(enclave.attributes, expected.attributes, expected.attributesMask);
  checks.require("tdx.qe-identity", holds, `TD_QE of ${hex(expected.mrSigner)}`, `signer ${hex(enclave.mrSigner)}, version ${enclave.securityVersion}`);
}

/** Who signed the TDX module, and how it stands together with platform and quoting enclave. */
function tdxStanding(report, { info, identity }, pck, enclave, checks) {
  const [minor, major] = report.teeTCBSVN;
  if (info === null) {
    const found = concat(report.mrsignerseam, report.seamAttributes);
    checks.require("tdx.module", found.every((byte) => byte === 0), "zero as signer and attributes", hex(found));
    return null;
  }
  const name = `TDX_${hex(Uint8Array.of(major))}`;
  const module = major === 0 ? info.module : ([...info.modules].find(([id]) => id.toLowerCase() === name.toLowerCase())?.[1] ?? null);
  if (module === null) return checks.fail("tdx.module", "a module that TCB info names", `major version ${major}`) ?? null;
  const accepted = sameBytes(report.mrsignerseam, module.mrSigner) && tdxMasked(report.seamAttributes, module.attributes, module.attributesMask);
  checks.require("tdx.module", accepted, `${name} of signer ${hex(module.mrSigner)}`, `signer ${hex(report.mrsignerseam)}`);
  if (pck.platform === null || identity === null) return null;

  const first = major === 0 ? 0 : 2;
  const level = info.levels.find(
    ({ sgx, tdx, pceSVN }) =>
      pck.platform.pceSVN >= pceSVN && sgx.every((svn, at) => pck.platform.components[at] >= svn) &&
      tdx.every((svn, at) => at < first || report.teeTCBSVN[at] >= svn),
  );
  const fail = (expected, actual) => checks.fail("tdx.tcb-level", expected, actual) ?? null;
  if (level === undefined) return fail("a level of TCB info that the platform reaches", "none");
  const reached = [level];
  if (major !== 0) {
    const own = module.levels.find(({ version }) => minor >= version);
    if (own === undefined) return fail(`a level of ${name} that the module reaches`, `version ${minor}`);
    reached.push(own);
  }
  const enclaveLevel = identity.levels.find(({ version }) => enclave.securityVersion >= version);
  if (enclaveLevel === undefined) return fail("a level of TD_QE that the quoting enclave reaches", `version ${enclave.securityVersion}`);
  reached.push(enclaveLevel);
  const status = reached.map((one) => one.status).reduce(tdxJoin);
  checks.pass("tdx.tcb-level", status);
  return {
    status, advisories: [...new Set(reached.flatMap((one) => one.advisories))].sort(),
    evaluationNumber: Math.min(info.evaluationNumber, identity.evaluationNumber),
  };
}

// Policy.

const tdxAttributeBits = { lass: 27, "sept-ve-disable": 28, migratable: 29, pks: 30, "key-locker": 31, tpa: 62, perfmon: 63 };
const tdxPolicyFields = ["mrseam", "mrsignerseam", "mrconfigid", "mrowner", "mrownerconfig", "mrservicetd"];

/** "any" as null, or a list of texts that `test` accepts, as a Set. */
function tdxAccepted(reader, name, test, expected) {
  const json = reader.value(name);
  if (json === "any") return null;
  if (!Array.isArray(json) || json.length > 256 || !json.every((v) => typeof v === "string" && test(v))) {
    throw new FieldError(reader.at(name), `any, or ${expected}`, kindOf(json));
  }
  return new Set(json);
}

function tdxReadAttributes(reader, name, list) {
  if (!Array.isArray(list) || list.length > 64 || !list.every((v) => typeof v === "string" && Object.hasOwn(tdxAttributeBits, v))) {
    throw new FieldError(reader.at(name), Object.keys(tdxAttributeBits).join(", "), kindOf(list));
  }
  return list.reduce((bits, v) => bits | (1n << BigInt(tdxAttributeBits[v])), 0n);
}

/** Reads the part of a policy that is about the quote; Azure's policy has the same. */
function readTDXQuotePolicy(reader) {
  const policy = { acceptsNoCollateral: reader.typed("collateral", (v) => v === "required" || v === "any", "required or any") === "any" };
  const statuses = reader.array("tcbStatus", 6, 1);
  if (!statuses.every((v) => typeof v === "string" && Object.hasOwn(tdxStatuses, v))) {
    throw new FieldError(reader.at("tcbStatus"), Object.keys(tdxStatuses).join(", "), kindOf(statuses));
  }
  policy.statuses = new Set(statuses);
  policy.advisories = tdxAccepted(reader, "advisories", (v) => v.length > 0 && utf8(v).length <= 64, "names of advisories");
  const number = reader.typed("evaluationNumber", (v) => v === "any" || (Number.isSafeInteger(v) && v >= 0 && v <= 0xffffffff), "any, or the smallest number");
  policy.minimumEvaluationNumber = number === "any" ? null : number;
  const attributes = reader.reader("attributes");
  policy.required = tdxReadAttributes(attributes, "required", attributes.array("required", 64));
  const allowed = attributes.value("allowed");
  policy.allowed = allowed === "any" ? null : tdxReadAttributes(attributes, "allowed", allowed);
  attributes.finish();
  const values = (name, count) => tdxAccepted(reader, name, (v) => v.length === count * 2 && decodeHex(v) !== null, `values of ${count} bytes in hexadecimal`);
  policy.xfam = values("xfam", 8);
  policy.platforms = values("platforms", 16);
  policy.fields = new Map(tdxPolicyFields.map((name) => [name, values(name, 48)]));
  return policy;
}

function tdxField(id, accepted, found, checks) {
  checks.demand([id]);
  if (accepted === null) return checks.waive(id, `the policy accepts any: ${found ? hex(found) : "absent"}`);
  checks.require(id, found != null && accepted.has(hex(found)), [...accepted].join(" or ") || "nothing is accepted", found ? hex(found) : "absent");
}

/** The demands of a policy on a verified quote. */
function appraiseTDXQuote(policy, { quote, platform, tcb }, checks) {
  const { report } = quote;
  checks.demand(["tdx.collateral"]);
  if (tcb !== null) checks.pass("tdx.collateral", `evaluation number ${tcb.evaluationNumber}`);
  else if (policy.acceptsNoCollateral) checks.waive("tdx.collateral", "the policy accepts quotes without collateral");
  else checks.fail("tdx.collateral", "TCB info, enclave identity and revocation lists", "none");
  const standing = (id, check) => {
    checks.demand([id]);
    if (tcb !== null) check(id);
    else if (policy.acceptsNoCollateral) checks.waive(id, "there is no collateral");
    else checks.notPerformed(id, "there is no collateral");
  };
  standing("tdx.tcb-status", (id) => checks.require(id, policy.statuses.has(tcb.status), [...policy.statuses].join(" or "), tcb.status));
  standing("tdx.advisories", (id) => {
    const found = tcb.advisories.join(", ") || "none";
    if (policy.advisories === null) checks.waive(id, `the policy accepts any: ${found}`);
    else checks.require(id, tcb.advisories.every((v) => policy.advisories.has(v)), [...policy.advisories].join(", ") || "none", found);
  });
  standing("tdx.evaluation-number", (id) => {
    const minimum = policy.minimumEvaluationNumber;
    if (minimum === null) checks.waive(id, "the policy accepts any");
    else checks.require(id, tcb.evaluationNumber >= minimum, `at least ${minimum}`, String(tcb.evaluationNumber));
  });
  const bits = report.attributes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  checks.demand(["tdx.debug"]);
  checks.require("tdx.debug", (bits & 0xffn) === 0n, "no debug attribute", hex(report.attributes));
  const found = bits & ~0xffn;
  const permitted = policy.allowed === null || (found & ~(policy.allowed | policy.required)) === 0n;
  checks.demand(["tdx.attributes"]);
  checks.require("tdx.attributes", (found & policy.required) === policy.required && permitted, "the attributes of the policy", hex(report.attributes));
  tdxField("tdx.xfam", policy.xfam, report.xfam, checks);
  tdxField("tdx.platform", policy.platforms, platform.instance, checks);
  for (const [name, accepted] of policy.fields) tdxField(`tdx.${name}`, accepted, report[name] ?? null, checks);
}

const tdxRegisterNames = ["mrtd", "mrconfigid", "mrowner", "mrownerconfig", "mrseam", "rtmr0", "rtmr1", "rtmr2", "rtmr3"];

/** The registers of a verified quote by the names that releases use. */
function tdxRegisters({ quote }) {
  return new Map(tdxRegisterNames.map((name) => [name, quote.report[name]]));
}

evidenceKinds.tdx = {
  read(reader) {
    const evidence = { quote: readBase64(reader, "quote", tdxLimits.quote), collateral: null };
    if (reader.has("collateral")) evidence.collateral = tdxReadCollateral(reader.reader("collateral"));
    evidence.logs = readMeasurementLogs(reader);
    return evidence;
  },

  async verify({ quote, collateral, logs }, context, checks) {
    checks.demand(["tdx.binding"]);
    const verified = await verifyTDXQuote(quote, collateral, context, checks);
    if (verified === null) return null;
    const { report } = verified.quote;
    checks.bind("tdx.binding", report.reportData, context.binding, true);
    const rtmrs = new Map([0, 1, 2, 3].map((index) => [index, report[`rtmr${index}`]]));
    const measurements = await verifyMeasurementLogs(logs, { family: "rtmrs", bank: "sha384", values: rtmrs }, checks);
    return checks.holds ? { assurance: verified.assurance, registers: tdxRegisters(verified), quote: verified, measurements } : null;
  },

  readPolicy(reader) {
    return { quote: readTDXQuotePolicy(reader), measurements: readMeasurementPolicy(reader) };
  },

  async appraise(policy, claims, checks) {
    appraiseTDXQuote(policy.quote, claims.quote, checks);
    appraiseMeasurements(policy.measurements, claims.measurements, checks);
  },
};
