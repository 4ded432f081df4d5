// Logs of measurements: what firmware and boot loaders extended into registers, and what the box measured while it ran. The second
// implementation of Sources/Attestation/EventLog and Sources/Attestation/Runtime.
//
// Registers are { family: "pcrs" or "rtmrs", bank: "sha1", "sha256", "sha384" or "sha512", values: Map of index to bytes }: what a quote has
// signed, and nothing else.

const bankHashes = { sha1: "SHA-1", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };
const bankSizes = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
const bankByIdentifier = new Map([[0x0004, "sha1"], [0x000b, "sha256"], [0x000c, "sha384"], [0x000d, "sha512"]]);
const eventLogLimits = { bytes: 2 << 20, events: 8192, banks: 8, runtimeEvents: 8192, code: 8192 };

const eventTypes = {
  noAction: 0x00000003, separator: 0x00000004, crtmContents: 0x00000007, efiVariableDriverConfig: 0x80000001,
  efiVariableBoot: 0x80000002, efiVariableBoot2: 0x8000000c, efiGPTEvent: 0x80000006, efiAction: 0x80000007,
  dstackRuntime: 0x08000001,
};
/** Types whose digest must be the hash of the logged data. Of others the data is a description that nobody hashes. */
const typesThatHashTheirData = new Set([
  eventTypes.separator, eventTypes.efiAction, eventTypes.efiGPTEvent, eventTypes.efiVariableDriverConfig,
]);

/** Which register is what, by family (TCG PC Client Platform Firmware Profile; Intel's mapping of PCRs to RTMRs). */
const registerFamilies = {
  pcrs: { secureBoot: 7, separators: [0, 1, 2, 3, 4, 5, 6, 7], loaders: [8, 11, 12], texts: [8, 12], exit: 5, runtime: 14 },
  rtmrs: { secureBoot: 0, separators: [0, 1], loaders: [2, 3], texts: [2], exit: 1, runtime: 3 },
};

async function bankHash(bank, bytes) {
  return new Uint8Array(await crypto.subtle.digest(bankHashes[bank], bytes));
}

function bankExtend(bank, register, digest) {
  return bankHash(bank, concat(register, digest));
}

/** The name that releases use. */
function registerName(registers, index) {
  return registers.family === "pcrs" ? `${registers.bank}.pcr${index}` : `rtmr${index}`;
}

// Reading

/** Reads a log strictly. Throws FieldError. An event is { register (or null), type, digests: Map of bank to bytes, data (or null), label }. */
async function readEventLog(bytes, family) {
  if (bytes.length === 0) throw new FieldError("eventLog", "events", "a log of no bytes");
  if (bytes.length > eventLogLimits.bytes) throw new FieldError("eventLog", `at most ${eventLogLimits.bytes} bytes`, `${bytes.length} bytes`);
  if (family === "rtmrs" && bytes[0] === 0x5b) return readDstackEventLog(bytes);
  const reader = new EventLogReader(bytes, family);
  return reader.read();
}

class EventLogReader {
  events = [];
  startupLocality = null;
  measuresRegister0 = false;

  constructor(bytes, family) {
    this.reader = new ByteReader(bytes);
    this.bytes = bytes;
    this.family = family;
  }

  async read() {
    const first = this.legacyEvent(0);
    if (first.type !== eventTypes.noAction || !logStartsWith(first.data, utf8("Spec ID Event03\0"))) return this.readLegacy(first);
    const announced = readSpecID(first.data);
    if (first.digests.get("sha1").some((byte) => byte !== 0) || (first.register !== 0 && this.family === "pcrs")) {
      throw new FieldError("event[0]", "a Spec ID event of PCR 0 without digest", "another");
    }
    let padding = 0;
    while (this.reader.remaining > 0) {
      padding = this.paddingCount();
      if (padding > 0) break;
      await this.append(this.agileEvent(announced));
    }
    const isWhole = (bank) => this.events.every(({ type, digests }) => type === eventTypes.noAction || digests.has(bank));
    const banks = announced.map(({ bank }) => bank).filter((bank) => bank !== null && isWhole(bank));
    return { form: "crypto-agile", banks, events: this.events, startupLocality: this.startupLocality, padding };
  }

