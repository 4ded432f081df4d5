// A receipt in plain words. Sentences say only what the steps that passed have established.

/** A time of the log, in milliseconds, as UTC. */
function timeText(milliseconds) {
  if (Math.abs(milliseconds) > 8.64e15) return `${milliseconds} ms`;
  return new Date(milliseconds).toISOString().replace("T", " ").replace("Z", " UTC");
}

function durationText(seconds) {
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= length && seconds % length === 0) return countText(seconds / length, unit);
  }
  return countText(seconds, "second");
}

function countText(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function ruleText(rule) {
  const quorum = (group) => `${countText(group.threshold, "member")} of ${group.committee}`;
  switch (rule.kind) {
    case "deny":
      return "nobody";
    case "automatic":
      return `automatically, if ${countText(rule.checks.length, "check")} of the parameters hold`;
    case "single":
      return quorum({ threshold: 1, committee: rule.committee });
    case "quorum":
      return quorum(rule);
    case "groups":
      return `${rule.groups.map(quorum).join(" and ")}, nobody counted twice`;
    case "timelock":
      return `${ruleText(rule.after)}, then a wait of ${durationText(rule.delay)} in which ${countText(rule.objections, "objection")} from ${rule.objectors} would stop it`;
    case "all":
      return `all of (${rule.of.map(ruleText).join("; ")})`;
    case "any":
      return `any of (${rule.of.map(ruleText).join("; ")})`;
    default:
      return `what policy code names of (${rule.names.map((name, i) => `${name}: ${ruleText(rule.of[i])}`).join("; ")})`;
  }
}

/** Lines about what was asked, approved, done and recorded; none where too little of the receipt holds. */
function explain(c, passed) {
  const lines = [];
  if (!passed.has("statement")) return lines;
  const say = (topic, text) => lines.push({ topic, text });
  const [kind, name] = c.opened.body.proposer.split(":");
  const askers = {
    signer: `the signer ${name}`,
    client: `a client that the box calls ${name}`,
    run: `a run that the box calls ${name}, of the tool ${c.opened.body.tool},`,
  };
  const asker = askers[kind];
  say("request", `At ${timeText(c.opened.at)} ${asker} asked the box ${c.statement.box} for the action ${c.statement.type}.`);
  const openings = c.openingsHold ? c.receipt.openings : new Map();
  for (const key of [...c.statement.params.keys()].sort()) {
    say("parameter", `${key}: ${disclosedText(c.statement.params.get(key), openings)}`);
  }
  if (passed.has("policy")) {
    const { name, rule, wait } = c.procedure;
    const who = name === "root" && c.statement.type === "governance.recover" ? "The root rule" : `The policy ${name}`;
    say("policy", `${who} decides such actions: ${ruleText(rule)}${wait > 0 ? `, then a wait of ${durationText(wait)}` : ""}.`);
  }
  if (passed.has("approvals")) {
    for (const vote of c.votes) say("approval", `${vote.signer} approved it${vote.isByPasskey ? " with a passkey" : ""} at ${timeText(vote.at)}.`);
  }
  if (passed.has("decision")) {
    say("decision", `That was enough at ${timeText(c.decision.since)}.`);
    const how = c.started.body.mode === "break-glass" ? " by break-glass" : "";
    say("execution", `The box began to carry it out${how} at ${timeText(c.started.at)}.`);
    const { outcome, result } = c.finished.body;
    say("result", `At ${timeText(c.finished.at)} it recorded the outcome "${outcome}".`);
    for (const key of [...result.keys()].sort()) say("result-value", `${key}: ${disclosedText(result.get(key), openings)}`);
  }
  return lines;
}

/** A parameter as JSON; a private one only where its disclosed value has been checked. */
function disclosedText(value, openings) {
  if (!isCommitment(value)) return canonical(value);
  const opening = openings.get(value.get("$commitment"));
  return opening === undefined ? "private, not disclosed" : `${canonical(opening.value)} (private, disclosed with this receipt)`;
}
