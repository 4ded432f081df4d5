// Constitutions, policies and rules: what the box's log says must have happened before it acts.

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const typePattern = /^(?=.{1,64}$)[a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_-]*){1,4}$/;
const prefixPattern = /^(?=.{1,64}$)[a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_-]*){0,3}\.\*$/;
const narrowingTypes = ["box.stop", "box.seal", "signer.revoke"];
const longestDelay = 14 * 86400;
const longestExpiry = 30 * 86400;
const longestPeriod = 366 * 86400;
const programsPerRule = 4;
const programsPerConstitution = 32;

/** The names of a map, each checked. */
function namesOf(map, path, max) {
  if (map.size > max) throw new FieldError(path, `at most ${max} members`, `${map.size}`);
  for (const name of map.keys()) {
    if (!namePattern.test(name)) throw new FieldError(path, "names of a-z 0-9 . _ -", kindOf(name));
  }
  return [...map.keys()];
}

/** Signers: Map(name -> [{ key, possession }]). */
async function parseSigners(json, path) {
  const signers = new Map();
  for (const name of namesOf(json, path, 64)) {
    const reader = new FieldReader(json.get(name), `${path}.${name}`);
    const keys = [];
    for (const element of reader.array("keys", 8, 1)) {
      const item = new FieldReader(element, `${path}.${name}.keys`);
      keys.push({ key: await parseKey(item.string("key", 1024)), possession: item.string("possession", 4096) });
      item.finish();
    }
    reader.finish();
    signers.set(name, keys);
  }
  return signers;
}

function parseCommittees(json, path) {
  const committees = new Map();
  for (const name of namesOf(json, path, 32)) {
    const reader = new FieldReader(json, path);
    const members = reader.array(name, 64, 1);
    if (!members.every((member) => typeof member === "string" && namePattern.test(member)) || new Set(members).size !== members.length) {
      throw new FieldError(`${path}.${name}`, "names, each once", kindOf(members));
    }
    committees.set(name, members);
  }
  return committees;
}

/** Reads a constitution; checkConstitution says whether it is fit to govern. */
async function parseConstitution(json) {
  const reader = new FieldReader(json, "constitution");
  const constitution = {
    json,
    box: reader.matching("box", originPattern, "the name of a box"),
    epoch: reader.integer("epoch", 1),
    signers: await parseSigners(reader.map("signers"), "constitution.signers"),
    committees: parseCommittees(reader.map("committees"), "constitution.committees"),
    policies: new Map(),
    passkeys: null,
  };
  const policies = reader.map("policies");
  for (const name of namesOf(policies, "constitution.policies", 64)) {
    constitution.policies.set(name, parsePolicy(name, policies.get(name)));
  }
  const root = reader.reader("root");
  constitution.root = {
    committee: root.matching("committee", namePattern, "a name"),
    threshold: root.integer("threshold", 1, 64),
    delay: root.integer("delay", 0, longestDelay),
  };
  root.finish();
  if (reader.has("passkeys")) {
    const passkeys = reader.reader("passkeys");
    constitution.passkeys = { rp: passkeys.string("rp", 253), origins: passkeys.array("origins", 8, 1) };
    passkeys.finish();
    const isOrigin = (text) => typeof text === "string" && text !== "" && utf8(text).length <= 512;
    if (constitution.passkeys.rp === "" || !constitution.passkeys.origins.every(isOrigin)) {
      throw new FieldError("constitution.passkeys", "a relying party and its origins", "other values");
    }
  }
  reader.finish();
  return constitution;
}

function isPattern(text) {
  return typeof text === "string" && (text === "*" || typePattern.test(text) || prefixPattern.test(text));
}

