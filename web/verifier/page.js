// The page. Everything that comes out of a receipt is put in as text, never as markup.

const stateWords = {
  passed: ["✓", "passed"],
  failed: ["✗", "failed"],
  "not-proved": ["○", "not proved here"],
  "not-performed": ["○", "not performed"],
  "not-applicable": ["–", "does not apply"],
};

/**
 * Characters that could make text look like other text: controls, bidirectional marks, zero-width characters, spaces that
 * are not the plain one. Each is shown as its code point.
 */
function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]|(?! )\p{Zs}/gu, (character) => {
    return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  for (const child of children) node.append(typeof child === "string" ? document.createTextNode(visible(child)) : child);
  return node;
}

/** Under what the evidence in a receipt was judged. */
function judgedText({ facts }, { policy, at }) {
  if (facts.identity === undefined || facts.identity.evidence === null) return `There is no evidence to hold against the policy “${policy.name}”.`;
  const own = at === null ? ", when the box claimed its identity" : "";
  return `Its evidence is held against the policy “${policy.name}”, for ${timeText(at ?? facts.identity.at)}${own}.`;
}

function showReport(report, name, appraisal) {
  const failed = report.steps.filter((step) => step.state === "failed");
  const open = report.steps.filter((step) => step.state === "not-proved");
  const isAccepted = report.verdict === "accepted";
  const result = document.getElementById("result");
  const isPinned = report.steps.some((step) => step.id === "box-key" && step.state === "passed");
  const summary = !isAccepted
    ? `${failed.length === 1 ? "One step" : `${failed.length} steps`} failed. Do not rely on anything in this receipt.`
    : `Nothing in it is wrong. ${countText(open.length, "thing")} it does not prove; the list below says which.`;
  const caution = "You gave no key of the box. Anybody can run a box of any name: put in the key of the one you mean.";
  const verdict = element("section", { class: `verdict ${report.verdict}`, "aria-labelledby": "verdict" });
  verdict.append(element("h2", { id: "verdict", tabindex: "-1", "data-verdict": report.verdict }, isAccepted ? "Accepted" : "Rejected"));
  verdict.append(element("p", {}, summary));
  if (isAccepted && !isPinned) verdict.append(element("p", { class: "caution" }, caution));
  if (appraisal !== null) verdict.append(element("p", { class: "judged" }, judgedText(report, appraisal)));
  verdict.append(element("p", { class: "source" }, name));
  result.replaceChildren(verdict);
  if (report.explanation.length > 0) {
    const story = element("section", { class: "story", "aria-labelledby": "story" });
    story.append(element("h2", { id: "story" }, isAccepted ? "What it says" : "What it claims"));
    const list = element("ul", {});
    for (const { topic, text } of report.explanation) list.append(element("li", { class: topic, "data-topic": topic }, text));
    story.append(list);
    result.append(story);
  }
  const section = element("section", { "aria-labelledby": "steps" }, element("h2", { id: "steps" }, "What was checked"));
  const list = element("ol", { class: "steps" });
  for (const step of report.steps) list.append(stepElement(step));
  section.append(list);
  result.append(section);
  document.getElementById("verdict").focus();
}

function stepElement(step) {
  const [mark, words] = stateWords[step.state];
  const item = element("li", { class: step.state, "data-step": step.id, "data-state": step.state, "data-code": step.code });
  const head = element("p", { class: "head" }, element("span", { class: "mark", "aria-hidden": "true" }, mark));
  head.append(element("span", { class: "title" }, step.title), element("span", { class: "state" }, words));
  if (step.name !== undefined) head.append(element("code", { class: "name" }, step.name));
  item.append(head);
  if (step.detail !== "") item.append(element("p", { class: "detail" }, step.detail));
  if (step.state === "failed") {
    const reason = element("dl", { class: "detail" });
    for (const [term, text] of [["reason", step.code], ["expected", step.expected], ["found", step.actual]]) {
      reason.append(element("dt", {}, term), element("dd", {}, text));
    }
    item.append(reason);
  }
  return item;
}

/** The checks of evidence that came by itself. */
function showEvidence(report, name, policy, { nonce, at }) {
  const isAccepted = report.verdict === "accepted";
  const failed = report.checks.filter(({ state }) => state === "failed").length;
  const verdict = element("section", { class: `verdict ${report.verdict}`, "aria-labelledby": "verdict" });
  verdict.append(element("h2", { id: "verdict", tabindex: "-1", "data-verdict": report.verdict }, isAccepted ? "Accepted" : "Rejected"));
  const summary = isAccepted ? "Every check that is demanded passed." : `${countText(failed, "check")} failed. Do not rely on this evidence.`;
  verdict.append(element("p", {}, summary));
  verdict.append(element("p", { class: "judged" }, `Held against the policy “${policy.name}”, for ${timeText(at)}.`));
  if (isAccepted && report.deadline !== null) verdict.append(element("p", {}, `It holds until ${timeText(report.deadline)}.`));
  if (nonce === null) verdict.append(element("p", { class: "caution" }, "You accept any nonce: this may be a replay."));
  verdict.append(element("p", { class: "source" }, name));
  const list = element("ol", { class: "steps" });
  for (const check of report.checks) {
    const { id, state, expected = "", actual = "", reason = "" } = check;
    list.append(stepElement({ id, title: checkTitle(id), name: id, state, code: state === "failed" ? id : "", expected, actual, detail: state === "failed" ? "" : reason || actual || "" }));
  }
  const section = element("section", { "aria-labelledby": "steps" }, element("h2", { id: "steps" }, `What was checked of ${report.kind}`), list);
  document.getElementById("result").replaceChildren(verdict, section);
  document.getElementById("verdict").focus();
}

/** What the reader left out or wrote wrong: nothing is checked before it is put right. */
class InputError extends Error {}

