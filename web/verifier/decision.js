// The steps that recompute the decision from the signatures: the box's own verdict is not taken from it.

const decisionChecks = {
  statement: {
    needs: ["constitution"],
    async run(c) {
      const body = c.opened.body;
      const statement = body.statement;
      const digest = await digestOf(statement.json);
      if (digest !== body.proposal) throw new Failure("statement.digest", body.proposal, digest);
      for (const entry of [...c.approvals, c.started, c.finished]) {
        if (entry.body.proposal !== digest) throw new Failure("statement.proposal", `entries about ${digest}`, `entry ${entry.index} about ${entry.body.proposal}`);
      }
      if (statement.box !== c.constitution.box) throw new Failure("statement.box", c.constitution.box, statement.box);
      if (statement.epoch !== c.constitution.epoch) throw new Failure("statement.epoch", `${c.constitution.epoch}`, `${statement.epoch}`);
      const nonce = await digestOf(object({ proposer: body.proposer, salt: body.salt }));
      if (statement.nonce !== nonce) throw new Failure("statement.nonce", nonce, statement.nonce);
      const indices = [c.epochEntry.index, c.opened.index, ...c.approvals.map((entry) => entry.index), c.started.index, c.finished.index];
      for (let i = 1; i < indices.length; i++) {
        if (indices[i] <= indices[i - 1]) throw new Failure("statement.order", "rules, proposal, approvals, start and end in that order", `entry ${indices[i]} after entry ${indices[i - 1]}`);
      }
      c.statement = statement;
      c.digest = digest;
      return `Action digest ${digest}.`;
    },
  },
  policy: {
    needs: ["statement"],
    async run(c) {
      c.procedure = await procedureFor(c.constitution, c.statement);
      const digest = await digestOf(c.procedure.digested);
      if (digest !== c.statement.policy) throw new Failure("policy.digest", `${digest} (${c.procedure.name})`, c.statement.policy);
      // How long a change may wait can rest on a delay of an earlier epoch, which is not in the receipt.
      const isLate = c.procedure.next !== null && c.constitution.epoch > 1;
      const latest = c.opened.at + (isLate ? longestExpiry : c.procedure.maxExpiry) * 1000;
      if (c.statement.expires > latest) throw new Failure("policy.expiry", `at most ${timeText(latest)}`, timeText(c.statement.expires));
      return `${c.procedure.name}: ${ruleText(c.procedure.rule)}.`;
    },
  },
  proposer: {
    needs: ["policy"],
    async run(c) {
      const { proposer, claim } = c.opened.body;
      const [kind, name] = proposer.split(":");
      if (kind === "client") {
        if (claim !== null) throw new Failure("proposer.superfluous", `no claim of the client ${name}`, "one");
        return notProved(`That the client ${name} asked is the box's word: clients do not sign.`);
      }
      if (kind === "run") {
        if (claim !== null) throw new Failure("proposer.superfluous", `no claim of ${proposer}`, "one");
        return notProved(`That the run ${name} asked is the box's word: runs do not sign.`);
      }
      if (claim === null) throw new Failure("proposer.missing", `the claim of ${name}`, "none");
      const read = await readClaim(c, claim, name, "propose", c.opened.at, "proposer");
      await verifySigner(read, c.constitution, c.opened.at, "proposer");
      return `Signed by ${name}.`;
    },
  },
  approvals: {
    needs: ["policy"],
    async run(c) {
      const counted = new Map();
      c.votes = [];
      for (const entry of c.approvals) {
        const name = entry.body.signer;
        if (c.opened.body.proposer === `signer:${name}` && !c.procedure.selfApproval) {
          throw new Failure("approvals.self-approval", "approvals by others than the proposer", name);
        }
        const claim = await readClaim(c, entry.body.claim, name, "approve", entry.at, "approvals");
        const sides = await sidesOf(claim, c.constitution, c.procedure.newSigners, entry.at);
        // Twice only with an old and a new key, where each speaks for its own side of a change of signers.
        const before = counted.get(name) ?? { counts: false, countsForProposed: false };
        const all = { counts: before.counts || sides.counts, countsForProposed: before.countsForProposed || sides.countsForProposed };
        if (canonical(object(all)) === canonical(object(before))) throw new Failure("approvals.duplicate", "each signer once", name);
        counted.set(name, all);
        c.votes.push({ signer: name, at: entry.at, lapses: claim.exp * 1000, ...sides, isByPasskey: claim.key.isPasskey });
      }
      const listed = c.started.body.approvals;
      const sorted = [...counted.keys()].sort();
      if (canonical(listed) !== canonical(sorted)) throw new Failure("approvals.list", sorted.join(", "), listed.join(", "));
      if (sorted.length === 0) return notApplicable("The policy decided without anybody's approval.");
      return `${sorted.join(", ")}: each signed this action digest, this policy and this epoch.`;
    },
  },
  decision: {
    needs: ["approvals"],
    async run(c) {
      const start = c.started.at;
      if (start >= c.statement.expires) throw new Failure("decision.expired", `before ${timeText(c.statement.expires)}`, timeText(start));
      for (const vote of c.votes) {
        if (start >= vote.lapses) throw new Failure("decision.lapsed", `approvals that had not expired by ${timeText(start)}`, `${vote.signer}'s, which ended ${timeText(vote.lapses)}`);
      }
      const listed = c.started.body.approvals;
      const { rule, breakGlass } = c.procedure;
      if (restsOnCode(rule) || (breakGlass !== null && restsOnCode(breakGlass.rule))) {
        // Where no branch at all could be satisfied, it does not matter which one the code named.
        if (decide(c, true, Infinity) === null) throw new Failure("decision.not-satisfied", ruleText(rule), listed.join(", "));
        return notProved("Not performed: this page does not run policy code. `safebox receipt verify` does.");
      }
      let decision = decide(c, true, start);
      if (decision === null) {
        // The same votes at a time when every wait is over: then only time was lacking.
        const later = decide(c, true, Infinity);
        if (later === null) throw new Failure("decision.not-satisfied", ruleText(c.procedure.rule), listed.join(", "));
        throw new Failure("decision.too-early", `not before ${timeText(later.since)}`, timeText(start));
      }
      const certain = decide(c, false, start);
      // Budgets of the normal rule may have been used up; then break-glass was the only way, as the box says.
      const wasUsedUp = decision.mode === "normal" && c.started.body.mode === "break-glass" && certain?.mode === "break-glass";
      if (wasUsedUp) decision = certain;
      if (decision.mode !== c.started.body.mode) throw new Failure("decision.mode", decision.mode, c.started.body.mode);
      if (canonical(decision.approvals) !== canonical(listed)) throw new Failure("decision.counted", decision.approvals.join(", "), listed.join(", "));
      c.decision = decision;
      c.restsOnBudgets = wasUsedUp || certain?.mode !== decision.mode;
      const how = decision.mode === "break-glass" ? `By break-glass: ${ruleText(decision.rule)}` : ruleText(decision.rule);
      return `${how}; satisfied at ${timeText(decision.since)}${wasUsedUp ? ", if the budgets were used up" : c.restsOnBudgets ? ", if the budgets were kept" : ""}.`;
    },
  },
  predecessors: {
    needs: ["statement"],
    async run(c) {
      const follows = c.statement.follows;
      if (follows.length === 0) return notApplicable("The action follows no other.");
      return notProved(`That ${follows.join(", ")} had been executed is shown by their own receipts, or by an audit of the log.`);
    },
  },
  execution: {
    needs: ["decision"],
    async run(c) {
      const glass = c.started.body.mode === "break-glass" ? " By break-glass: its effect ends by itself unless it is ratified." : "";
      return `Begun at ${timeText(c.started.at)} as entry ${c.started.index}, ended at ${timeText(c.finished.at)} as entry ${c.finished.index}.${glass}`;
    },
  },
  result: {
    needs: ["policy"],
    async run(c) {
      const body = c.finished.body;
      const next = body.outcome === "executed" ? c.procedure.next : null;
      const epoch = next === null ? null : next.epoch;
      if (body.epoch !== epoch) throw new Failure("result.epoch", `${epoch ?? "no new epoch"}`, `${body.epoch ?? "no new epoch"}`);
      const digest = next === null ? null : await digestOf(next.json);
      if (body.constitution !== digest) throw new Failure("result.constitution", digest ?? "none", body.constitution ?? "none");
      if (body.outcome === "unknown") return notProved("The box does not know whether the action took effect: a human has to settle it.");
      return `The box recorded "${body.outcome}". What the world did with it is not in the log.`;
    },
  },
  openings: {
    needs: ["statement"],
    async run(c) {
      const committed = commitmentsIn([c.statement.params, c.finished.body.result]);
      for (const [digest, opening] of c.receipt.openings) {
        if (!committed.has(digest)) throw new Failure("openings.unused", "openings of commitments in the action or its result", digest);
        const actual = await digestOf(object({ salt: opening.salt, value: opening.value }));
        if (actual !== digest) throw new Failure("openings.digest", digest, actual);
      }
      c.openingsHold = true;
      if (committed.size === 0) return notApplicable("Neither the action nor its result has private values.");
      const hidden = committed.size - c.receipt.openings.size;
      if (hidden > 0) return notProved(`${hidden} of ${committed.size} private values were not disclosed with this receipt.`);
      return `${countText(committed.size, "private value")}, as committed to.`;
    },
  },
  "no-objection": {
    needs: ["decision"],
    async run(c) {
      const locks = nodesOf(c.decision.rule).filter((rule) => rule.kind === "timelock");
      const names = [...new Set(locks.map((rule) => rule.objectors))].join(", ");
      const objections = names === "" ? "" : `fewer objections than would have stopped it came from ${names}, and that `;
      return notProved(`That ${objections}no change of the rules, withdrawal, revocation, stop or seal came in between, only the whole log can show: an audit does.`);
    },
  },
  budgets: {
    needs: ["decision"],
    async run(c) {
      if (c.restsOnBudgets) return notProved("The decision rests on budgets or counts over earlier executions, which only the whole log can show: an audit does.");
      if (c.procedure.hasQuota) return notProved("Whether the proposer was within the quota for proposals, only the whole log can show: an audit does.");
      return notApplicable("The decision rests on no budget and no count.");
    },
  },
};