function parsePolicy(name, json) {
  const path = `constitution.policies.${name}`;
  const reader = new FieldReader(json, path);
  const policy = { name, json, covers: reader.array("covers", 32, 1) };
  if (!policy.covers.every(isPattern) || new Set(policy.covers).size !== policy.covers.length) {
    throw new FieldError(`${path}.covers`, "types, prefix.* or *, each once", kindOf(policy.covers));
  }
  policy.rule = parseWholeRule(reader.value("rule"), `${path}.rule`);
  policy.selfApproval = reader.boolean("selfApproval", false);
  policy.maxExpiry = reader.has("maxExpiry") ? reader.integer("maxExpiry", 1, longestExpiry) : 7 * 86400;
  policy.hasQuota = reader.has("quota");
  if (policy.hasQuota) {
    const quota = reader.reader("quota");
    quota.integer("open", 1, 100000);
    quota.integer("count", 1, 100000);
    quota.integer("period", 1, longestPeriod);
    quota.finish();
  }
  if (reader.has("egress")) {
    const egress = reader.reader("egress");
    if (!egress.array("addresses", 32).every(isAddress)) throw new FieldError(`${path}.egress.addresses`, "address:port", "other values");
    egress.finish();
  }
  policy.breakGlass = null;
  if (reader.has("breakGlass")) {
    const glass = reader.reader("breakGlass");
    policy.breakGlass = { rule: parseWholeRule(glass.value("rule"), `${path}.breakGlass.rule`), ttl: glass.integer("ttl", 1, longestExpiry) };
    glass.finish();
  }
  reader.finish();
  return policy;
}

/** An IPv4 address or a bracketed IPv6 one, with a port. */
function isAddress(text) {
  const authority = typeof text === "string" ? splitAuthority(text) : null;
  if (authority === null || authority.port === null) return false;
  const bytes = authority.host.split(".");
  return authority.host.startsWith("[") || (bytes.length === 4 && bytes.every((byte) => /^(0|[1-9][0-9]{0,2})$/.test(byte) && Number(byte) < 256));
}

/** A rule within its bounds: levels, nodes, checks, and the sum of the time-locks on any path. */
function parseWholeRule(json, path) {
  const rule = parseRule(json, path, 1, { nodes: 0, checks: 0, programs: 0 });
  const longest = (node) => {
    if (node.kind === "timelock") return node.delay + longest(node.after);
    return Math.max(0, ...(node.of ?? []).map(longest));
  };
  if (longest(rule) > longestDelay) throw new FieldError(path, `time-locks that add up to at most ${longestDelay} seconds`, `${longest(rule)}`);
  return rule;
}

function parseRule(json, path, depth, budget) {
  if (depth > 8) throw new FieldError(path, "nesting of at most 8", "deeper");
  if (++budget.nodes > 64) throw new FieldError(path, "at most 64 nodes", "more");
  const reader = new FieldReader(json, path);
  const kind = reader.string("rule", 32);
  const rule = { kind };
  const committee = (from, name) => from.matching(name, namePattern, "a name");
  const quorum = (from) => ({ committee: committee(from, "committee"), threshold: from.integer("threshold", 1, 64) });
  switch (kind) {
    case "deny":
      break;
    case "automatic":
      rule.checks = reader.array("checks", 64).map((check, i) => parseCheck(check, `${path}.checks[${i}]`));
      budget.checks += rule.checks.length;
      if (budget.checks > 64) throw new FieldError(`${path}.checks`, "at most 64 checks in one rule", "more");
      break;
    case "single":
      rule.committee = committee(reader, "committee");
      break;
    case "quorum":
      Object.assign(rule, quorum(reader));
      break;
    case "groups":
      rule.groups = reader.array("groups", 16, 1).map((group, i) => {
        const item = new FieldReader(group, `${path}.groups[${i}]`);
        const parsed = quorum(item);
        item.finish();
        return parsed;
      });
      break;
    case "timelock":
      rule.delay = reader.integer("delay", 1, longestDelay);
      rule.objectors = committee(reader, "objectors");
      rule.objections = reader.integer("objections", 1, 64);
      rule.after = parseRule(reader.value("after"), `${path}.after`, depth + 1, budget);
      break;
    case "all":
    case "any":
      rule.of = reader.array("of", 64, 1).map((child, i) => parseRule(child, `${path}.of[${i}]`, depth + 1, budget));
      break;
    case "code": {
      if (++budget.programs > programsPerRule) throw new FieldError(path, `at most ${programsPerRule} programs in one rule`, "more");
      rule.source = reader.string("source", 16384);
      const branches = reader.map("branches");
      rule.names = namesOf(branches, `${path}.branches`, 64).sort();
      rule.of = rule.names.map((name) => parseRule(branches.get(name), `${path}.branches.${name}`, depth + 1, budget));
      break;
    }
    default:
      throw new FieldError(`${path}.rule`, "a known rule", kindOf(kind));
  }
  reader.finish();
  return rule;
}

