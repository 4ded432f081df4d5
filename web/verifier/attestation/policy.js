// Appraisal policies (safebox-appraisal/v1): every demand is written out, and "any" is a word.

const anchorPurposes = ["amd-sev", "intel-sgx", "aws-nitro", "google-vtpm", "nvidia-device", "tpm"];

/** Those that releases may name: a combination is measured by its members. */
const measuredKinds = ["tpm", "gcp-vtpm", "sev-snp", "azure-cvm", "tdx", "nitro-enclave", "nitrotpm", "nvidia-gpu"];

/** Reads a policy. Rejects with FieldError. */
async function readAppraisalPolicy(json) {
  const reader = new FieldReader(json, "");
  const format = reader.string("format", 64);
  if (format !== "safebox-appraisal/v1") throw new FieldError("format", "safebox-appraisal/v1", kindOf(format));
  const policy = { name: reader.string("name", 128) };
  const assurance = reader.string("assurance", 16);
  if (assurance !== "hardware" && assurance !== "any") throw new FieldError("assurance", "hardware or any", kindOf(assurance));
  policy.acceptsSoftware = assurance === "any";
  policy.anchors = reader.array("anchors", 32).map((json, index) => {
    const member = new FieldReader(json, `anchors[${index}]`);
    const name = member.string("name", 128);
    const purpose = member.typed("purpose", (v) => anchorPurposes.includes(v), anchorPurposes.join(", "));
    const certificate = readBase64(member, "certificate", 8192);
    const anchor = { name, purpose, certificate, assurance: readAssurance(member, name) };
    member.finish();
    return anchor;
  });
  for (const [index, { certificate }] of policy.anchors.entries()) {
    try {
      await parseCertificate(certificate);
    } catch (error) {
      throw new FieldError(`anchors[${index}].certificate`, "a certificate in DER", error.message);
    }
  }
  policy.enrolled = new Map(
    reader.array("enrolled", 1024).map((json, index) => {
      const member = new FieldReader(json, `enrolled[${index}]`);
      const name = member.string("name", 128);
      const entry = [hex(readHex(member, "ak", 34, 66)), readAssurance(member, name)];
      member.finish();
      return entry;
    }),
  );
  policy.releases = readReleases(reader);
  policy.platforms = readPlatforms(reader, "platforms", Object.keys(evidenceKinds));
  reader.finish();
  return policy;
}

/** {KIND: DEMANDS} as a Map, of these kinds only. */
function readPlatforms(reader, name, kinds) {
  const platforms = new Map();
  const json = reader.map(name);
  if (json.size === 0) throw new FieldError(reader.at(name), "an object with a member for each accepted kind", "an object");
  for (const [kind, demands] of json) {
    if (!kinds.includes(kind)) throw new FieldError(reader.at(name), kinds.join(", "), kindOf(kind));
    const member = new FieldReader(demands, `${reader.at(name)}.${kind}`);
    platforms.set(kind, evidenceKinds[kind].readPolicy(member));
    member.finish();
  }
  return platforms;
}

function readAssurance(reader, by) {
  return { type: reader.typed("assurance", (v) => v === "hardware" || v === "software", "hardware or software"), by };
}

/** Bytes in padded base64, at most `max` of them. */
function readBase64(reader, name, max) {
  const bytes = decodeBase64(reader.string(name, Math.floor((max + 2) / 3) * 4));
  if (bytes === null || bytes.length > max) throw new FieldError(reader.at(name), `at most ${max} bytes in base64`, "something else");
  return bytes;
}

/** Bytes in lower-case hexadecimal. */
function readHex(reader, name, min, max) {
  const bytes = decodeHex(reader.string(name, max * 2));
  if (bytes === null || bytes.length < min || bytes.length > max) {
    throw new FieldError(reader.at(name), `${min} to ${max} bytes in hexadecimal`, "something else");
  }
  return bytes;
}

