// Opens verify.html in one headless Chromium and gives it one receipt after another through its file input, as a person
// would. Usage: run-in-chromium.mjs <chromium> <verify.html> <cases.json> [screenshot directory]
// Same cases and results as run-in-node.mjs, and "nonce" for evidence by itself. Fails when the page asks the network for anything or its policy is broken.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [browser, page, cases, screenshots] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "safebox-chromium-"));
const chromium = spawn(
  browser,
  ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1000,1400", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", `--user-data-dir=${profile}`],
  { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true },
);

/** Asks Chromium to end; one that does not is ended with its children, which are all of its group. */
async function stop(code) {
  clearTimeout(deadline);
  chromium.removeAllListeners("exit");
  if (chromium.exitCode === null && chromium.signalCode === null) {
    const ended = new Promise((done) => chromium.on("exit", done));
    send("Browser.close").catch(() => {});
    await Promise.race([ended, new Promise((done) => setTimeout(done, 5000))]);
  }
  try {
    process.kill(-chromium.pid, "SIGKILL");
  } catch {}
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
}
const deadline = setTimeout(() => {
  console.error("chromium did not finish within 240 seconds");
  stop(1);
}, 240_000);
chromium.on("exit", (code) => {
  console.error(`chromium exited early with ${code}`);
  stop(1);
});
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]]) process.on(signal, () => stop(code));

// The DevTools protocol over file descriptors 3 and 4: messages end with NUL.
let next = 0;
const waiting = new Map();
const events = [];
let pending = "";
chromium.stdio[4].setEncoding("utf8");
chromium.stdio[4].on("data", (data) => {
  const messages = (pending + data).split("\0");
  pending = messages.pop();
  for (const text of messages) {
    const message = JSON.parse(text);
    if (message.id === undefined) events.push(message);
    else waiting.get(message.id)(message);
  }
});
function send(method, params = {}, sessionId = undefined) {
  const id = ++next;
  return new Promise((done, fail) => {
    waiting.set(id, (message) => (message.error ? fail(new Error(`${method}: ${message.error.message}`)) : done(message.result)));
    chromium.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  });
}

