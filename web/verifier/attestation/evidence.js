// Evidence of any kind, held against an appraisal policy: the second implementation of Sources/Attestation.

/**
 * The kinds of evidence that this page can verify. Each file of a kind adds its own:
 *   read(reader)                      the members beside format and kind (a FieldReader) -> evidence; throws FieldError
 *   async verify(evidence, context, checks)   is it genuine? -> claims { assurance, registers: Map of bytes }, or null
 *   readPolicy(reader)                the kind's part of a policy (a FieldReader) -> policy; throws FieldError
 *   async appraise(policy, claims, checks)    is it acceptable?
 * `context` is { anchors, enrolled, at (Unix milliseconds), binding (bytes or null) }; an anchor is
 * { name, purpose, certificate (DER), assurance: { type, by } }, `enrolled` a Map of AK names in hexadecimal to assurances.
 */
const evidenceKinds = {};

const evidenceLimits = { maxBytes: 4 << 20, maxStringBytes: 4 << 20, integersOnly: true };

/** Reads `safebox-evidence/v1`: { kind, content }. Throws FieldError. */
function readEvidence(json) {
  const reader = new FieldReader(json, "");
  const format = reader.string("format", 64);
  if (format !== "safebox-evidence/v1") throw new FieldError("format", "safebox-evidence/v1", kindOf(format));
  return readEvidenceMembers(reader, Object.keys(evidenceKinds));
}

/** Reads `kind`, which must be one of `kinds`, and the members that it has, and nothing else. */
function readEvidenceMembers(reader, kinds) {
  const kind = reader.string("kind", 64);
  if (!kinds.includes(kind)) throw new FieldError(reader.at("kind"), kinds.join(", "), kindOf(kind));
  const content = evidenceKinds[kind].read(reader);
  reader.finish();
  return { kind, content };
}

/** The kind of evidence, or those of its members, as people read it: "tpm", "sev-snp and tpm". */
function evidenceTitle({ kind, content }) {
  return kind === "combined" ? content.map((part) => part.kind).join(" and ") : kind;
}

/**
 * Whether evidence is genuine and acceptable. `policy` is from readAppraisalPolicy, `at` in Unix milliseconds, `binding` the bytes
 * that the evidence must have been made for, or null where the caller does not ask. Returns { verdict, kind, checks, deadline, claims }.
 */
async function appraiseEvidence(evidence, policy, { at, binding }) {
  const context = { at, binding, anchors: [...compiledAnchors, ...policy.anchors], enrolled: policy.enrolled };
  const checks = new CheckList();
  const kind = evidenceKinds[evidence.kind];
  let claims = await kind.verify(evidence.content, context, checks);
  if (claims !== null && checks.holds) await appraiseClaims(policy, evidence.kind, claims, checks);
  else claims = null;
  const made = new Set(checks.checks.map(({ id }) => id));
  const unmade = checks.missing.filter((id) => !made.has(id));
  return {
    kind: evidence.kind,
    verdict: checks.succeeds && claims !== null ? "accepted" : "rejected",
    checks: [...checks.checks, ...unmade.map((id) => ({ id, state: "not-performed", reason: "an earlier check failed" }))],
    deadline: checks.deadline,
    claims,
  };
}
