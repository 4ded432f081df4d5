// Runs the script of verify.html in Node, without a page. Usage: run-in-node.mjs <verify.html> <cases.json>
// Cases: [{ "file": path, "key": text }]; writes [{ verdict, steps: [{ id, state, code }], explanation }].
import { readFileSync } from "node:fs";

const [page, cases] = process.argv.slice(2);
const script = /<script>([^]*)<\/script>/.exec(readFileSync(page, "utf8"))[1];
(0, eval)(script);
const { verifyReceipt, expectedBox } = globalThis.SafeboxVerifier;
const results = [];
for (const { file, key } of JSON.parse(readFileSync(cases, "utf8"))) {
  const report = await verifyReceipt(new Uint8Array(readFileSync(file)), await expectedBox(key));
  results.push({
    verdict: report.verdict,
    steps: report.steps.map(({ id, state, code }) => ({ id, state, code })),
    explanation: report.explanation,
  });
}
process.stdout.write(JSON.stringify(results));