  async readLegacy(first) {
    if (this.family !== "pcrs") throw new FieldError("event[0]", "a Spec ID event: RTMRs are SHA-384", "another event");
    await this.append(first);
    while (this.reader.remaining > 0) await this.append(this.legacyEvent(this.events.length));
    return { form: "legacy", banks: ["sha1"], events: this.events, startupLocality: this.startupLocality, padding: 0 };
  }

  /** All that is left, if it is one byte, 0x00 or 0xff, over and over. A TPM's log has no padding. */
  paddingCount() {
    const last = this.bytes[this.bytes.length - 1];
    if (this.family !== "rtmrs" || (last !== 0 && last !== 0xff)) return 0;
    return this.bytes.subarray(this.reader.offset).every((byte) => byte === last) ? this.reader.remaining : 0;
  }

  async append(event) {
    if (this.events.length >= eventLogLimits.events) throw new FieldError("eventLog", `at most ${eventLogLimits.events} events`, "more");
    if (event.type === eventTypes.noAction) await this.unmeasured(event);
    else if (event.register === 0) this.measuresRegister0 = true;
    this.events.push(event);
  }

  /** Nobody extends these, so nothing but this protects what they say: no digest, or that of their data. */
  async unmeasured(event) {
    const field = `event[${this.events.length}]`;
    for (const [bank, digest] of event.digests) {
      if (digest.every((byte) => byte === 0) || sameBytes(digest, await bankHash(bank, event.data))) continue;
      throw new FieldError(field, "no digest in an event that is not extended", hex(digest));
    }
    const signature = utf8("StartupLocality\0");
    if (!logStartsWith(event.data, signature)) return;
    const locality = event.data[signature.length];
    const isFirst = event.register === 0 && this.startupLocality === null && !this.measuresRegister0;
    if (this.family !== "pcrs" || !isFirst || event.data.length !== signature.length + 1 || ![0, 3, 4].includes(locality)) {
      throw new FieldError(field, "one start-up locality of 0, 3 or 4 before PCR 0 is extended", hex(event.data.subarray(0, 32)));
    }
    this.startupLocality = locality;
  }

  legacyEvent(index) {
    const field = `event[${index}]`;
    const raw = this.reader.little(4, `${field}.register`);
    const type = this.reader.little(4, `${field}.type`);
    const register = this.register(raw, type, field);
    const digests = new Map([["sha1", this.reader.take(20, `${field}.digest`)]]);
    return { register, type, digests, data: this.data(field), label: null };
  }

  agileEvent(announced) {
    const field = `event[${this.events.length + 1}]`;
    const raw = this.reader.little(4, `${field}.register`);
    const type = this.reader.little(4, `${field}.type`);
    const register = this.register(raw, type, field);
    const count = this.reader.little(4, `${field}.digestCount`);
    // Windows logs what it measures in the one bank that it uses, below firmware that logs them all.
    if (count < 1 || count > announced.length) {
      throw new FieldError(`${field}.digestCount`, `1 to ${announced.length}, at most one of each bank`, `${count}`);
    }
    const digests = new Map();
    const seen = new Set();
    for (let index = 0; index < count; index++) {
      const identifier = this.reader.little(2, `${field}.algorithm`);
      const found = announced.find((one) => one.identifier === identifier);
      if (found === undefined || seen.has(identifier)) {
        throw new FieldError(`${field}.algorithm`, "at most one digest of each bank of the Spec ID event", `0x${identifier.toString(16)}`);
      }
      seen.add(identifier);
      const digest = this.reader.take(found.size, `${field}.digest`);
      if (found.bank !== null) digests.set(found.bank, digest);
    }
    return { register, type, digests, data: this.data(field), label: null };
  }

  data(field) {
    return this.reader.take(this.reader.little(4, `${field}.size`), `${field}.data`);
  }

  register(raw, type, field) {
    if (this.family === "pcrs") {
      if (raw < 24) return raw;
    } else {
      if (raw >= 1 && raw <= 4) return raw - 1;
      if (raw === 0 && type === eventTypes.noAction) return null;
    }
    if (raw === 0xffffffff && type === eventTypes.noAction) return null;
    throw new FieldError(`${field}.register`, this.family === "pcrs" ? "a PCR from 0 to 23" : "a register from 1 to 4", `${raw}`);
  }
}