function parseCheck(json, path) {
  const reader = new FieldReader(json, path);
  const check = { kind: reader.string("check", 16) };
  const strings = (name) => {
    const list = reader.array(name, 256);
    if (!list.every((item) => typeof item === "string")) throw new FieldError(`${path}.${name}`, "strings", "other values");
    return list;
  };
  if (check.kind !== "count") {
    check.field = reader.string("field", 256);
    const parts = check.field.split(".");
    if (parts.length > 16 || parts.includes("") || !(check.field === "type" || parts[0] === "params")) {
      throw new FieldError(`${path}.field`, "type, or params and names joined by dots", kindOf(check.field));
    }
  }
  switch (check.kind) {
    case "equals":
      check.value = reader.value("value");
      break;
    case "in":
      check.values = reader.array("values", 256);
      break;
    case "range":
      check.min = reader.integer("min", -Number.MAX_SAFE_INTEGER);
      check.max = reader.integer("max", -Number.MAX_SAFE_INTEGER);
      break;
    case "prefix":
      check.value = reader.string("value");
      break;
    case "size":
      check.max = reader.integer("max");
      break;
    case "shape":
      check.required = strings("required");
      check.optional = strings("optional");
      break;
    case "host":
      check.hosts = strings("hosts").map((text, i) => parseHostPattern(text, `${path}.hosts[${i}]`));
      break;
    case "budget":
    case "count":
      check.limit = reader.integer("limit");
      check.period = reader.integer("period", 1, longestPeriod);
      break;
    default:
      throw new FieldError(`${path}.check`, "a known check", kindOf(check.kind));
  }
  reader.finish();
  return check;
}

/** The policy that governs a type, or null: a type over a prefix, a longer prefix over a shorter, `*` last. */
function governingPolicy(constitution, type) {
  const words = type.split(".");
  const patterns = [type];
  for (let count = words.length - 1; count > 0; count--) patterns.push(`${words.slice(0, count).join(".")}.*`);
  if (words[0] !== "governance") patterns.push("*");
  const policies = [...constitution.policies.values()];
  for (const pattern of patterns) {
    const policy = policies.find(({ covers }) => covers.includes(pattern));
    if (policy !== undefined) return policy;
  }
  return null;
}

/** The value at a dotted path of the action, or undefined where it is missing or hidden behind a commitment. */
function fieldOf(action, path) {
  let value = object({ type: action.get("type"), params: action.get("params") });
  for (const name of path.split(".")) {
    if (!(value instanceof Map) || isCommitment(value)) return undefined;
    value = value.get(name);
  }
  return value instanceof Map && isCommitment(value) ? undefined : value;
}

/** Exactly `{"$commitment":DIGEST}`: what only looks like one hides nothing. */
function isCommitment(value) {
  if (!(value instanceof Map) || value.size !== 1) return false;
  const digest = value.get("$commitment");
  return typeof digest === "string" && digestPattern.test(digest);
}

/** Whether one check holds. `budgets` says whether what needs the log's history is assumed to hold. */
function checkHolds(check, action, budgets) {
  if (check.kind === "count") return budgets && check.limit >= 1;
  const value = fieldOf(action, check.field);
  if (value === undefined) return false;
  switch (check.kind) {
    case "equals":
      return canonical(value) === canonical(check.value);
    case "in":
      return check.values.some((allowed) => canonical(allowed) === canonical(value));
    case "range":
      return Number.isSafeInteger(value) && value >= check.min && value <= check.max;
    case "prefix":
      return typeof value === "string" && value.startsWith(check.value);
    case "size":
      // What a commitment hides has a size that nobody here can see.
      return commitmentsIn(value).size === 0 && utf8(canonical(value)).length <= check.max;
    case "shape":
      return (
        value instanceof Map &&
        check.required.every((name) => value.has(name)) &&
        [...value.keys()].every((name) => check.required.includes(name) || check.optional.includes(name))
      );
    case "host":
      return typeof value === "string" && check.hosts.some((host) => hostMatches(host, parseURL(value)));
    case "budget":
      return budgets && Number.isSafeInteger(value) && value >= 0 && value <= check.limit;
    default:
      return false;
  }
}

