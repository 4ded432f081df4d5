// Whether a constitution is fit to govern, and what an action of governance makes of it. docs/formats.md section 7.

const constitutionMaxBytes = 49152;

/** A refusal: `code` is the last part of `constitution.*`, `text` says what is wrong. */
class Refusal extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
    this.text = text;
  }
}

const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** Why a constitution is not fit to govern, or null. */
async function constitutionFault(constitution) {
  try {
    await validateConstitution(constitution);
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** `old` is the constitution that this one replaces; null where it stands alone. */
async function validateConstitution(constitution, old = null) {
  const { committees, signers } = constitution;
  const policies = [...constitution.policies.values()].sort(byName);
  const size = utf8(canonical(constitution.json)).length;
  if (size > constitutionMaxBytes) throw new Refusal("too-large", `${size} bytes, at most ${constitutionMaxBytes}`);
  for (const [name, members] of [...committees].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const member of members) {
      if (!signers.has(member)) throw new Refusal("unknown-signer", `${name} lists ${member}, who is no signer`);
    }
  }
  const owners = new Map();
  for (const policy of policies) {
    for (const pattern of policy.covers) {
      if (owners.has(pattern)) throw new Refusal("pattern-twice", `${pattern} is covered by ${owners.get(pattern)} and ${policy.name}`);
      if (pattern === "governance.recover") throw new Refusal("covers-recovery", `${policy.name} covers governance.recover`);
      owners.set(pattern, policy.name);
    }
  }
  for (const policy of policies) {
    checkReach(policy.rule, constitution, `the policy ${policy.name}`);
    if (policy.breakGlass !== null) {
      checkReach(policy.breakGlass.rule, constitution, `the break-glass rule of ${policy.name}`);
      const wide = policy.covers.find((pattern) => !narrowingTypes.includes(pattern));
      if (wide !== undefined) throw new Refusal("break-glass", `${policy.name} has a break-glass rule but covers ${wide}`);
    }
    const delay = guaranteedDelay(policy.rule);
    const isGovernance = policy.covers.some((pattern) => pattern.startsWith("governance."));
    if (delay === null ? isGovernance : delay >= policy.maxExpiry) {
      throw new Refusal("never-satisfied", `the policy ${policy.name} could never be satisfied`);
    }
  }
  checkReach({ kind: "quorum", ...constitution.root }, constitution, "root");
  checkStrength(constitution, policies);
  checkPrograms(policies);
  await checkKeys(constitution, old);
}

/** Code has no say over governance, and there is not too much of it. That each program can be read is not looked at here. */
function checkPrograms(policies) {
  const rules = (policy) => (policy.breakGlass === null ? [policy.rule] : [policy.rule, policy.breakGlass.rule]);
  const programs = policies.flatMap(rules).flatMap(nodesOf).filter(({ kind }) => kind === "code");
  if (programs.length > programsPerConstitution) throw new Refusal("code", `the constitution has more than ${programsPerConstitution} programs`);
  for (const policy of policies) {
    if (policy.covers.some((pattern) => pattern.startsWith("governance.")) && rules(policy).some(restsOnCode)) {
      throw new Refusal("code", `the code of the policy ${policy.name} is refused: code does not decide about governance`);
    }
  }
}

/** What one rule, without those inside it, asks of committees. */
function quorumsOf(rule) {
  switch (rule.kind) {
    case "single":
      return [{ committee: rule.committee, threshold: 1 }];
    case "quorum":
      return [rule];
    case "groups":
      return rule.groups;
    default:
      return [];
  }
}

/** Every committee that the rule names exists, and every number can be reached. */
function checkReach(rule, { committees }, name) {
  const nodes = nodesOf(rule);
  const objectors = nodes.filter((node) => node.kind === "timelock").map((node) => ({ committee: node.objectors, threshold: node.objections }));
  for (const quorum of [...nodes.flatMap(quorumsOf), ...objectors]) {
    const members = committees.get(quorum.committee);
    if (members === undefined) throw new Refusal("unknown-committee", `${name} names the committee ${quorum.committee}, which does not exist`);
    if (quorum.threshold > members.length) throw new Refusal("threshold", `${name} needs ${quorum.threshold} of ${quorum.committee}, which has ${members.length}`);
  }
  for (const node of nodes) {
    if (node.kind !== "groups") continue;
    const everybody = [...new Set([...committees.values()].flat())];
    const facts = { openedAt: 0, approvals: everybody.map((signer) => ({ signer, at: 0 })), committees };
    if (groupsSatisfiedAt(node.groups, facts) === null) throw new Refusal("groups", `${name} needs more distinct people than its groups have together`);
  }
}

/** The shortest time in seconds between opening and satisfaction, whatever the approvers do; null for never. */
function guaranteedDelay(rule) {
  switch (rule.kind) {
    case "deny":
      return null;
    case "timelock": {
      const after = guaranteedDelay(rule.after);
      return after === null ? null : after + rule.delay;
    }
    case "all": {
      const delays = rule.of.map(guaranteedDelay);
      return delays.includes(null) ? null : Math.max(...delays);
    }
    case "code":
    case "any": {
      const delays = rule.of.map(guaranteedDelay).filter((delay) => delay !== null);
      return delays.length === 0 ? null : Math.min(...delays);
    }
    default:
      return 0;
  }
}

/** Rules that can replace other rules take at least as many signers as the strictest of them, and at least one. */
function checkStrength(constitution, policies) {
  let strictest = { name: "a rule over governance", number: 1 };
  const numbers = new Map();
  const room = { states: fewestMaxAllStates };
  for (const policy of policies) {
    const number = fewestSigners(policy.rule, constitution.committees, room);
    if (number === undefined) throw new Refusal("entangled", `the policy ${policy.name} overlaps its committees in too many ways`);
    if (number === null) continue;
    numbers.set(policy.name, number);
    if (number > strictest.number) strictest = { name: `the policy ${policy.name}`, number };
  }
  const weaker = (name, number) => new Refusal("weaker-than-controlled", `${name} takes ${number} signers and could replace ${strictest.name}, which takes ${strictest.number}`);
  for (const type of ["governance.policy.set", "governance.committee.set"]) {
    const policy = governingPolicy(constitution, type);
    const number = policy && numbers.get(policy.name);
    if (typeof number === "number" && number < strictest.number) throw weaker(`the policy ${policy.name}`, number);
  }
  if (constitution.root.threshold < strictest.number) throw weaker("root", constitution.root.threshold);
}

const fewestMaxAlternatives = 64;
const fewestMaxStates = 1024;
const fewestMaxAllStates = 4096;

/**
 * How few distinct signers can satisfy a rule: a number, null where none can, undefined where that takes too long to say.
 * `room.states` is what all rules of a constitution share.
 */
function fewestSigners(rule, committees, room) {
  const ways = alternatives(rule);
  if (ways === undefined) return undefined;
  let fewest = null;
  for (const blocks of ways) {
    const number = signersFor(blocks, committees, room);
    if (number === undefined) return undefined;
    fewest = fewest === null ? number : Math.min(fewest, number);
  }
  return fewest;
}

/** The rule with every `any` multiplied out: each alternative is a list of blocks of quorums that must all be filled. */
function alternatives(rule) {
  switch (rule.kind) {
    case "deny":
      return [];
    case "automatic":
      return [[]];
    case "timelock":
      return alternatives(rule.after);
    case "code":
    case "any": {
      const parts = rule.of.map(alternatives);
      if (parts.includes(undefined)) return undefined;
      const all = parts.flat();
      return all.length > fewestMaxAlternatives ? undefined : all;
    }
    case "all": {
      let result = [[]];
      for (const part of rule.of.map(alternatives)) {
        if (part === undefined || result.length * part.length > fewestMaxAlternatives) return undefined;
        result = result.flatMap((blocks) => part.map((more) => [...blocks, ...more]));
      }
      return result;
    }
    default:
      return [[quorumsOf(rule)]];
  }
}

function signersFor(list, committees, room) {
  const spelling = (block) => JSON.stringify(block.map(({ committee, threshold }) => [committee, threshold]));
  const blocks = [...new Map(list.map((block) => [spelling(block), block])).values()];
  const people = blocks.map((block) => new Set(block.flatMap(({ committee }) => committees.get(committee) ?? [])));
  const isShared = people.some((some, i) => people.slice(0, i).some((others) => [...some].some((name) => others.has(name))));
  const quorums = blocks.flat();
  if (!isShared) return quorums.reduce((sum, { threshold }) => sum + threshold, 0);
  return fewestByTable(blocks, quorums, committees, room);
}

/** The fewest signers by what is still lacking: each signer sits once in every block, wherever a seat is free. */
function fewestByTable(blocks, quorums, committees, room) {
  const weights = [];
  let states = 1;
  let start = 0;
  for (const { threshold } of quorums) {
    weights.push(states);
    start += threshold * states;
    states *= threshold + 1;
    if (states > fewestMaxStates) return undefined;
  }
  if (states > room.states) return undefined;
  room.states -= states;
  const isFree = (state, seat) => Math.floor(state / weights[seat]) % (quorums[seat].threshold + 1) > 0;
  let fewest = new Map([[start, 0]]);
  for (const signer of new Set(quorums.flatMap(({ committee }) => committees.get(committee) ?? []))) {
    const next = new Map(fewest);
    for (const [state, number] of fewest) {
      let reached = [state];
      let first = 0;
      for (const block of blocks) {
        const seats = block.map((_, i) => first + i).filter((seat) => committees.get(quorums[seat].committee)?.includes(signer));
        first += block.length;
        reached = reached.flatMap((from) => {
          const taken = seats.filter((seat) => isFree(from, seat)).map((seat) => from - weights[seat]);
          return taken.length === 0 ? [from] : taken;
        });
      }
      for (const to of reached) next.set(to, Math.min(next.get(to) ?? Infinity, number + 1));
    }
    fewest = next;
  }
  return fewest.get(0);
}

/** Every key belongs to one signer, and its holder agreed to be that signer of this box. */
async function checkKeys({ box, epoch, signers, passkeys }, old) {
  const holders = new Map();
  for (const [name, keys] of [...signers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const { key, possession } of keys) {
      if (holders.has(key.spki)) throw new Refusal("shared-key", `${holders.get(key.spki)} and ${name} have the same key`);
      holders.set(key.spki, name);
      if (key.isPasskey) {
        if (passkeys === null) throw new Refusal("passkeys-missing", `${name} has a passkey, but nothing says how to check it`);
        // A later constitution by itself does not say under which `passkeys` its keys were proved: the change did.
        if (old === null && epoch > 1) continue;
      }
      const known = old?.signers.get(name) ?? [];
      if (known.some((one) => isSameKey(one.key, key) && one.key.text === key.text && one.possession === possession)) continue;
      try {
        await verifyPossession(box, name, key, possession, passkeys);
      } catch (error) {
        if (!(error instanceof ClaimError)) throw error;
        throw new Refusal("possession", `a key of ${name} has no valid possession proof: ${error.actual}`);
      }
    }
  }
}

/** The constitution that an action of governance makes of this one, not yet validated. Throws FieldError or Refusal. */
async function constitutionAfter(constitution, { type, params }) {
  const next = new Map(constitution.json);
  next.set("epoch", constitution.epoch + 1);
  const reader = new FieldReader(params, "action.params");
  if (type === "governance.policy.set") {
    const name = reader.matching("name", namePattern, "a name");
    const policies = new Map(constitution.json.get("policies"));
    const policy = reader.value("policy");
    if (policy === null) policies.delete(name);
    else policies.set(name, policy);
    next.set("policies", policies);
    reader.finish();
    const changed = await parseConstitution(next);
    if (policy === null && !constitution.policies.has(name)) throw new Refusal("unknown-policy", `there is no policy ${name} to remove`);
    return changed;
  }
  const isRecovery = type === "governance.recover";
  for (const name of isRecovery ? ["signers", "committees", "policies"] : ["signers", "committees"]) next.set(name, reader.map(name));
  if (isRecovery || reader.has("root")) next.set("root", reader.map("root"));
  if (reader.has("passkeys")) next.set("passkeys", reader.map("passkeys"));
  else if (isRecovery) next.delete("passkeys");
  reader.finish();
  return parseConstitution(next);
}

const constitutionalTypes = ["governance.policy.set", "governance.committee.set", "governance.recover"];
const foldedTypes = [
  ...constitutionalTypes, "governance.ratify", "execution.resolve", "box.stop", "box.resume", "box.seal", "box.unseal", "signer.revoke",
  ...Object.keys(toolParameters), ...Object.keys(releaseParameters), ...Object.keys(recordedParameters),
];
const reservedWords = [
  "governance", "execution", "box", "signer", "tool", "community", "run", "model", "runner", "package", "snapshot", "directory", "release",
  "measurement", "key",
];

/** Checks the parameters of an action that the box's own machinery carries out. Throws FieldError. */
function checkParameters({ type, params }) {
  if (!foldedTypes.includes(type)) return;
  const reader = new FieldReader(params, "action.params");
  if (Object.hasOwn(recordedParameters, type) && commitmentsIn(params).size > 0) {
    throw new FieldError("action.params", "public values", "a commitment");
  }
  const read = { ...toolParameters, ...releaseParameters, ...recordedParameters }[type];
  if (read !== undefined) {
    read(reader);
    reader.finish();
    return;
  }
  if (type === "governance.ratify" || type === "execution.resolve") reader.digest("proposal");
  if (type === "execution.resolve") reader.matching("outcome", /^(?:executed|failed)$/, "executed or failed");
  if (type === "signer.revoke") reader.matching("signer", namePattern, "a name");
  if (type !== "governance.ratify") readNote(reader, type === "execution.resolve" ? "note" : "reason");
  reader.finish();
}

/** The longest delay in seconds that a change has to wait out because it shortens what some type is guaranteed. */
function waitOf(constitution, next) {
  const patterns = new Set([constitution, next].flatMap(({ policies }) => [...policies.values()].flatMap(({ covers }) => covers)));
  let wait = next.root.delay < constitution.root.delay ? constitution.root.delay : 0;
  const unnamed = "z".repeat(65);
  for (const pattern of patterns) {
    // A word longer than a type may have stands for all types that fall to this pattern.
    const type = pattern === "*" ? `${unnamed}.${unnamed}` : pattern.endsWith("*") ? pattern.slice(0, -1) + unnamed : pattern;
    const before = guarantee(governingPolicy(constitution, type));
    const after = guarantee(governingPolicy(next, type));
    if (before !== null && after !== null && after < before) wait = Math.max(wait, before);
  }
  return wait;
}

/** What the delay of an action under a policy cannot fall below; null where the policy never allows anything. */
function guarantee(policy) {
  if (policy === null) return null;
  const rules = policy.breakGlass === null ? [policy.rule] : [policy.rule, policy.breakGlass.rule];
  const delays = rules.map(guaranteedDelay).filter((delay) => delay !== null);
  return delays.length === 0 ? null : Math.min(...delays);
}
