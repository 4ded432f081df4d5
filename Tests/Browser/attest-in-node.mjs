// Verifies evidence with the script of verify.html in Node. Usage: attest-in-node.mjs <verify.html> <cases.json>
// Cases: [{ evidence, policy, at, nonce }], nonce in hexadecimal or "any"; writes for each { verdict, deadline, checks: [{ id, title, state }] },
// or { error: field } where the evidence or the policy cannot be read, and { crash } where the page itself fails.
import { readFileSync } from "node:fs";

const [page, cases] = process.argv.slice(2);
const script = /<script>([^]*)<\/script>/.exec(readFileSync(page, "utf8"))[1];
(0, eval)(script);
const { parseJSON, readEvidence, readAppraisalPolicy, appraiseEvidence, decodeHex, checkTitle } = globalThis.SafeboxVerifier;
const limits = { maxBytes: 1 << 30, maxStringBytes: 1 << 30, integersOnly: true };
const results = [];
for (const item of parseJSON(new Uint8Array(readFileSync(cases)), limits)) {
  const binding = item.get("nonce") === "any" ? null : decodeHex(item.get("nonce"));
  try {
    const policy = await readAppraisalPolicy(item.get("policy"));
    const report = await appraiseEvidence(readEvidence(item.get("evidence")), policy, { at: item.get("at"), binding });
    const checks = report.checks.map(({ id, state }) => ({ id, title: checkTitle(id), state }));
    results.push({ verdict: report.verdict, deadline: report.deadline, checks });
  } catch (error) {
    results.push(error.field === undefined ? { crash: String(error.stack) } : { error: error.field });
  }
}
process.stdout.write(JSON.stringify(results));