/** One host of a `host` check: `host:port`, `*.suffix:port`, or either without a port. */
function parseHostPattern(text, path) {
  const isSuffix = text.startsWith("*.");
  const authority = splitAuthority(isSuffix ? text.slice(2) : text);
  if (authority === null || (isSuffix && authority.host.startsWith("["))) throw new FieldError(path, "a host, with or without a port", kindOf(text));
  return { isSuffix, ...authority };
}

/** `host[:port]` in its one plain form, or null: a name of lower-case labels, an IPv4 address, or IPv6 in brackets. */
function splitAuthority(text) {
  const match = /^(\[[0-9a-f:.]{2,}\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([1-9][0-9]{0,4}))?$/.exec(text);
  if (match === null || (match[1].length > 253 && !match[1].startsWith("["))) return null;
  const port = match[2] === undefined ? null : Number(match[2]);
  return port !== null && port > 65535 ? null : { host: match[1], port };
}

/** Scheme, host and port of a URL, or null for what two parsers might read differently. */
function parseURL(url) {
  const match = /^(https?):\/\/([^/?#]*)/.exec(url);
  if (match === null || url.length > 2048 || !/^[!-[\]-~]*$/.test(url)) return null;
  const authority = splitAuthority(match[2]);
  const defaultPort = match[1] === "https" ? 443 : 80;
  return authority && { host: authority.host, port: authority.port ?? defaultPort, defaultPort };
}

function hostMatches(pattern, url) {
  if (url === null || url.port !== (pattern.port ?? url.defaultPort)) return false;
  return pattern.isSuffix ? url.host.endsWith(`.${pattern.host}`) : url.host === pattern.host;
}

/**
 * When a rule became satisfied, in milliseconds, or null. `facts`: action, openedAt, approvals [{signer, at}] in log order,
 * committees (a Map), budgets (see checkHolds).
 */
function satisfiedAt(rule, facts) {
  switch (rule.kind) {
    case "automatic":
      return rule.checks.every((check) => checkHolds(check, facts.action, facts.budgets)) ? facts.openedAt : null;
    case "single":
      return groupsSatisfiedAt([{ committee: rule.committee, threshold: 1 }], facts);
    case "quorum":
      return groupsSatisfiedAt([rule], facts);
    case "groups":
      return groupsSatisfiedAt(rule.groups, facts);
    case "timelock": {
      const after = satisfiedAt(rule.after, facts);
      return after === null ? null : after + rule.delay * 1000;
    }
    case "all": {
      const times = rule.of.map((child) => satisfiedAt(child, facts));
      return times.includes(null) ? null : Math.max(...times);
    }
    // Of policy code this says only when the rule could be satisfied: whichever branch it named.
    case "code":
    case "any": {
      const times = rule.of.map((child) => satisfiedAt(child, facts)).filter((time) => time !== null);
      return times.length === 0 ? null : Math.min(...times);
    }
    default:
      return null;
  }
}

/** The time of the first approval at which distinct signers fill every group; nobody fills two seats. */
function groupsSatisfiedAt(groups, facts) {
  const seats = groups.flatMap((group) => Array(group.threshold).fill(facts.committees.get(group.committee) ?? []));
  const holder = Array(seats.length).fill(null);
  const place = (signer, seen) => {
    for (let seat = 0; seat < seats.length; seat++) {
      if (seen.has(seat) || !seats[seat].includes(signer)) continue;
      seen.add(seat);
      if (holder[seat] === null || place(holder[seat], seen)) {
        holder[seat] = signer;
        return true;
      }
    }
    return false;
  };
  const counted = new Set();
  for (const approval of facts.approvals) {
    if (counted.has(approval.signer)) continue;
    counted.add(approval.signer);
    place(approval.signer, new Set());
    if (!holder.includes(null)) return Math.max(facts.openedAt, approval.at);
  }
  return null;
}

/** Whether policy code has a say in a rule. */
function restsOnCode(rule) {
  return nodesOf(rule).some(({ kind }) => kind === "code");
}

/** Every rule of a tree, itself included. */
function nodesOf(rule) {
  return [rule, ...(rule.after ? nodesOf(rule.after) : []), ...(rule.of ?? []).flatMap(nodesOf)];
}