function decodeHex(text) {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Certificates as an array of base64 of DER, leaf first. */
function readCertificates(reader, name, maxCount = 8) {
  return reader.array(name, maxCount).map((text, index) => {
    const der = typeof text === "string" ? decodeBase64(text) : null;
    if (der === null || der.length > 8192) {
      throw new FieldError(`${reader.at(name)}[${index}]`, "at most 8192 bytes of DER in base64", kindOf(text));
    }
    return der;
  });
}

function readReleases(reader) {
  const json = reader.value("releases");
  if (json === "any") return null;
  if (!Array.isArray(json) || json.length < 1 || json.length > 64) {
    throw new FieldError("releases", "any, or 1 to 64 releases", kindOf(json));
  }
  return json.map((release, index) => readRelease(release, `releases[${index}]`));
}

/** A release of software: { name, version, references }. Throws FieldError. */
function readRelease(json, path) {
  const member = new FieldReader(json, path);
  const release = { name: member.string("name", 128), version: member.string("version", 64) };
  release.references = readReferences(member.value("references"), member.at("references"));
  member.finish();
  return release;
}

/** {KIND: {REGISTER: [HEX, ...]}} as a Map of Maps of lists of hexadecimal texts. */
function readReferences(json, path) {
  if (!(json instanceof Map) || json.size < 1 || json.size > 8) {
    throw new FieldError(path, "an object of 1 to 8 kinds of evidence", kindOf(json));
  }
  for (const [kind, registers] of json) {
    if (!measuredKinds.includes(kind)) throw new FieldError(path, "kinds of evidence as names", kindOf(kind));
    if (!(registers instanceof Map) || registers.size < 1 || registers.size > 64) {
      throw new FieldError(`${path}.${kind}`, "an object of 1 to 64 registers", kindOf(registers));
    }
    for (const [name, values] of registers) {
      const isList = Array.isArray(values) && values.length >= 1 && values.length <= 16;
      if (!isList || !values.every((value) => typeof value === "string" && /^(?:[0-9a-f]{2}){20,64}$/.test(value))) {
        throw new FieldError(`${path}.${kind}.${name}`, "1 to 16 values of 20 to 64 bytes in hexadecimal", kindOf(values));
      }
    }
  }
  return json;
}

/** The demands of a policy on what genuine evidence says. */
async function appraiseClaims(policy, kind, claims, checks) {
  checks.demand(["policy.platform", "policy.assurance", "policy.release"]);
  const platform = policy.platforms.get(kind);
  if (platform === undefined) return checks.fail("policy.platform", [...policy.platforms.keys()].sort().join(", "), kind);
  checks.pass("policy.platform", kind);
  const { type, by } = claims.assurance;
  if (type === "hardware") checks.pass("policy.assurance", `hardware: ${by}`);
  else if (policy.acceptsSoftware) checks.pass("policy.assurance", `software: ${by}, which proves nothing about hardware`);
  else checks.fail("policy.assurance", "hardware", `software: ${by}`);
  await evidenceKinds[kind].appraise(platform, claims, checks);
  if (policy.releases === null) return checks.waive("policy.release", "the policy accepts any software");
  matchRelease(policy.releases, claims.measured ?? new Map([[kind, claims.registers]]), checks);
}

/**
 * Passes by naming the release, fails by naming the registers in which the nearest one differs. `measured` are the registers by the
 * kind that vouches for them: a release that says nothing about one of the kinds matches nothing.
 */
function matchRelease(releases, measured, checks) {
  let nearest = null;
  const kinds = [...measured.keys()].sort();
  for (const release of releases) {
    if (!kinds.every((kind) => release.references.has(kind))) continue;
    const differences = kinds.flatMap((kind) => {
      const expected = release.references.get(kind);
      const actual = (name) => (measured.get(kind).has(name) ? hex(measured.get(kind).get(name)) : null);
      const different = [...expected.keys()].sort().filter((name) => !expected.get(name).includes(actual(name)));
      return different.map((name) => ({ name: kinds.length > 1 ? `${kind}.${name}` : name, expected: expected.get(name), actual: actual(name) }));
    });
    if (differences.length === 0) return checks.pass("policy.release", `${release.name} ${release.version}`);
    if (nearest === null || differences.length < nearest.differences.length) nearest = { release, differences };
  }
  if (nearest === null) {
    return checks.fail("policy.release", `a release with reference values for ${kinds.join(" and ")}`, releases.map(({ name, version }) => `${name} ${version}`).join(", "));
  }
  checks.fail(
    "policy.release",
    `${nearest.release.name} ${nearest.release.version}: ${nearest.differences.map((d) => `${d.name} ${d.expected.join(" or ")}`).join(", ")}`,
    nearest.differences.map((d) => `${d.name} ${d.actual ?? "absent"}`).join(", "),
  );
}
