// Azure's confidential VMs: the hardware vouches for the key of a TPM, and the TPM's quote answers. The twin of
// Sources/Attestation/Azure.

/** The contents of NV index 0x01400001: { hardware: "snp" | "tdx", report, runtimeData }. Throws FieldError. */
function readHCLReport(bytes) {
  if (bytes.length > 8192) throw new FieldError("hcl", "at most 8192 bytes", `${bytes.length} bytes`);
  const reader = new ByteReader(bytes, "hcl");
  const number = (field, min, max) => {
    const value = reader.little(4, field);
    if (value < min || value > max) throw new FieldError(`hcl.${field}`, `${min} to ${max}`, `${value}`);
  };
  const magic = reader.take(4, "magic");
  if (!sameBytes(magic, utf8("HCLA"))) throw new FieldError("hcl.magic", "HCLA", hex(magic));
  number("version", 1, 2);
  const size = reader.little(4, "size");
  number("request type", 2, 2);
  reader.zeros(16, "status and reserved");
  const field = reader.take(1184, "report");
  const dataSize = reader.little(4, "data size");
  number("data version", 1, 1);
  const type = reader.little(4, "report type");
  if (type !== 2 && type !== 4) throw new FieldError("hcl.report type", "2 (SNP) or 4 (TDX)", `${type}`);
  number("hash type", 1, 1);
  const count = reader.little(4, "runtime data size");
  const runtimeData = reader.take(count, "runtime data");
  if (dataSize !== count + 20 || size !== 32 + 1184 + dataSize) {
    throw new FieldError("hcl.size", `${1236 + count}, and ${count + 20} of them data`, `${size}, and ${dataSize}`);
  }
  reader.zeros(reader.remaining, "end");
  if (type === 2) return { hardware: "snp", report: field, runtimeData };
  if (field.subarray(1024).some((byte) => byte !== 0)) throw new FieldError("hcl.report", "zeros behind the TDREPORT", "something else");
  return { hardware: "tdx", report: field.subarray(0, 1024), runtimeData };
}

/** The keys and the configuration that the hardware's report vouches for. Throws FieldError. */
async function readAzureRuntimeData(bytes) {
  if (bytes.length > 4096) throw new FieldError("runtime data", "at most 4096 bytes", `${bytes.length} bytes`);
  let json = null;
  try {
    json = parseJSON(bytes, { maxBytes: 4096, maxStringBytes: 4096, integersOnly: true });
  } catch (error) {
    if (!(error instanceof JSONError)) throw error;
  }
  const member = (value, name) => (value instanceof Map ? value.get(name) : undefined);
  const keys = member(json, "keys");
  if (!Array.isArray(keys) || keys.length > 8) throw new FieldError("runtime data", "JSON with at most 8 keys", "something else");
  const key = async (name) => {
    const named = keys.filter((item) => member(item, "kid") === name);
    if (named.length === 0) return null;
    const number = (part) => (typeof member(named[0], part) === "string" ? decodeBase64URL(member(named[0], part)) : null);
    const [modulus, exponent] = [number("n"), number("e")];
    if (named.length !== 1 || member(named[0], "kty") !== "RSA" || modulus === null || exponent === null) {
      throw new FieldError(`runtime data.${name}`, "one RSA key", "something else");
    }
    return importCertificateKey(rsaSubjectPublicKeyInfo(modulus, exponent));
  };
  const attestationKey = await key("HCLAkPub");
  if (attestationKey === null) throw new FieldError("runtime data.keys", "HCLAkPub", "no such key");
  const endorsementKey = await key("HCLEkPub");
  const configuration = member(json, "vm-configuration");
  const typed = (value, type) => (typeof value === type ? value : null);
  return {
    attestationKey,
    endorsementKey,
    secureBoot: typed(member(configuration, "secure-boot"), "boolean"),
    console: typed(member(configuration, "console-enabled"), "boolean"),
    machineID: typed(member(configuration, "vmUniqueId"), "string"),
    userData: typed(member(json, "user-data"), "string")?.toLowerCase() ?? null,
  };
}

