// Reads JSON with the parser of verify.html. Usage: json-in-node.mjs <verify.html> <texts.json>
// Texts: [hex]; writes for each the canonical text, or null where the parser refuses.
import { readFileSync } from "node:fs";

const [page, texts] = process.argv.slice(2);
const script = /<script>([^]*)<\/script>/.exec(readFileSync(page, "utf8"))[1];
(0, eval)(script);
const { parseJSON, canonical } = globalThis.SafeboxVerifier;
const limits = { maxBytes: 1 << 24, maxStringBytes: 1 << 24, integersOnly: false };
const results = JSON.parse(readFileSync(texts, "utf8")).map((hex) => {
  let json;
  try {
    json = parseJSON(Uint8Array.from(Buffer.from(hex, "hex")), limits);
  } catch {
    return null;
  }
  return canonical(json);
});
process.stdout.write(JSON.stringify(results));