/** How the proposal is decided: its policy's rule, or the root rule, and what a change of the rules must meet on top. */
async function procedureFor(constitution, { action, type, params }) {
  const isChange = constitutionalTypes.includes(type);
  if (reservedWords.includes(type.split(".")[0]) && !foldedTypes.includes(type)) {
    throw new Failure("policy.reserved-type", "an action type that exists", type);
  }
  let next = null;
  try {
    if (isChange) {
      next = await constitutionAfter(constitution, { type, params });
      await validateConstitution(next, constitution);
    } else {
      checkParameters({ type, params });
    }
  } catch (error) {
    if (!(error instanceof FieldError || error instanceof Refusal || error instanceof ClaimError)) throw error;
    if (isChange) throw new Failure("policy.change", "a change of the rules that may happen", error.message);
    throw new Failure("policy.parameters", `${error.field}: ${error.expected}`, error.actual);
  }
  const common = { next, newSigners: type === "governance.committee.set" ? next : null };
  if (type === "governance.recover") {
    const { committee, threshold, delay } = constitution.root;
    return {
      ...common,
      name: "root",
      digested: object({ root: constitution.json.get("root") }),
      rule: { kind: "quorum", committee, threshold },
      wait: delay,
      selfApproval: false,
      maxExpiry: longestExpiry,
      hasQuota: false,
      breakGlass: null,
    };
  }
  const policy = governingPolicy(constitution, type);
  if (policy === null) throw new Failure("policy.none", `a policy that covers ${type}`, "none, which denies");
  const wait = next === null ? 0 : waitOf(constitution, next);
  return {
    ...policy,
    ...common,
    digested: object({ name: policy.name, policy: policy.json }),
    wait,
    maxExpiry: Math.min(policy.maxExpiry + wait, longestExpiry),
  };
}

