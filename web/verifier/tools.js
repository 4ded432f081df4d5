// What the owners of a box decide about tools and communities. docs/formats.md sections 7 and 13.

const versionPattern = /^[0-9A-Za-z.+-]{1,32}$/;
const methodPattern = /^(?=.{1,64}$)[A-Za-z][A-Za-z0-9]*\.[A-Za-z][A-Za-z0-9]*$/;
const toolBackends = ["jail", "gvisor", "inprocess"];
const toolLongestPeriod = 400 * 86400;
const toolLimits = {
  fuel: [1, 1000000],
  memory: [1 << 20, 256 << 20],
  stack: [32 << 10, 1 << 20],
  calls: [0, 10000],
  seconds: [1, 300],
};
const communityMaxBytes = 32768;

/** The parameters of actions about tools and communities. Throws FieldError. */
const toolParameters = {
  "tool.register": (reader) => checkManifest(publicValue(reader, "manifest"), reader.at("manifest")),
  "tool.retire": (reader) => {
    reader.matching("name", namePattern, "a name");
    reader.matching("version", versionPattern, "1-32 of 0-9 A-Z a-z . + -");
  },
  "community.set": (reader) => {
    reader.matching("community", namePattern, "a name");
    const settings = publicValue(reader, "settings");
    if (!(settings instanceof Map) || utf8(canonical(settings)).length > communityMaxBytes) {
      throw new FieldError(reader.at("settings"), `an object of at most ${communityMaxBytes} bytes`, kindOf(settings));
    }
  },
};

/** A value that the box itself keeps: what a commitment hides it could not. */
function publicValue(reader, name) {
  const value = reader.value(name);
  if (commitmentsIn(value).size > 0) throw new FieldError(reader.at(name), "public values", "a commitment");
  return value;
}

/** Checks the manifest of a tool version. Throws FieldError. */
function checkManifest(json, path) {
  const reader = new FieldReader(json, path);
  reader.matching("name", namePattern, "a name");
  reader.matching("version", versionPattern, "1-32 of 0-9 A-Z a-z . + -");
  if (reader.has("description")) reader.string("description", 1024);
  reader.digest("source");
  if (reader.has("input")) reader.map("input");
  const list = (name, max, check) => {
    if (reader.has(name)) reader.array(name, max).forEach((item, i) => check(item, `${path}.${name}[${i}]`));
  };
  list("uses", 64, checkGrant);
  if (reader.has("secrets")) {
    const names = reader.array("secrets", 32);
    if (!names.every((name) => typeof name === "string" && namePattern.test(name)) || new Set(names).size !== names.length) {
      throw new FieldError(`${path}.secrets`, "names, each once", kindOf(names));
    }
  }
  if (reader.has("limits")) {
    const limits = reader.reader("limits");
    for (const [name, [min, max]] of Object.entries(toolLimits)) {
      if (limits.has(name)) limits.integer(name, min, max);
    }
    limits.finish();
  }
  list("rates", 32, (item, at) => {
    const rate = new FieldReader(item, at);
    rate.string("method", 64);
    rate.integer("count", 1, 1000000000);
    rate.integer("period", 1, toolLongestPeriod);
    rate.finish();
  });
  list("budgets", 32, (item, at) => {
    const budget = new FieldReader(item, at);
    budget.matching("unit", /^(?:tokens|microusd)$/, "tokens or microusd");
    budget.integer("limit");
    budget.integer("period", 1, toolLongestPeriod);
    budget.finish();
  });
  if (reader.has("isolation")) {
    const isolation = reader.reader("isolation");
    const backend = isolation.has("backend") ? isolation.typed("backend", (v) => toolBackends.includes(v), `one of ${toolBackends.join(", ")}`) : "jail";
    if (isolation.boolean("full", false) && backend === "inprocess") {
      throw new FieldError(`${path}.isolation.full`, "false where there is no boundary", "true");
    }
    isolation.finish();
  }
  reader.finish();
}

const toolDefaultLimits = { fuel: 10000, memory: 64 << 20, stack: 1 << 20, calls: 1000, seconds: 10 };

/** A checked manifest with every default written out: what its digest is of. */
function fullManifest(json) {
  const isolation = json.get("isolation") ?? new Map();
  const given = { description: "", uses: [], secrets: [], rates: [], budgets: [] };
  return new Map([
    ...Object.entries(given),
    ...json,
    ["limits", new Map([...Object.entries(toolDefaultLimits), ...(json.get("limits") ?? [])])],
    ["isolation", object({ backend: isolation.get("backend") ?? "jail", full: isolation.get("full") ?? false })],
  ]);
}

/** A method and, for each dimension of its calls, the patterns that are allowed. */
function checkGrant(json, path) {
  const reader = new FieldReader(json, path);
  reader.matching("method", methodPattern, "a method as in HTTP.get");
  const dimensions = [...json.keys()].filter((name) => name !== "method");
  if (dimensions.length > 8) throw new FieldError(path, "at most 8 dimensions", `${dimensions.length}`);
  for (const name of dimensions) {
    if (!/^[a-z]{1,32}$/.test(name)) throw new FieldError(path, "dimensions of a-z", kindOf(name));
    const patterns = reader.array(name, 64, 1);
    const isPlain = (text) => typeof text === "string" && text !== "" && utf8(text).length <= 512 && text.split("*").length <= 5;
    if (!patterns.every(isPlain) || new Set(patterns).size !== patterns.length) {
      throw new FieldError(`${path}.${name}`, "patterns of 1-512 bytes with at most 4 *, each once", kindOf(patterns));
    }
  }
  reader.finish();
}