/** A time as in 2026-01-31T12:00:00Z, in Unix milliseconds; null for an empty field. This page reads no clock. Throws InputError. */
function readTimeField(text) {
  if (text === "") return null;
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(at) || `${new Date(at).toISOString().slice(0, 19)}Z` !== text) throw new InputError("The time is not one such as 2026-01-31T12:00:00Z.");
  return at;
}

/** The nonce in bytes, or null for any. Throws InputError. */
function readNonceField(text) {
  if (text === "any") return null;
  const nonce = decodeHex(text);
  if (nonce === null || nonce.length < 1 || nonce.length > 64) {
    throw new InputError("Put in the nonce that you asked with, 1 to 64 bytes in lower-case hexadecimal, or the word any.");
  }
  return nonce;
}

const appraisalPolicyLimits = { maxBytes: 1 << 20, maxStringBytes: 1 << 20, integersOnly: true };

function showProblem(text) {
  const problem = element("section", { class: "verdict problem", role: "alert" }, element("h2", { id: "verdict", tabindex: "-1", "data-verdict": "problem" }, "Nothing was checked"));
  problem.append(element("p", {}, text));
  document.getElementById("result").replaceChildren(problem);
  document.getElementById("verdict").focus();
}

function startPage() {
  const file = document.getElementById("file");
  const text = document.getElementById("text");
  const key = document.getElementById("key");
  const drop = document.getElementById("drop");
  const at = document.getElementById("at");
  const nonce = document.getElementById("nonce");
  let policy = null;
  let last = null;
  let turn = 0;

  // A later receipt overtakes an earlier one: only the newest may show its verdict.
  async function check(bytes, name) {
    const mine = ++turn;
    last = { bytes, name };
    document.getElementById("result").replaceChildren(element("p", { class: "busy" }, "Checking…"));
    try {
      const expected = await expectedBox(key.value.trim());
      const time = readTimeField(at.value.trim());
      const file = parseEvidenceFile(bytes);
      if (file === null) {
        const appraisal = policy === null ? null : { policy, at: time };
        const report = await verifyReceipt(bytes, expected, appraisal);
        if (mine === turn) showReport(report, name, appraisal);
        return;
      }
      if (policy === null) throw new InputError("This is evidence of a machine. Choose your own appraisal policy, against which to hold it.");
      if (time === null) throw new InputError("This is evidence of a machine. Put in the time for which to judge it: this page reads no clock.");
      const asked = { nonce: readNonceField(nonce.value.trim()), at: time };
      const used = policy;
      const report = await verifyEvidenceFile(file, used, asked);
      if (mine === turn) showEvidence(report, name, used, asked);
    } catch (error) {
      if (mine !== turn) return;
      if (error instanceof InputError) return showProblem(error.message);
      const isKey = error instanceof ClaimError || error instanceof LogError;
      showProblem(isKey ? "The box key is neither data:key/es256;base64,… nor a verifier key name+id+base64." : `This browser could not run the checks: ${error.message}`);
    }
  }

  // One byte over the limit is enough to be refused for it.
  async function checkFile(chosen) {
    await check(new Uint8Array(await chosen.slice(0, receiptLimits.maxBytes + 1).arrayBuffer()), chosen.name);
  }

  file.addEventListener("change", () => {
    if (file.files.length > 0) checkFile(file.files[0]);
    file.value = "";
  });
  document.getElementById("check").addEventListener("click", () => {
    if (text.value.trim() !== "") check(utf8(text.value.trim()), "pasted text");
  });
  function checkAgain() {
    if (last !== null) check(last.bytes, last.name);
  }
  for (const field of [key, at, nonce]) field.addEventListener("change", checkAgain);

  function keepPolicy(next, state, words) {
    policy = next;
    const shown = document.getElementById("policy-state");
    shown.textContent = visible(words);
    shown.dataset.state = state;
    checkAgain();
  }

  // A policy that cannot be read takes the place of the one before: nobody is to think that it was used.
  let choice = 0;
  async function readPolicyFile(chosen) {
    const mine = ++choice;
    policy = null;
    try {
      const bytes = new Uint8Array(await chosen.slice(0, appraisalPolicyLimits.maxBytes + 1).arrayBuffer());
      const read = await readAppraisalPolicy(parseJSON(bytes, appraisalPolicyLimits));
      if (mine === choice) keepPolicy(read, "read", `Policy “${read.name}” from ${chosen.name}.`);
    } catch (error) {
      if (mine === choice) keepPolicy(null, "refused", `No policy: ${chosen.name} is none that can be read (${error.message}).`);
    }
  }
  const chooser = document.getElementById("policy");
  chooser.addEventListener("change", () => {
    if (chooser.files.length > 0) readPolicyFile(chooser.files[0]);
    chooser.value = "";
  });
  document.getElementById("forget").addEventListener("click", () => {
    choice++;
    keepPolicy(null, "none", "No policy: evidence is held against nothing.");
  });
  for (const event of ["dragenter", "dragover"]) {
    document.addEventListener(event, (e) => {
      e.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (e) => {
    if (e.relatedTarget === null) drop.classList.remove("over");
  });
  document.addEventListener("drop", (e) => {
    e.preventDefault();
    drop.classList.remove("over");
    if (e.dataTransfer.files.length > 0) checkFile(e.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (e) => {
    const pasted = e.clipboardData.getData("text");
    if ([text, key, at, nonce].includes(e.target) || pasted === "") return;
    e.preventDefault();
    check(utf8(pasted.trim()), "pasted text");
  });
  if (globalThis.crypto?.subtle === undefined) showProblem("This browser offers no WebCrypto to this page. Save the file and open it from the disk, or over https.");
}

if (typeof document !== "undefined") startPage();
