// Runs the script of verify.html in Node, without a page. Usage: run-in-node.mjs <verify.html> <cases.json>
// Cases: [{ "file": path, "key": text, "policy": path, "at": Unix ms }], the last two optional; writes
// [{ verdict, steps: [{ id, state, code }], told: [the detail of each step about the machine], explanation }].
import { readFileSync } from "node:fs";

const [page, cases] = process.argv.slice(2);
const script = /<script>([^]*)<\/script>/.exec(readFileSync(page, "utf8"))[1];
(0, eval)(script);
const { verifyReceipt, expectedBox, readAppraisalPolicy, parseJSON } = globalThis.SafeboxVerifier;
const results = [];
const limits = { maxBytes: 1 << 20, maxStringBytes: 1 << 20, integersOnly: true };
const readPolicy = (path) => readAppraisalPolicy(parseJSON(new Uint8Array(readFileSync(path)), limits));
for (const { file, key, policy, at } of JSON.parse(readFileSync(cases, "utf8"))) {
  const report = await verifyReceipt(new Uint8Array(readFileSync(file)), await expectedBox(key), policy === undefined ? null : { policy: await readPolicy(policy), at: at ?? null });
  results.push({
    verdict: report.verdict,
    steps: report.steps.map(({ id, state, code }) => ({ id, state, code })),
    told: report.steps.filter(({ id }) => ["identity", "evidence", "release", "measured"].includes(id)).map(({ detail }) => detail),
    explanation: report.explanation,
  });
}
process.stdout.write(JSON.stringify(results));