/** Holds a claim against what its entry says that it says. Failure codes begin with `step`. */
async function readClaim(c, json, signer, decision, at, step) {
  const claim = await reading(`${step}.malformed`, () => parseClaim(json));
  if (claim.iss !== signer) throw new Failure(`${step}.issuer`, signer, claim.iss);
  if (claim.sub !== c.statement.box) throw new Failure(`${step}.subject`, c.statement.box, claim.sub);
  const expected = object({ action: c.digest, box: c.statement.box, decision, epoch: c.statement.epoch, policy: c.statement.policy });
  const actual = claim.stm instanceof Map ? claim.stm : new Map();
  for (const name of [...new Set([...actual.keys(), ...expected.keys()])].sort()) {
    if (actual.has(name) && expected.has(name) && canonical(actual.get(name)) === canonical(expected.get(name))) continue;
    const code = expected.has(name) ? name : "statement";
    throw new Failure(`${step}.${code}`, expected.has(name) ? kindOf(expected.get(name)) : `no member ${name}`, actual.has(name) ? kindOf(actual.get(name)) : "missing");
  }
  if (claim.keys.length !== 1) throw new Failure(`${step}.keys`, "1", `${claim.keys.length}`);
  if (!claim.nce) throw new Failure(`${step}.nonce`, "a nonce", "none");
  if (claim.exp === null) throw new Failure(`${step}.expiry-missing`, "an expiry", "none");
  const limit = Math.floor(at / 1000) + longestExpiry;
  if (claim.exp > limit) throw new Failure(`${step}.expiry-too-far`, `at most ${timeText(limit * 1000)}`, timeText(claim.exp * 1000));
  claim.signer = signer;
  claim.key = claim.keys[0];
  return claim;
}