try {
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const call = (method, params) => send(method, params, sessionId);
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  for (const domain of ["Page", "DOM", "Network", "Log", "Runtime"]) await call(`${domain}.enable`);
  await call("Page.navigate", { url: pathToFileURL(resolve(page)).href });
  await evaluate(`new Promise((done) => document.readyState === "complete" ? done() : addEventListener("load", done))`);
  if (!(await evaluate("location.href")).startsWith("file:")) throw new Error("the page is not loaded from its file");

  const results = [];
  const choose = async (selector, file) => {
    const { root } = await call("DOM.getDocument");
    const { nodeId } = await call("DOM.querySelector", { nodeId: root.nodeId, selector });
    await call("DOM.setFileInputFiles", { nodeId, files: [resolve(file)] });
  };
  const timeText = (at) => (at === undefined ? "" : `${new Date(at).toISOString().slice(0, 19)}Z`);
  let kept;
  for (const { file, key, policy, at, nonce = "", name } of JSON.parse(readFileSync(cases, "utf8"))) {
    const fields = JSON.stringify({ key, at: timeText(at), nonce });
    await evaluate(`for (const [id, value] of Object.entries(${fields})) document.getElementById(id).value = value; 0`);
    // A policy stays until another is chosen; what was checked last is then checked again, under its own name.
    if (policy !== kept) await evaluate(`document.getElementById("forget").click()`);
    if (policy !== kept && policy !== undefined) {
      await choose("#policy", policy);
      const state = await evaluate(`new Promise((done) => {
        const read = () => {
          const { state } = document.getElementById("policy-state").dataset;
          state === "none" ? setTimeout(read, 2) : done(state);
        };
        read();
      })`);
      if (state !== "read") throw new Error(`the policy ${policy} is ${state}`);
    }
    kept = policy;
    await choose("#file", file);
    results.push(await evaluate(`new Promise((done) => {
      const read = () => {
        const verdict = document.querySelector("[data-verdict]");
        if (verdict === null || document.querySelector(".source")?.textContent !== ${JSON.stringify(basename(file))}) return setTimeout(read, 2);
        done({
          verdict: verdict.dataset.verdict,
          judged: document.querySelector(".judged")?.textContent ?? "",
          steps: [...document.querySelectorAll("[data-step]")].map((item) => ({ id: item.dataset.step, state: item.dataset.state, code: item.dataset.code })),
          titles: [...document.querySelectorAll("[data-step] .title")].map((item) => item.textContent),
          explanation: [...document.querySelectorAll(".story li")].map((item) => ({ topic: item.dataset.topic, text: item.textContent })),
        });
      };
      read();
    })`));
    if (screenshots && name) {
      for (const scheme of ["light", "dark"]) {
        await call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
        const { data } = await call("Page.captureScreenshot", { captureBeyondViewport: true, clip: await evaluate("({ x: 0, y: 0, width: innerWidth, height: document.documentElement.scrollHeight, scale: 1 })") });
        writeFileSync(join(screenshots, `${name}-${scheme}.png`), Buffer.from(data, "base64"));
      }
    }
  }

  // The other ways in: pasted text, a key put in afterwards, a key that is none, a receipt dropped on the page.
  const [first] = JSON.parse(readFileSync(cases, "utf8"));
  const text = JSON.stringify(readFileSync(first.file, "utf8"));
  const verdictAfter = async (action) =>
    evaluate(`new Promise((done) => {
      document.getElementById("result").replaceChildren();
      ${action}
      const read = () => {
        const verdict = document.querySelector("[data-verdict]");
        verdict === null ? setTimeout(read, 2) : done(verdict.dataset.verdict + " " + (document.querySelector("[data-step=box-key]")?.dataset.state ?? "-"));
      };
      read();
    })`);
  const setKey = (key) => `document.getElementById("key").value = ${JSON.stringify(key)}; document.getElementById("key").dispatchEvent(new Event("change"));`;
  await verdictAfter(`document.getElementById("forget").click();`);
  const ways = [
    ["the text field", `document.getElementById("key").value = ""; document.getElementById("text").value = ${text}; document.getElementById("check").click();`, "accepted not-proved"],
    ["a key", setKey(first.key), "accepted passed"],
    ["a wrong key", setKey("not a key"), "problem -"],
    ["no key again", setKey(""), "accepted not-proved"],
    ["a paste", `const pasted = new DataTransfer(); pasted.setData("text/plain", ${text}); document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true, cancelable: true }));`, "accepted not-proved"],
    ["evidence without a policy", `document.getElementById("text").value = '{"format":"safebox-evidence/v1"}'; document.getElementById("check").click();`, "problem -"],
    ["a drop", `const dropped = new DataTransfer(); dropped.items.add(new File([${text}], "receipt.json")); document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true }));`, "accepted not-proved"],
  ];
  for (const [way, action, expected] of ways) {
    const actual = await verdictAfter(action);
    if (actual !== expected) throw new Error(`${way}: expected ${expected}, found ${actual}`);
  }
  const requests = events.filter((e) => e.method === "Network.requestWillBeSent").map((e) => e.params.request.url).filter((url) => !url.startsWith("file:") && url !== "about:blank");
  if (requests.length > 0) throw new Error(`the page asked for ${requests.join(", ")}`);
  const complaints = events.filter((e) => (e.method === "Log.entryAdded" && e.params.entry.level === "error") || e.method === "Runtime.exceptionThrown");
  if (complaints.length > 0) throw new Error(`the page complained: ${JSON.stringify(complaints.map((e) => e.params))}`);
  process.stdout.write(JSON.stringify(results), () => stop(0));
} catch (error) {
  console.error(error.stack);
  stop(1);
}