/** TCG_EfiSpecIDEvent: held to its exact shape, and nothing but the banks is used. */
function readSpecID(data) {
  const reader = new ByteReader(data, "event[0]");
  reader.take(16, "signature");
  const platformClass = reader.little(4, "platformClass");
  const minor = reader.little(1, "specVersionMinor");
  const major = reader.little(1, "specVersionMajor");
  reader.take(1, "specErrata");
  const uintnSize = reader.little(1, "uintnSize");
  if (platformClass > 1 || minor !== 0 || major !== 2 || uintnSize < 1 || uintnSize > 2) {
    throw new FieldError("event[0]", "platform class 0 or 1, version 2.0, 32 or 64 bits", hex(data.subarray(16, 24)));
  }
  const count = reader.little(4, "numberOfAlgorithms");
  if (count < 1 || count > eventLogLimits.banks) throw new FieldError("event[0].numberOfAlgorithms", `1 to ${eventLogLimits.banks}`, `${count}`);
  const announced = [];
  for (let index = 0; index < count; index++) {
    const identifier = reader.little(2, "algorithm");
    const size = reader.little(2, "digestSize");
    const bank = bankByIdentifier.get(identifier) ?? null;
    const isWrongSize = size < 16 || size > 64 || (bank !== null && bankSizes[bank] !== size);
    if (isWrongSize || announced.some((one) => one.identifier === identifier)) {
      throw new FieldError("event[0].digestSize", "the size of the hash, each bank once", `${size} bytes`);
    }
    announced.push({ identifier, size, bank });
  }
  reader.take(reader.little(1, "vendorInfoSize"), "vendorInfo");
  reader.finish();
  return announced;
}

/** dstack's JSON: digests of named events are recomputed as SHA-384 over type (little-endian), ":", name, ":", payload. */
async function readDstackEventLog(bytes) {
  let json;
  try {
    json = parseJSON(bytes, { maxBytes: eventLogLimits.bytes, maxStringBytes: eventLogLimits.bytes, integersOnly: true });
  } catch (error) {
    throw new FieldError("eventLog", "JSON", error.message);
  }
  if (!Array.isArray(json) || json.length < 1 || json.length > eventLogLimits.events) {
    throw new FieldError("eventLog", `an array of 1 to ${eventLogLimits.events} events`, kindOf(json));
  }
  const events = [];
  for (const [index, item] of json.entries()) events.push(await readDstackEvent(new FieldReader(item, `event[${index}]`)));
  return { form: "dstack", banks: ["sha384"], events, startupLocality: null, padding: 0 };
}

async function readDstackEvent(reader) {
  const register = reader.integer("imr", 0, 3);
  const type = reader.integer("event_type", 0, 0xffffffff);
  const name = reader.string("event", 1024);
  const payload = readHex(reader, "event_payload", 0, 1 << 20);
  const digest = readHex(reader, "digest", 0, 48);
  if (digest.length !== 0 && digest.length !== 48) throw new FieldError(reader.at("digest"), "48 bytes or none", `${digest.length} bytes`);
  if (type !== eventTypes.dstackRuntime) {
    if (digest.length === 0 && type !== eventTypes.noAction) throw new FieldError(reader.at("digest"), "48 bytes", "none");
    return { register, type, digests: new Map([["sha384", digest]]), data: payload.length === 0 ? null : payload, label: null };
  }
  const number = Uint8Array.from([0, 8, 16, 24], (shift) => (type >>> shift) & 0xff);
  const computed = await bankHash("sha384", concat(number, utf8(":"), utf8(name), utf8(":"), payload));
  if (digest.length !== 0 && !sameBytes(digest, computed)) throw new FieldError(reader.at("digest"), hex(computed), hex(digest));
  return { register, type, digests: new Map([["sha384", computed]]), data: payload, label: name };
}

function logStartsWith(bytes, prefix) {
  return bytes.length >= prefix.length && sameBytes(bytes.subarray(0, prefix.length), prefix);
}

// Replay

/** What a register holds before the first event. */
function initialRegister(log, index, bank) {
  const value = new Uint8Array(bankSizes[bank]);
  if (index === 0 && log.startupLocality !== null) value[value.length - 1] = log.startupLocality;
  return value;
}

/** What the registers hold after all events of a bank, by index. */
async function replayEventLog(log, bank) {
  const values = new Map();
  for (const { register, type, digests } of log.events) {
    if (type === eventTypes.noAction || register === null || !digests.has(bank)) continue;
    values.set(register, await bankExtend(bank, values.get(register) ?? initialRegister(log, register, bank), digests.get(bank)));
  }
  return values;
}