/** Checks that a signer of a constitution signed the claim, at the time of its entry. */
async function verifySigner(claim, constitution, at, step) {
  const seconds = Math.floor(at / 1000);
  const registered = constitution.signers.get(claim.signer);
  if (registered === undefined) throw new Failure(`${step}.unknown-signer`, "a signer of this epoch", claim.signer);
  if (!registered.some(({ key }) => isSameKey(key, claim.key))) {
    throw new Failure(`${step}.foreign-key`, `a registered key of ${claim.signer}`, claim.key.text);
  }
  if (claim.nbf !== null && seconds < claim.nbf) throw new Failure(`${step}.not-yet-valid`, `from ${timeText(claim.nbf * 1000)}`, timeText(at));
  if (seconds >= claim.exp) throw new Failure(`${step}.expired`, `before ${timeText(claim.exp * 1000)}`, timeText(at));
  if (claim.sig === null) throw new Failure(`${step}.unsigned`, "a signature", "none");
  try {
    await verifyClaimSignature(claim.key, claim.sig, claim.signedBytes, constitution.passkeys);
  } catch (error) {
    if (!(error instanceof ClaimError)) throw error;
    throw new Failure(`${step}.${error.code}`, error.expected, error.actual);
  }
}

/** For whose signers an approval counts: the present ones, those that a change proposes, or both. It must for somebody. */
async function sidesOf(claim, present, proposed, at) {
  const sides = { counts: false, countsForProposed: false };
  let reason = null;
  for (const [side, constitution] of [["counts", present], ["countsForProposed", proposed]]) {
    if (constitution === null) continue;
    try {
      await verifySigner(claim, constitution, at, "approvals");
      sides[side] = true;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // The complaint of the side that knows the signer says more.
      if (reason === null || reason.code === "approvals.unknown-signer") reason = error;
    }
  }
  if (!sides.counts && !sides.countsForProposed) throw reason;
  return sides;
}

/** What the votes amount to at a time: { since, mode, rule, approvals }, or null. The normal rule comes first. */
function decide(c, budgets, now) {
  const { rule, breakGlass } = c.procedure;
  const modes = breakGlass === null ? [["normal", rule]] : [["normal", rule], ["break-glass", breakGlass.rule]];
  for (const [mode, rule] of modes) {
    const since = decidedAt(c, rule, budgets);
    if (since !== null && since <= now) return { since, mode, rule, approvals: countedNames(c, rule) };
  }
  return null;
}

/** When the rule was satisfied, under the present signers and, where signers change, under the new ones as well. */
function decidedAt(c, rule, budgets) {
  const { newSigners, wait } = c.procedure;
  const facts = { action: c.statement.action, openedAt: c.opened.at, budgets };
  const times = [satisfiedAt(rule, { ...facts, approvals: c.votes.filter((vote) => vote.counts), committees: c.constitution.committees })];
  if (newSigners !== null) {
    times.push(satisfiedAt(rule, { ...facts, approvals: c.votes.filter((vote) => vote.countsForProposed), committees: newSigners.committees }));
  }
  return times.includes(null) ? null : Math.max(...times) + wait * 1000;
}

/** The signers whose approvals the rule counts: members of its committees, on either side. */
function countedNames(c, rule) {
  const committees = nodesOf(rule).flatMap(quorumsOf).map(({ committee }) => committee);
  const isMember = (constitution, name) => committees.some((committee) => constitution.committees.get(committee)?.includes(name));
  const { newSigners } = c.procedure;
  const names = c.votes
    .filter(({ signer, counts, countsForProposed }) => (counts && isMember(c.constitution, signer)) || (countsForProposed && isMember(newSigners, signer)))
    .map(({ signer }) => signer);
  return [...new Set(names)].sort();
}

/** The digests of all commitments within a value. */
function commitmentsIn(value, found = new Set()) {
  if (Array.isArray(value)) value.forEach((item) => commitmentsIn(item, found));
  else if (isCommitment(value)) found.add(value.get("$commitment"));
  else if (value instanceof Map) [...value.values()].forEach((item) => commitmentsIn(item, found));
  return found;
}
