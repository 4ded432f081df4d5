// Verifies logs of measurements with the script of verify.html in Node. Usage: measure-in-node.mjs <verify.html> <cases.json>
// { logs: [base64], cases: [{ family, bank, values: [[index, hex]], log: index or -1, edits: [[offset, byte]], end, runtime: array or null }] };
// writes for each { checks: [{ id, state }], claims } where claims is the RFC 8785 text of the report.
import { readFileSync } from "node:fs";

const [page, file] = process.argv.slice(2);
const script = /<script>([^]*)<\/script>/.exec(readFileSync(page, "utf8"))[1];
(0, eval)(script);
const { parseJSON, canonical, decodeHex, CheckList, verifyMeasurementLogs, measurementReport, readRuntimeLog } = globalThis.SafeboxVerifier;
const document = parseJSON(new Uint8Array(readFileSync(file)), { maxBytes: 1 << 30, maxStringBytes: 1 << 30, integersOnly: true });
const logs = document.get("logs").map((text) => new Uint8Array(Buffer.from(text, "base64")));
const results = [];
for (const item of document.get("cases")) {
  let eventLog = null;
  if (item.get("log") >= 0) {
    eventLog = logs[item.get("log")].slice(0, item.get("end"));
    for (const [offset, byte] of item.get("edits")) eventLog[offset] = byte;
  }
  const values = new Map(item.get("values").map(([index, text]) => [index, decodeHex(text)]));
  const registers = { family: item.get("family"), bank: item.get("bank"), values };
  const checks = new CheckList();
  const runtime = item.get("runtime") === null ? null : readRuntimeLog(item.get("runtime"), "runtime");
  const claims = await verifyMeasurementLogs({ eventLog, runtime }, registers, checks);
  results.push({ checks: checks.checks.map(({ id, state }) => ({ id, state })), claims: canonical(measurementReport(claims)) });
}
process.stdout.write(JSON.stringify(results));