// Names

/** UTF-8 without zeros, or null. */
function loggedUTF8(bytes) {
  return bytes.includes(0) ? null : fromUTF8(bytes);
}

/** UTF-16, little-endian, without zeros, or null. */
function loggedUTF16(bytes) {
  if (bytes.length % 2 !== 0) return null;
  let text;
  try {
    text = new TextDecoder("utf-16le", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
  return text.includes("\0") ? null : text;
}

/** UTF-16, little-endian, with one zero at its end, or null. */
function loggedTerminatedUTF16(bytes) {
  if (bytes.length < 4 || bytes[bytes.length - 1] !== 0 || bytes[bytes.length - 2] !== 0) return null;
  return loggedUTF16(bytes.subarray(0, bytes.length - 2));
}

const efiGlobalVariable = "61dfe48bca93d211aa0d00e098032b8c";
const efiImageSecurityDatabase = "cbb219d73a3d9645a3bcdad00e67656f";
const shimVendor = "50ab5d6046e00043abb63dd810dd8b23";

/** UEFI_VARIABLE_DATA, or null where the bytes are not exactly one variable. */
function readEFIVariable(data) {
  try {
    const reader = new ByteReader(data);
    const vendor = hex(reader.take(16, "vendor"));
    const lengths = [reader.little(4, "nameLength"), reader.little(4, "nameLength"), reader.little(4, "valueLength"), reader.little(4, "valueLength")];
    if (lengths[1] !== 0 || lengths[3] !== 0 || lengths[0] > 1024 || lengths[2] > data.length) return null;
    const name = loggedUTF16(reader.take(lengths[0] * 2, "name"));
    const value = reader.take(lengths[2], "value");
    reader.finish();
    if (name === null) return null;
    const policyNames = { [efiGlobalVariable]: ["SecureBoot", "PK", "KEK"], [efiImageSecurityDatabase]: ["db", "dbx", "dbt", "dbr"] };
    const isSecureBootPolicy = (policyNames[vendor] ?? []).includes(name);
    const isAuthority = (vendor === efiImageSecurityDatabase && name === "db") || vendor === shimVendor;
    return { name, value, isSecureBootPolicy, isAuthority };
  } catch (error) {
    if (error instanceof FieldError) return null;
    throw error;
  }
}

const efiActions = [
  "Calling EFI Application from Boot Option", "Exit Boot Services Invocation", "Exit Boot Services Returned with Success",
  "Returning from EFI Application from Boot Option", "Exit Boot Services Returned with Failure",
];
const loaderPrefixes = ["grub_cmd: ", "grub_cmd ", "kernel_cmdline: ", "grub_kernel_cmdline ", "module_cmdline: "].map(utf8);

/** Names every event as far as its digest proves it: { kind, ... }. */
async function nameMeasurements(log, bank) {
  const separators = await separatorDigests(bank);
  const pending = new Map();
  const names = [];
  for (const event of log.events) {
    if (event.type === eventTypes.noAction || event.register === null) {
      names.push({ kind: "opaque" });
      continue;
    }
    const section = pending.get(event.register);
    pending.delete(event.register);
    if (section !== undefined && event.data !== null && sameBytes(event.data, section.label)) {
      names.push({ kind: "section", name: section.name });
      continue;
    }
    const name = await nameMeasurement(event, bank, separators);
    if (name.kind === "sectionName") pending.set(event.register, { name: name.name, label: event.data });
    names.push(name);
  }
  return names;
}

/** The digests of separators: whether each reports an error. */
async function separatorDigests(bank) {
  const digests = new Map();
  for (const data of ["00000000", "ffffffff", "01000000"]) digests.set(hex(await bankHash(bank, decodeHex(data))), data === "01000000");
  return digests;
}

async function nameMeasurement(event, bank, separators) {
  const digest = event.digests.get(bank);
  const isError = separators.get(hex(digest));
  if (isError !== undefined) return { kind: "separator", isError };
  if (event.type === eventTypes.dstackRuntime && event.label !== null && event.data !== null) {
    return { kind: "application", name: event.label, payload: event.data };
  }
  const { data } = event;
  if (data === null) return { kind: "opaque" };
  if (sameBytes(digest, await bankHash(bank, data))) {
    const variable = readEFIVariable(data);
    if (variable !== null) return { kind: "variable", variable };
    const action = loggedUTF8(data);
    if (action !== null && efiActions.includes(action)) return { kind: "action" };
    const text = loggedTerminatedUTF16(data);
    return text === null ? { kind: "opaque" } : { kind: "text", text };
  }
  for (const prefix of loaderPrefixes) {
    if (!logStartsWith(data, prefix)) continue;
    for (let dropped = 0; dropped <= 2; dropped++) {
      const hashed = data.subarray(prefix.length, Math.max(prefix.length, data.length - dropped));
      if (!sameBytes(digest, await bankHash(bank, hashed))) continue;
      // Some versions hash the text with its zero.
      const text = loggedUTF8(hashed[hashed.length - 1] === 0 ? hashed.subarray(0, hashed.length - 1) : hashed);
      if (text !== null) return { kind: "text", text };
    }
  }
  const text = loggedTerminatedUTF16(data);
  if (text === null) return { kind: "opaque" };
  if (text.startsWith(".") && sameBytes(digest, await bankHash(bank, utf8(`${text}\0`)))) return { kind: "sectionName", name: text };
  if (sameBytes(digest, await bankHash(bank, data.subarray(0, data.length - 2)))) return { kind: "text", text };
  return { kind: "opaque" };
}

// Facts

/** What the log proves, from registers that it yields as they were signed; in the form of the report. */
function readBootFacts(log, names, registers, proved, phases) {
  const family = registerFamilies[registers.family];
  const eventsOf = (index) =>
    log.events.flatMap((event, position) =>
      event.type !== eventTypes.noAction && event.register === index ? [{ type: event.type, digest: hex(event.digests.get(registers.bank)), measurement: names[position] }] : [],
    );
  const facts = {
    bank: registers.bank, registers: proved.map((index) => registerName(registers, index)), secureBoot: null, variables: [], authorities: [],
    sections: [], loaderTexts: [], loaderTextsAreComplete: true, phases, applicationEvents: [], irregularities: [],
  };
  if (proved.includes(family.secureBoot)) readSecureBootFacts(facts, eventsOf(family.secureBoot), registerName(registers, family.secureBoot));
  for (const index of family.loaders.filter((index) => proved.includes(index))) {
    for (const { digest, measurement } of eventsOf(index)) {
      const { kind } = measurement;
      if (kind === "text") facts.loaderTexts.push(measurement.text);
      else if (kind === "section") facts.sections.push(object({ name: measurement.name, digest }));
      else if (kind === "application") facts.applicationEvents.push(object({ name: measurement.name, payload: hex(measurement.payload) }));
      if (family.texts.includes(index) && (kind === "section" || kind === "opaque")) facts.loaderTextsAreComplete = false;
    }
  }
  for (const index of family.separators) {
    const events = eventsOf(index);
    const separators = events.filter(({ type, measurement }) => type === eventTypes.separator && measurement.kind === "separator");
    const name = registerName(registers, index);
    if (separators.length === 0 && events.length > 0) facts.irregularities.push(`missing-separator: ${name}`);
    if (separators.length > 1) facts.irregularities.push(`duplicate-separator: ${name}`);
    if (separators.some(({ measurement }) => measurement.isError)) facts.irregularities.push(`error-separator: ${name}`);
  }
  return object(facts);
}

/** Only what stands before the first separator is the firmware's own word: whoever runs after it can extend what he likes. */
function readSecureBootFacts(facts, events, register) {
  const boundary = events.findIndex(({ measurement }) => measurement.kind === "separator");
  if (boundary < 0) return;
  for (const [position, { digest, measurement }] of events.entries()) {
    if (measurement.kind !== "variable") continue;
    const { name, value, isSecureBootPolicy, isAuthority } = measurement.variable;
    if (position < boundary && isSecureBootPolicy) {
      if (facts.variables.some((variable) => variable.get("name") === name)) facts.irregularities.push(`repeated-variable: ${register}`);
      facts.variables.push(object({ name, digest }));
      if (name === "SecureBoot") facts.secureBoot = value.length === 1 && value[0] === 1;
    } else if (position > boundary) {
      if (isAuthority) facts.authorities.push(object({ name, digest }));
      else if (isSecureBootPolicy) facts.irregularities.push(`late-variable: ${register}`);
    }
  }
  if (facts.variables.filter((variable) => variable.get("name") === "SecureBoot").length !== 1) facts.secureBoot = null;
}

// Verification

const eventLogChecks = ["eventlog.format", "eventlog.data", "eventlog.replay"];
const runtimeChecks = ["runtime.lock", "runtime.replay"];

/** Holds a firmware log against registers. Returns { facts, replayed }, or null where a check failed. */
async function verifyEventLog(bytes, registers, continued, checks) {
  checks.demand(eventLogChecks);
  let log;
  try {
    log = await readEventLog(bytes, registers.family);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    checks.fail("eventlog.format", `${error.field}: ${error.expected}`, error.actual);
    return null;
  }
  checks.pass("eventlog.format", `${log.form}, ${log.events.length} events`);
  const { bank } = registers;
  if (!log.banks.includes(bank)) {
    checks.fail("eventlog.replay", `digests of ${bank} in every event`, log.banks.join(", "));
    return null;
  }
  const hasSoundData = await checkEventData(log, registers, checks);
  const replayed = await replayEventLog(log, bank);
  const result = await checkEventLogReplay(log, replayed, registers, continued, checks);
  if (result === null || !hasSoundData) return null;
  return { facts: readBootFacts(log, await nameMeasurements(log, bank), registers, result.proved, result.phases), replayed };
}

async function checkEventData(log, registers, checks) {
  const separators = await separatorDigests(registers.bank);
  const closed = registerFamilies[registers.family].separators;
  let hashed = 0;
  for (const [index, { register, type, digests, data }] of log.events.entries()) {
    if (type === eventTypes.noAction) continue;
    const digest = digests.get(registers.bank);
    const hasDigest = separators.has(hex(digest));
    const holds = type === eventTypes.separator ? hasDigest : !hasDigest || (await isCoincidence(register, type, data, digest, registers));
    if (closed.includes(register) && !holds) {
      checks.fail("eventlog.data", `event ${index}: the type and the digest of a separator, or neither`, hex(digest));
      return false;
    }
    if (!typesThatHashTheirData.has(type) || data === null) continue;
    const computed = await bankHash(registers.bank, data);
    if (!sameBytes(digest, computed)) {
      checks.fail("eventlog.data", `event ${index}: ${hex(computed)}`, hex(digest));
      return false;
    }
    hashed++;
  }
  checks.pass("eventlog.data", `${hashed} events are what their digests say`);
  return true;
}

/** Four bytes of a separator may be the value of a boot variable, or stand for a trusted part of firmware that was not there. */
async function isCoincidence(register, type, data, digest, { family, bank }) {
  if (type === eventTypes.crtmContents) return family === "pcrs" && register === 0;
  if (type !== eventTypes.efiVariableBoot && type !== eventTypes.efiVariableBoot2) return false;
  const variable = data === null ? null : readEFIVariable(data);
  return variable !== null && sameBytes(digest, await bankHash(bank, variable.value));
}

async function checkEventLogReplay(log, replayed, registers, continued, checks) {
  const family = registerFamilies[registers.family];
  const proved = [];
  let phases = [];
  const expected = [];
  const actual = [];
  for (const [index, signed] of [...registers.values].sort(([a], [b]) => a - b)) {
    if (index === continued) continue;
    // Registers of the operating system may hold what no firmware log tells of; those of the firmware may not.
    const value = replayed.get(index) ?? (family.separators.includes(index) ? initialRegister(log, index, registers.bank) : null);
    if (value === null) continue;
    const found = !sameBytes(value, signed) && registers.family === "pcrs" && index === 11 ? await systemdPhases(value, signed, registers.bank) : null;
    if (sameBytes(value, signed) || found !== null) {
      proved.push(index);
      phases = found ?? phases;
    } else {
      expected.push(`${registerName(registers, index)} ${hex(signed)}`);
      actual.push(`${registerName(registers, index)} ${hex(value)}${index === family.exit ? await missingExitRemark(value, signed, registers.bank) : ""}`);
    }
  }
  if (expected.length > 0) {
    checks.fail("eventlog.replay", expected.join(", "), actual.join(", "));
    return null;
  }
  if (!proved.some((index) => replayed.has(index))) {
    checks.fail("eventlog.replay", "a signed register that the log is about", [...registers.values.keys()].map((index) => registerName(registers, index)).join(", "));
    return null;
  }
  checks.pass("eventlog.replay", proved.map((index) => registerName(registers, index)).join(", "));
  return { proved, phases };
}

/** A known defect of logs, recognised for the reader's sake: it stays a mismatch. */
async function missingExitRemark(value, signed, bank) {
  let completed = value;
  for (const action of efiActions.slice(1, 3)) completed = await bankExtend(bank, completed, await bankHash(bank, utf8(action)));
  return sameBytes(completed, signed) ? " (the log lacks the two events of ExitBootServices)" : "";
}

/** The words that systemd-pcrphase extends into PCR 11 while the system starts; null where they do not lead to the signed value. */
async function systemdPhases(value, signed, bank) {
  const words = ["enter-initrd", "leave-initrd", "sysinit", "ready", "shutdown", "final"];
  for (const start of [0, 2]) {
    let current = value;
    for (let end = start; end < words.length; end++) {
      current = await bankExtend(bank, current, await bankHash(bank, utf8(words[end])));
      if (sameBytes(current, signed)) return words.slice(start, end + 1);
    }
  }
  return null;
}

// Runtime events

const runtimeKinds = { tool: 1, policy: 2, model: 3, runner: 4, lock: 5 };

/** Reads an array of { kind, name, digest }. Throws FieldError. */
function readRuntimeLog(json, path) {
  return json.map((item, index) => {
    const reader = new FieldReader(item, `${path}[${index}]`);
    const kind = reader.typed("kind", (v) => typeof v === "string" && Object.hasOwn(runtimeKinds, v), Object.keys(runtimeKinds).join(", "));
    const name = reader.typed("name", (v) => typeof v === "string" && v !== "" && utf8(v).length <= 256, "1 to 256 bytes of UTF-8");
    const digest = reader.digest("digest");
    reader.finish();
    return { kind, name, digest };
  });
}

/** What is extended into a register of this bank. */
function runtimeDigest({ kind, name, digest }, bank) {
  const text = utf8(name);
  const length = Uint8Array.from([24, 16, 8, 0], (shift) => (text.length >>> shift) & 0xff);
  return bankHash(bank, concat(utf8("safebox/measure/v1\0"), Uint8Array.of(runtimeKinds[kind]), length, text, decodeHex(digest)));
}

function runtimeIsLocked(runtime) {
  return runtime.length > 0 && runtime.findIndex(({ kind }) => kind === "lock") === runtime.length - 1;
}

async function verifyRuntimeLog(runtime, initial, registers, checks) {
  checks.demand(runtimeChecks);
  const lock = runtime.findIndex(({ kind }) => kind === "lock");
  const isClosed = lock < 0 || lock === runtime.length - 1;
  checks.require("runtime.lock", isClosed, "no event after the lock", lock < 0 ? "not locked" : `${runtime.length - 1 - lock} after the lock`);
  const index = registerFamilies[registers.family].runtime;
  const signed = registers.values.get(index);
  const name = registerName(registers, index);
  if (signed === undefined) {
    checks.fail("runtime.replay", name, "it was not signed");
    return false;
  }
  let value = initial ?? new Uint8Array(bankSizes[registers.bank]);
  for (const event of runtime) value = await bankExtend(registers.bank, value, await runtimeDigest(event, registers.bank));
  return checks.require("runtime.replay", sameBytes(value, signed), `${name} ${hex(signed)}`, `${name} ${hex(value)}`) && isClosed;
}

// What kinds of evidence call

/** Takes the members `eventLog` and `runtime`, both of which may be absent: { eventLog, runtime }, null for what is. */
function readMeasurementLogs(reader) {
  const eventLog = reader.has("eventLog") ? readBase64(reader, "eventLog", eventLogLimits.bytes) : null;
  const runtime = reader.has("runtime") ? readRuntimeLog(reader.array("runtime", eventLogLimits.runtimeEvents), reader.at("runtime")) : null;
  return { eventLog, runtime };
}

/** Holds the logs against registers that were signed. Returns claims { boot, runtime }: Maps of facts, and events; null for what is not there. */
async function verifyMeasurementLogs(logs, registers, checks) {
  const claims = { boot: null, runtime: null, register: registerName(registers, registerFamilies[registers.family].runtime) };
  let initial = null;
  let initialIsKnown = true;
  if (logs.eventLog !== null) {
    const runtimeIndex = registerFamilies[registers.family].runtime;
    const result = await verifyEventLog(logs.eventLog, registers, logs.runtime === null ? null : runtimeIndex, checks);
    claims.boot = result?.facts ?? null;
    initial = result?.replayed.get(runtimeIndex) ?? null;
    initialIsKnown = result !== null;
  } else {
    for (const id of eventLogChecks) checks.notApplicable(id, "the evidence has no event log");
  }
  if (logs.runtime === null) {
    for (const id of runtimeChecks) checks.notApplicable(id, "the evidence has no runtime events");
  } else if (!initialIsKnown) {
    checks.demand(runtimeChecks);
    for (const id of runtimeChecks) checks.notPerformed(id, "the event log before them does not hold");
  } else if (await verifyRuntimeLog(logs.runtime, initial, registers, checks)) {
    claims.runtime = logs.runtime;
  }
  return claims;
}

/** The claims in the form of the report. */
function measurementReport({ boot, runtime, register }) {
  const events = runtime?.map((event) => object(event));
  return object({ eventLog: boot, runtime: runtime === null ? null : object({ register, locked: runtimeIsLocked(runtime), events }) });
}

/** Takes the members `eventLog` and `runtime` of a kind's policy, both of which must be there. */
function readMeasurementPolicy(reader) {
  const policy = { eventLog: null };
  if (reader.value("eventLog") !== "any") {
    const rule = reader.reader("eventLog");
    policy.eventLog = { secureBoot: readLogDemand(rule, "secureBoot", true), separators: readLogDemand(rule, "separators", "regular") };
    rule.finish();
  }
  const rule = reader.reader("runtime");
  policy.code = null;
  if (rule.value("code") !== "any") {
    const digests = rule.array("code", eventLogLimits.code);
    for (const [index, digest] of digests.entries()) {
      if (typeof digest !== "string" || !digestPattern.test(digest)) {
        throw new FieldError(`${rule.at("code")}[${index}]`, "64 lower-case hexadecimal digits", kindOf(digest));
      }
    }
    policy.code = new Set(digests);
  }
  policy.locked = readLogDemand(rule, "locked", true);
  rule.finish();
  return policy;
}

/** Whether a member is the value; false for the word any. */
function readLogDemand(reader, name, value) {
  return reader.typed(name, (v) => v === value || v === "any", `${value} or any`) === value;
}

/** The demands of a policy on logs. */
function appraiseMeasurements(policy, claims, checks) {
  checks.demand(["eventlog.present", "eventlog.secure-boot", "eventlog.separators", "runtime.code", "runtime.locked"]);
  appraiseEventLog(policy.eventLog, claims.boot, checks);
  if (policy.code === null) {
    checks.waive("runtime.code", "the policy accepts any code");
  } else if (claims.runtime === null) {
    checks.fail("runtime.code", "a log of runtime events", "none");
  } else {
    const others = claims.runtime.filter(({ kind, digest }) => kind !== "lock" && !policy.code.has(digest));
    checks.require("runtime.code", others.length === 0, "accepted code only", others.slice(0, 8).map(({ kind, digest }) => `${kind} ${digest}`).join(", "));
  }
  if (policy.locked) {
    const holds = claims.runtime !== null && runtimeIsLocked(claims.runtime);
    checks.require("runtime.locked", holds, "a lock at the end", holds ? "locked" : "not locked");
  } else {
    checks.waive("runtime.locked", "the policy accepts a box that is not locked");
  }
}

function appraiseEventLog(rule, boot, checks) {
  if (rule === null) {
    for (const id of ["eventlog.present", "eventlog.secure-boot", "eventlog.separators"]) checks.waive(id, "the policy accepts any event log, or none");
    return;
  }
  if (boot === null) return checks.fail("eventlog.present", "an event log", "none");
  checks.pass("eventlog.present", `${boot.get("registers").length} registers`);
  if (rule.secureBoot) {
    const state = boot.get("secureBoot");
    checks.require("eventlog.secure-boot", state === true, "on", state === null ? "not proved" : state ? "on" : "off");
  } else {
    checks.waive("eventlog.secure-boot", "the policy accepts any state of secure boot");
  }
  if (rule.separators) {
    const irregularities = boot.get("irregularities");
    checks.require("eventlog.separators", irregularities.length === 0, "one separator in each register of the firmware", irregularities.join(", "));
  } else {
    checks.waive("eventlog.separators", "the policy accepts irregular logs");
  }
}
