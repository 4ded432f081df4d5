// Evidence of several kinds made for one binding: the twin of Sources/Attestation/Combined.

const memberKinds = () => Object.keys(evidenceKinds).filter((kind) => kind !== "combined");

/** The members in the order of their kinds' names, each kind once: [{ kind, content }]. */
function readCombinedEvidence(reader) {
  const parts = [];
  for (const [index, json] of reader.array("members", 4, 2).entries()) {
    const member = new FieldReader(json, `${reader.at("members")}[${index}]`);
    const part = readEvidenceMembers(member, memberKinds());
    if (index > 0 && !(parts[index - 1].kind < part.kind)) {
      throw new FieldError(member.at("kind"), `a kind whose name comes after ${parts[index - 1].kind}`, part.kind);
    }
    parts.push(part);
  }
  return parts;
}

/** Each member by the verifier of its own kind, in the same context: all failures are shown. */
async function verifyCombined(parts, context, checks) {
  const verified = [];
  for (const { kind, content } of parts) {
    const apart = new CheckList();
    const claims = await evidenceKinds[kind].verify(content, context, apart);
    checks.include(apart, kind);
    if (claims !== null && apart.holds) verified.push({ kind, claims });
  }
  checks.notPerformed(
    "combined.machine",
    context.binding === null
      ? "no member names the chip of another, and without a nonce nothing was bound"
      : "no member names the chip of another: they are bound to the same bytes, and each measures its own code",
  );
  if (verified.length !== parts.length) return null;
  return {
    assurance: combinedAssurance(verified.map(({ claims }) => claims.assurance)),
    measured: new Map(verified.map(({ kind, claims }) => [kind, claims.registers])),
    parts: verified,
  };
}

/** That of the weakest: software, where software vouches for any of them. */
function combinedAssurance(assurances) {
  const software = assurances.filter(({ type }) => type === "software");
  const weakest = software.length > 0 ? software : assurances;
  return { type: weakest[0].type, by: [...new Set(weakest.map(({ by }) => by))].join(" and ") };
}

function readCombinedPolicy(reader) {
  const platforms = readPlatforms(reader, "members", memberKinds());
  if (platforms.size < 2 || platforms.size > 4) throw new FieldError(reader.at("members"), "2 to 4 kinds", String(platforms.size));
  return platforms;
}

/** Exactly these kinds, each with the demands that its kind has alone. */
async function appraiseCombined(platforms, claims, checks) {
  const [expected, found] = [[...platforms.keys()].sort(), claims.parts.map(({ kind }) => kind)];
  checks.demand(["combined.members"]);
  checks.require("combined.members", expected.join() === found.join(), expected.join(" and "), found.join(" and "));
  for (const { kind, claims: said } of claims.parts) {
    if (!platforms.has(kind)) continue;
    const apart = new CheckList();
    await evidenceKinds[kind].appraise(platforms.get(kind), said, apart);
    checks.include(apart, kind);
  }
}

evidenceKinds.combined = { read: readCombinedEvidence, verify: verifyCombined, readPolicy: readCombinedPolicy, appraise: appraiseCombined };