/** Whether a quote is of a TDREPORT. Its MAC and CPUSVN nobody but its own machine can check. */
async function azureIsTDReportOf(quoted, report) {
  const sha384 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-384", bytes));
  const head = new Uint8Array(16);
  head[0] = 0x81;
  const [tcbInfo, domain] = [report.subarray(256, 495), report.subarray(512)];
  const names = ["attributes", "xfam", "mrtd", "mrconfigid", "mrowner", "mrownerconfig", "rtmr0", "rtmr1", "rtmr2", "rtmr3"];
  const fields = concat(...names.map((name) => quoted[name]));
  const isZero = (start, end) => report.subarray(start, end).every((byte) => byte === 0);
  return (
    sameBytes(report.subarray(0, 16), head) &&
    sameBytes(report.subarray(32, 80), await sha384(tcbInfo)) &&
    sameBytes(report.subarray(80, 128), await sha384(domain)) &&
    sameBytes(report.subarray(128, 192), quoted.reportData) &&
    isZero(192, 224) &&
    isZero(495, 512) &&
    sameBytes(tcbInfo.subarray(8, 128), concat(quoted.teeTCBSVN, quoted.mrseam, quoted.mrsignerseam, quoted.seamAttributes)) &&
    sameBytes(domain.subarray(0, fields.length), fields)
  );
}

async function verifyAzureHardware(hcl, evidence, context, checks) {
  const binding = await sha256(hcl.runtimeData);
  if (hcl.hardware === "snp") {
    checks.demand(["azure.paravisor"]);
    const claims = await verifySNPReport(hcl.report, evidence.certificates, binding, context, checks, "azure.runtime-data");
    if (claims === null) return null;
    checks.require("azure.paravisor", claims.report.vmpl === 0, "privilege level 0", `${claims.report.vmpl}`);
    return { kind: "snp", claims, registers: claims.registers };
  }
  checks.demand(["azure.td-report"]);
  if (evidence.tdQuote === null) {
    checks.fail("azure.td-report", "a quote of the TDREPORT", "absent");
    return null;
  }
  const claims = await verifyTDXQuote(evidence.tdQuote, evidence.collateral, context, checks);
  if (claims === null) return null;
  const { report } = claims.quote;
  checks.require("azure.td-report", await azureIsTDReportOf(report, hcl.report), "the TDREPORT beside the runtime data", `report data ${hex(report.reportData)}`);
  checks.bind("azure.runtime-data", report.reportData, binding, true);
  return { kind: "tdx", claims, registers: tdxRegisters(claims) };
}

/** Reads whatever can fail, or makes the check fail. */
async function azureTry(checks, id, read) {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    checks.fail(id, `${error.field}: ${error.expected}`, error.actual);
    return null;
  }
}

/** The order is that of trust: the processor's maker, the report, the runtime data, the key, the quote, the logs. */
async function verifyAzureEvidence(evidence, context, checks) {
  const first = checks.checks.length;
  checks.demand(["azure.format", "azure.runtime-data", "azure.ak", ...tpmQuoteChecks]);
  const hcl = await azureTry(checks, "azure.format", () => readHCLReport(evidence.hclReport));
  if (hcl === null) return null;
  checks.pass("azure.format", `${hcl.hardware}, ${hcl.runtimeData.length} bytes of runtime data`);
  const hardware = await verifyAzureHardware(hcl, evidence, context, checks);
  const runtimeData = await azureTry(checks, "azure.ak", () => readAzureRuntimeData(hcl.runtimeData));
  if (runtimeData === null) return null;
  const key = { type: "rsa", spki: runtimeData.attestationKey.spki };
  checks.pass("azure.ak", hex(await sha256(key.spki)));
  checks.notPerformed("azure.ak-attributes", "the runtime data has the bare key: the paravisor, which made it, is trusted to keep it");
  const signature = await azureTry(checks, "tpm.signature", () => parseTPMSignature(evidence.signature));
  if (signature === null) return null;
  const { quote, pcrs } = evidence;
  const verified = await verifyTPMQuote({ quote, signature, key, pcrs, binding: context.binding }, checks);
  const bank = tpmMeasuredBank(verified);
  if (bank === undefined) return null;
  const measurements = await verifyMeasurementLogs(evidence.logs, pcrMeasuredRegisters(bank), checks);
  if (hardware === null || checks.checks.slice(first).some(({ state }) => state === "failed")) return null;
  const registers = new Map([...hardware.registers, ...pcrRegisters(verified.banks)]);
  return { assurance: hardware.claims.assurance, registers, hardware, runtimeData, quote: verified, measurements };
}

