// Times the page's verifier over evidence, in Chromium with the page open, or in this Node. Usage:
//   attest-times.mjs <verify.html> <cases.json> <count> [chromium]
// Cases: [{ name, evidence, policy, at, nonce }], all of which must be accepted. One verification is reading evidence and policy from
// their text and appraising. Writes for each case a line { name, microseconds: [..] }: every single run after three that do not count.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [page, file, count, browser] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(file, "utf8")).map((item) => ({ ...item, evidence: JSON.stringify(item.evidence), policy: JSON.stringify(item.policy) }));

/** Runs where the page's script has run. */
async function time({ evidence, policy, at, nonce }, count) {
  const { parseJSON, readEvidence, readAppraisalPolicy, appraiseEvidence, decodeHex } = globalThis.SafeboxVerifier;
  const limits = { maxBytes: 1 << 24, maxStringBytes: 1 << 24, integersOnly: true };
  const encoder = new TextEncoder(), binding = decodeHex(nonce), microseconds = [];
  const read = (text) => parseJSON(encoder.encode(text), limits);
  for (let run = -3; run < count; run++) {
    const start = performance.now();
    const report = await appraiseEvidence(readEvidence(read(evidence)), await readAppraisalPolicy(read(policy)), { at, binding });
    if (run >= 0) microseconds.push((performance.now() - start) * 1000);
    if (report.verdict !== "accepted") throw new Error(JSON.stringify(report.checks.filter(({ state }) => state === "failed")));
  }
  return microseconds;
}

async function inNode() {
  (0, eval)(/<script>([^]*)<\/script>/.exec(readFileSync(page, "utf8"))[1]);
  for (const item of cases) console.log(JSON.stringify({ name: item.name, microseconds: await time(item, Number(count)) }));
}

/** The DevTools protocol over file descriptors 3 and 4: messages end with NUL. */
async function inChromium() {
  const profile = mkdtempSync(join(tmpdir(), "safebox-chromium-"));
  const chromium = spawn(
    browser,
    ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
      "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", `--user-data-dir=${profile}`],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true },
  );
  const waiting = new Map();
  let next = 0, pending = "";
  chromium.stdio[4].setEncoding("utf8");
  chromium.stdio[4].on("data", (data) => {
    const messages = (pending + data).split("\0");
    pending = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) waiting.get(message.id ?? message.method)?.(message);
  });
  const send = (method, params = {}, sessionId = undefined) =>
    new Promise((done, fail) => {
      waiting.set(++next, ({ error, result }) => (error ? fail(new Error(`${method}: ${error.message}`)) : done(result)));
      chromium.stdio[3].write(`${JSON.stringify({ id: next, method, params, sessionId })}\0`);
    });
  const late = new Promise((_, fail) => {
    setTimeout(() => fail(new Error("chromium did not finish within 240 seconds")), 240_000).unref();
    chromium.on("exit", (code) => fail(new Error(`chromium exited early with ${code}`)));
  });
  try {
    await Promise.race([late, (async () => {
      const { targetId } = await send("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
      const evaluate = async (expression) => {
        const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, sessionId);
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      };
      // Waited for by its event: the document that is there when one asks may still be the empty one.
      const loaded = new Promise((done) => waiting.set("Page.loadEventFired", done));
      await send("Page.enable", {}, sessionId);
      await send("Page.navigate", { url: pathToFileURL(resolve(page)).href }, sessionId);
      await loaded;
      if (!(await evaluate("location.href")).startsWith("file:")) throw new Error("the page is not loaded from its file");
      for (const item of cases) {
        const microseconds = await evaluate(`(${time})(${JSON.stringify(item)}, ${Number(count)})`);
        console.log(JSON.stringify({ name: item.name, microseconds }));
      }
    })()]);
  } finally {
    try {
      process.kill(-chromium.pid, "SIGKILL");
    } catch {}
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

await (browser === undefined ? inNode() : inChromium());