/** A layer of a policy: what is demanded of it, or null for "none". */
function readAzureLayer(reader, name, read) {
  if (reader.value(name) === "none") return null;
  const member = reader.reader(name);
  const policy = read(member);
  member.finish();
  return policy;
}

function readAzureDemand(reader, name, demanded) {
  const json = reader.value(name);
  if (json !== demanded && json !== "any") throw new FieldError(reader.at(name), `${demanded} or any`, kindOf(json));
  return json === "any" ? null : demanded;
}

function readAzurePolicy(reader) {
  const policy = { snp: readAzureLayer(reader, "snp", readSNPPolicy), tdx: readAzureLayer(reader, "tdx", readTDXQuotePolicy) };
  if (policy.snp === null && policy.tdx === null) throw new FieldError(reader.at("snp"), "a policy for SNP or for TDX", "none for both");
  policy.secureBoot = readAzureDemand(reader, "secureBoot", true);
  policy.console = readAzureDemand(reader, "console", false);
  policy.machines = readAccepted(reader, "machines", (json) => (typeof json === "string" && json !== "" && utf8(json).length <= 64 ? json : undefined));
  policy.userData = readAccepted(reader, "userData", (json) => {
    const bytes = typeof json === "string" ? decodeHex(json) : null;
    return bytes !== null && bytes.length >= 1 && bytes.length <= 64 ? json : undefined;
  });
  policy.quote = readQuotePolicy(reader);
  policy.measurements = readMeasurementPolicy(reader);
  return policy;
}

async function appraiseAzure(policy, claims, checks) {
  const { kind } = claims.hardware;
  checks.demand(["azure.hardware"]);
  if (policy[kind] === null) checks.fail("azure.hardware", kind === "snp" ? "tdx" : "snp", kind);
  else {
    checks.pass("azure.hardware", kind);
    if (kind === "snp") appraiseSNP(policy.snp, claims.hardware.claims, checks);
    else appraiseTDXQuote(policy.tdx, claims.hardware.claims, checks);
  }
  for (const [id, name] of [["azure.secure-boot", "secureBoot"], ["azure.console", "console"]]) {
    checks.demand([id]);
    const actual = claims.runtimeData[name];
    if (policy[name] === null) checks.waive(id, "the policy accepts any");
    else checks.require(id, actual === policy[name], `${policy[name]}`, actual === null ? "not said" : `${actual}`);
  }
  appraiseMembership("azure.machine", policy.machines, claims.runtimeData.machineID, checks);
  appraiseMembership("azure.user-data", policy.userData, claims.runtimeData.userData, checks);
  appraiseQuote(policy.quote, claims.quote, checks);
  await appraiseMeasurements(policy.measurements, claims.measurements, checks);
}

evidenceKinds["azure-cvm"] = {
  read(reader) {
    const evidence = { hclReport: readBase64(reader, "hclReport", 8192), certificates: readCertificates(reader, "certificates") };
    evidence.tdQuote = reader.has("tdQuote") ? readBase64(reader, "tdQuote", tdxLimits.quote) : null;
    evidence.collateral = reader.has("collateral") ? tdxReadCollateral(reader.reader("collateral")) : null;
    evidence.quote = readBase64(reader, "quote", 1024);
    evidence.signature = readBase64(reader, "signature", 1040);
    evidence.pcrs = readPCRBanks(reader.value("pcrs"), reader.at("pcrs"));
    evidence.logs = readMeasurementLogs(reader);
    return evidence;
  },
  verify: verifyAzureEvidence,
  readPolicy: readAzurePolicy,
  appraise: appraiseAzure,
};
