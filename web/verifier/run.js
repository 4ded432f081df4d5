// The receipt of a run: its form, its entries and its steps. docs/formats.md sections 9 and 13.

const runFormat = "safebox-run-receipt/v1";
const runMaxEntries = 8192;
const runMaxCalls = 10000;
/** Calls that may wait for their answers at one time. */
const runMaxPending = 256;

/** Reads the receipt of a run. Throws Failure `format.*`. */
async function parseRunReceipt(json) {
  const receipt = await reading("format.field", () => {
    const reader = new FieldReader(json, "");
    const read = {
      format: reader.string("format", 64),
      checkpoint: reader.string("checkpoint", 256 * 1024),
      es256: reader.string("es256", 128),
      entries: readItems(reader, runMaxEntries),
      roles: {},
    };
    const roles = reader.reader("roles");
    for (const name of ["genesis", "proposed", "registered", "started", "finished"]) read.roles[name] = roles.integer(name);
    for (const name of ["resumed", "called"]) read.roles[name] = readIndices(roles, name, runMaxEntries);
    roles.finish();
    read.attested = readAttested(reader);
    reader.finish();
    return read;
  });
  const { genesis, proposed, registered, started, resumed, called, finished } = receipt.roles;
  checkRoles(receipt.entries, [genesis, proposed, registered, started, ...resumed, ...called, finished]);
  return receipt;
}

const secretPattern = /^[a-z0-9][a-z0-9._-]{0,63}@([1-9][0-9]{0,15})$/;
const runFailureKinds = [
  "source", "exception", "fuel", "memory", "stack", "calls", "value", "deadlock", "timeout", "worker", "cancelled",
  "divergence", "isolation", "refused",
];
/** Failures that every repetition must come to. */
const replayableKinds = runFailureKinds.slice(0, 8);

function readIsolation(reader) {
  const layers = (name) => {
    const names = reader.array(name, 64);
    names.forEach((layer, i) => {
      const isLayer = typeof layer === "string" && /^[!-~]{1,64}$/.test(layer) && (i === 0 || names[i - 1] < layer);
      if (!isLayer) throw new FieldError(reader.at(name), "names of 1-64 visible ASCII characters, in ascending order", kindOf(layer));
    });
    return names;
  };
  const isolation = { backend: reader.matching("backend", namePattern, "a name"), applied: layers("applied"), missing: layers("missing") };
  reader.finish();
  if (isolation.applied.some((layer) => isolation.missing.includes(layer))) {
    throw new FieldError(reader.path, "a layer that is applied or missing", "one that is both");
  }
  return isolation;
}

const readEngine = (reader) => reader.matching("engine", /^[ -~]{1,64}$/, "1-64 visible ASCII characters");

const runBodyReaders = {
  "run.started": (reader) => {
    const body = {
      run: reader.digest("run"),
      tool: reader.digest("tool"),
      community: reader.matching("community", namePattern, "a name"),
      client: reader.matching("client", actorPattern, "client:NAME, signer:NAME or run:ID"),
      input: reader.digest("input"),
      seed: reader.matching("seed", /^[0-9a-f]{64}$/, "32 bytes in hexadecimal"),
      isolation: readIsolation(reader.reader("isolation")),
      engine: readEngine(reader),
      parent: reader.has("parent") ? reader.digest("parent") : null,
      task: reader.has("task") ? reader.integer("task", 0, runMaxCalls) : null,
    };
    if ((body.parent === null) !== (body.task === null)) throw new FieldError(reader.at("task"), "parent and task, or neither", "one of them");
    reader.finish();
    return body;
  },
  "run.resumed": (reader) => {
    const body = {
      run: reader.digest("run"),
      calls: reader.integer("calls", 0, runMaxCalls),
      isolation: readIsolation(reader.reader("isolation")),
      engine: readEngine(reader),
    };
    reader.finish();
    return body;
  },
  "run.called": (reader) => {
    const body = {
      run: reader.digest("run"),
      index: reader.integer("index", 0, runMaxCalls),
      call: reader.integer("call", 0, runMaxCalls),
      method: reader.matching("method", methodPattern, "a method as in HTTP.get"),
      arguments: reader.digest("arguments"),
      result: reader.digest("result"),
      ok: reader.typed("ok", (v) => typeof v === "boolean", "true or false"),
      proposal: reader.has("proposal") ? reader.digest("proposal") : null,
      child: reader.has("child") ? reader.digest("child") : null,
      secrets: reader.has("secrets") ? reader.array("secrets", 32, 1) : [],
    };
    if (reader.has("usage")) {
      const usage = reader.map("usage");
      const isUsage = ([name, count]) => /^[A-Za-z]{1,32}$/.test(name) && Number.isSafeInteger(count) && count > 0;
      if (usage.size < 1 || usage.size > 16 || ![...usage].every(isUsage)) {
        throw new FieldError(reader.at("usage"), "an object of 1-16 counts above 0 by names of letters", kindOf(usage));
      }
    }
    const isSecret = (text) => {
      const match = typeof text === "string" ? secretPattern.exec(text) : null;
      return match !== null && Number.isSafeInteger(Number(match[1]));
    };
    if (!body.secrets.every(isSecret) || new Set(body.secrets).size !== body.secrets.length) {
      throw new FieldError(reader.at("secrets"), "NAME@VERSION, each once", kindOf(body.secrets));
    }
    reader.finish();
    return body;
  },
  "run.finished": (reader) => {
    const body = {
      run: reader.digest("run"),
      calls: reader.integer("calls", 0, runMaxCalls),
      chain: reader.digest("chain"),
      fuel: reader.integer("fuel"),
      result: reader.has("result") ? reader.digest("result") : null,
      failure: null,
    };
    if (reader.has("failure")) {
      const failure = reader.reader("failure");
      body.failure = failure.typed("kind", (v) => runFailureKinds.includes(v), `one of ${runFailureKinds.join(", ")}`);
      failure.digest("message");
      failure.finish();
    }
    if ((body.result === null) === (body.failure === null)) {
      throw new FieldError(reader.at("result"), "a result or a failure", body.result === null ? "neither" : "both");
    }
    body.execution = reader.digest("execution");
    reader.finish();
    return body;
  },
};

const runStepTitles = [
  ...stepTitles.slice(0, 8),
  ["run", "The entries are those of one run, in their order"],
  ["tool", "The tool is one that was registered"],
  ["registration", "The owners registered the tool properly"],
  ["asker", "Who asked for the run is known"],
  ["calls", "Every answer that the tool was given is here"],
  ["grants", "The tool was given only what its manifest grants"],
  ["chain", "The answers are those that were recorded, in this order"],
  ["execution-hash", "The execution hash is the digest of this run"],
  ["isolation", "The tool was as isolated as its manifest demands"],
  ["seed", "Chance and time were set from outside"],
  ["standing", "The tool was in force and nothing stopped the box"],
  ["answers", "The recorded answers are what the world said"],
  ["linked", "What the calls changed and started"],
  ["ending", "The tool comes to this outcome"],
  ...stepTitles.slice(-3),
  ["measured", "The tool is among the code that the machine measured"],
];

const runReadingChecks = {
  ...readingChecks,
  format: {
    async run(c) {
      c.receipt = await parseRunReceipt(c.json);
      return `${c.receipt.entries.length} entries, ${c.bytes.length} bytes.`;
    },
  },
  entries: {
    needs: ["format"],
    async run(c) {
      await readEntries(c);
      const roles = c.receipt.roles;
      c.genesis = await entryPart(c, "genesis", roles.genesis, "box.created");
      c.proposed = await entryPart(c, "proposed", roles.proposed, "proposal.opened");
      c.registered = await entryPart(c, "registered", roles.registered, "execution.finished");
      c.started = await entryPart(c, "started", roles.started, "run.started");
      c.resumed = [];
      for (const index of roles.resumed) c.resumed.push(await entryPart(c, "resumed", index, "run.resumed"));
      c.called = [];
      for (const index of roles.called) c.called.push(await entryPart(c, "called", index, "run.called"));
      c.finished = await entryPart(c, "finished", roles.finished, "run.finished");
      return "Each is canonical, and their times never run backwards.";
    },
  },
};

const runChecks = {
  run: {
    needs: ["genesis"],
    async run(c) {
      const id = c.started.body.run;
      const all = [...c.resumed, ...c.called, c.finished].sort((a, b) => a.index - b.index);
      for (const entry of all) {
        if (entry.body.run !== id) throw new Failure("run.id", `entries about ${id}`, `entry ${entry.index} about ${entry.body.run}`);
      }
      for (const between of [c.called, c.resumed]) {
        const order = [c.proposed, c.registered, c.started, ...between, c.finished].map((entry) => entry.index);
        for (let i = 1; i < order.length; i++) {
          if (order[i] <= order[i - 1]) throw new Failure("run.order", "tool, start, answers and end in that order", `entry ${order[i]} after entry ${order[i - 1]}`);
        }
      }
      return `Run ${id}.`;
    },
  },
  tool: {
    needs: ["run"],
    async run(c) {
      const { proposal, statement } = c.proposed.body;
      const digest = await digestOf(statement.json);
      if (digest !== proposal) throw new Failure("tool.statement", proposal, digest);
      if (statement.box !== c.genesis.body.box) throw new Failure("tool.box", c.genesis.body.box, statement.box);
      if (statement.type !== "tool.register") throw new Failure("tool.action", "tool.register", statement.type);
      const manifest = await reading("tool.manifest", () => {
        const reader = new FieldReader(statement.params, "params");
        const json = reader.value("manifest");
        checkManifest(json, "params.manifest");
        reader.finish();
        return fullManifest(json);
      });
      if (c.registered.body.proposal !== digest) throw new Failure("tool.proposal", digest, c.registered.body.proposal);
      if (c.registered.body.outcome !== "executed") throw new Failure("tool.outcome", "executed", c.registered.body.outcome);
      const named = await digestOf(manifest);
      if (c.started.body.tool !== named) throw new Failure("tool.digest", named, c.started.body.tool);
      c.manifest = manifest;
      c.manifestDigest = named;
      return `${manifest.get("name")} ${manifest.get("version")}, manifest ${named}.`;
    },
  },
  registration: {
    needs: ["tool"],
    run: async (c) => notProved(`That the owners approved the tool is shown by the receipt of its registration, ${c.proposed.body.proposal}, or by an audit of the log.`),
  },
  asker: {
    needs: ["run"],
    async run(c) {
      const { client, parent, task } = c.started.body;
      return notProved(`That ${client} asked is the box's word.${parent === null ? "" : ` That it is call ${task} of the run ${parent} is shown by that run's receipt.`}`);
    },
  },
  calls: {
    needs: ["tool"],
    async run(c) {
      const limit = c.manifest.get("limits").get("calls");
      const answered = new Set();
      let known = 0;
      c.called.forEach(({ body }, number) => {
        if (body.index !== number) throw new Failure("calls.index", `answer ${number}`, `answer ${body.index}`);
        if (body.call >= limit) throw new Failure("calls.limit", `calls below ${limit}`, `${body.call}`);
        if (answered.has(body.call)) throw new Failure("calls.repeated", "each call answered once", `call ${body.call} again`);
        answered.add(body.call);
        known = Math.max(known, body.call + 1);
        // This one was waiting too, until now.
        const waiting = known - answered.size + 1;
        if (waiting > runMaxPending) throw new Failure("calls.pending", `at most ${runMaxPending} waiting`, `${waiting}`);
      });
      for (const { index, body } of c.resumed) {
        const before = c.called.filter((call) => call.index < index).length;
        if (body.calls !== before) throw new Failure("calls.resumed", `${before}`, `${body.calls}`);
      }
      const count = c.called.length;
      if (c.finished.body.calls !== count) throw new Failure("calls.count", `${c.finished.body.calls}`, `${count}`);
      return count === 0 ? "It was given none." : `${countText(count, "answer")}, numbered from 0.`;
    },
  },
  grants: {
    needs: ["calls"],
    async run(c) {
      const methods = grantedMethods(c.manifest);
      const secrets = c.manifest.get("secrets");
      for (const { body } of c.called) {
        // What was refused may have been asked for.
        if (body.ok && !methods.includes(body.method)) throw new Failure("grants.method", methods.join(", "), body.method);
        for (const secret of body.secrets) {
          if (!secrets.includes(secret.split("@")[0])) throw new Failure("grants.secret", secrets.join(", "), secret);
        }
      }
      if (!c.called.some(({ body }) => body.ok)) return notApplicable("No call was answered with a value.");
      return notProved("Every method and secret is one that the manifest grants; to which hosts, paths or recipients the calls went stands in the run's bundle, not in the log.");
    },
  },
  chain: {
    needs: ["calls"],
    async run(c) {
      let chain = await digestOf(object({ run: "safebox/run/v1" }));
      for (const { at, body } of c.called) {
        const { call, method, ok, result } = body;
        chain = await digestOf(object({ arguments: body.arguments, at, call, method, ok, previous: chain, result }));
      }
      if (chain !== c.finished.body.chain) throw new Failure("chain.digest", chain, c.finished.body.chain);
      c.chain = chain;
      return `Call chain ${chain}.`;
    },
  },
  "execution-hash": {
    needs: ["chain"],
    async run(c) {
      const started = c.started.body;
      const { fuel, result, failure, execution } = c.finished.body;
      const hash = await digestOf(object({
        calls: c.called.length,
        chain: c.chain,
        community: started.community,
        engine: c.resumed.length > 0 ? c.resumed[c.resumed.length - 1].body.engine : started.engine,
        fuel,
        input: started.input,
        limits: c.manifest.get("limits"),
        outcome: result !== null ? object({ result }) : object({ failure }),
        seed: started.seed,
        source: c.manifest.get("source"),
        start: c.started.at,
        tool: c.manifestDigest,
        version: 1,
      }));
      if (hash !== execution) throw new Failure("execution-hash.digest", hash, execution);
      return `Execution hash ${hash}.`;
    },
  },
  isolation: {
    needs: ["tool"],
    async run(c) {
      const demand = c.manifest.get("isolation");
      for (const { backend, missing } of isolationsOf(c)) {
        if (backend !== demand.get("backend")) throw new Failure("isolation.backend", demand.get("backend"), backend);
        if (demand.get("full") && missing.length > 0) throw new Failure("isolation.layers", "every layer", `without ${missing.join(", ")}`);
      }
      const words = isolationText(isolationsOf(c));
      return `${words[0].toUpperCase()}${words.slice(1)}, as the box recorded it.`;
    },
  },
  seed: {
    needs: ["run"],
    run: async () => notProved("The execution hash fixes both; that the box drew the seed by chance and its clock was right is its word."),
  },
  standing: {
    needs: ["tool"],
    run: async () => notProved("That the tool had not been retired, and that no stop or seal kept runs from starting, only the whole log can show: an audit does."),
  },
  answers: {
    needs: ["calls"],
    async run(c) {
      if (c.called.length === 0) return notApplicable("It asked the world nothing.");
      return notProved("The log has digests of what the box says it was told. That a server, a model or a person said so, and what each answer cost, is its word.");
    },
  },
  linked: {
    needs: ["calls"],
    async run(c) {
      const count = (name) => c.called.filter(({ body }) => body[name] !== null).length;
      const counts = [["proposal", count("proposal")], ["run", count("child")]].filter(([, number]) => number > 0);
      if (counts.length === 0) return notApplicable("No answer names a proposal or another run.");
      return notProved(`The ${counts.map(([noun, number]) => countText(number, noun)).join(" and ")} that its answers name have their own receipts.`);
    },
  },
  ending: {
    needs: ["execution-hash"],
    async run(c) {
      const { failure } = c.finished.body;
      if (failure !== null && !replayableKinds.includes(failure)) {
        return notProved(`The run was ended by ${failure}, from outside the tool: no repetition shows that, and it is the box's word.`);
      }
      return notProved("That the tool comes to this from these answers is shown by doing it again with the run's bundle: safebox run replay.");
    },
  },
};

/** After the evidence: what it says of the code that was measured while the box ran. */
const measuredChecks = {
  measured: {
    needs: ["tool"],
    async run(c) {
      if (c.attestation === undefined) return notProved("It rests on evidence that was held against a policy and accepted.");
      let count = null;
      for (const { runtime, register } of measurementsOf(c.attestation.claims)) {
        if (runtime === null) continue;
        const place = runtime.findIndex(({ kind, digest }) => kind === "tool" && digest === c.manifestDigest);
        if (place >= 0) return `Event ${place + 1} of the ${runtime.length} that yield ${register}.`;
        count = (count ?? 0) + runtime.length;
      }
      if (count === null) return notApplicable("The evidence measures no code at run time.");
      throw new Failure("measured.tool", `tool ${c.manifestDigest} among what was measured`, `${countText(count, "event")} without it`);
    },
  },
};

/** What logs say that registers prove: of one kind of evidence, or of each that a combination has. */
function measurementsOf({ parts, measurements }) {
  if (parts !== undefined) return parts.flatMap(({ claims }) => measurementsOf(claims));
  return measurements === undefined ? [] : [measurements];
}

const isolationsOf = (c) => [c.started, ...c.resumed].map((entry) => entry.body.isolation);

/** What stood between tool and machine, of all sessions together. */
function isolationText(isolations) {
  const { backend } = isolations[0];
  if (backend === "inprocess") return "in the box's own process, with no boundary at all";
  const missing = [...new Set(isolations.flatMap((isolation) => isolation.missing))].sort();
  return missing.length === 0 ? `in ${backend}, with every layer that it has` : `in ${backend}, without ${missing.join(", ")}`;
}

const grantedMethods = (manifest) => [...new Set(manifest.get("uses").map((grant) => grant.get("method")))].sort();

/** Answers that are told one by one; of more the rest is counted. */
const toldCalls = 100;

/** The receipt of a run in plain words. */
function explainRun(c, passed) {
  const lines = [];
  if (!passed.has("tool")) return lines;
  const say = (topic, text) => lines.push({ topic, text });
  const started = c.started.body;
  const [kind, name] = started.client.split(":");
  const asker = { signer: `somebody whom the box takes for the signer ${name}`, client: `a client that the box calls ${name}`, run: `the run ${name}` }[kind];
  const { manifest } = c;
  say("request", `At ${timeText(c.started.at)} ${asker} asked the box ${c.genesis.body.box} to run the tool ${manifest.get("name")} ${manifest.get("version")} for the community ${started.community}.`);
  if (started.parent !== null) say("request", `It is the task that call ${started.task} of the run ${started.parent} started.`);
  const methods = grantedMethods(manifest);
  say("tool", `The tool had been registered at ${timeText(c.registered.at)}; it may use ${methods.length === 0 ? "nothing of the world" : methods.join(", ")}. Its source has the digest ${manifest.get("source")}.`);
  if (passed.has("isolation")) say("isolation", `It ran ${isolationText(isolationsOf(c))}.`);
  if (passed.has("chain")) {
    for (const call of c.called.slice(0, toldCalls)) say("call", callText(call));
    const more = c.called.length - toldCalls;
    if (more > 0) say("call", `${countText(more, "more answer")} followed.`);
  }
  if (passed.has("execution-hash")) {
    const { calls, fuel, result, failure, execution } = c.finished.body;
    const came = result !== null ? `came to a result, which the log has as ${result}` : `failed by ${failure}`;
    const sessions = c.resumed.length === 0 ? "" : ` It was taken up again ${countText(c.resumed.length, "time")}.`;
    say("result", `At ${timeText(c.finished.at)} it ${came}, after ${countText(calls, "answer")} and ${countText(fuel, "unit")} of fuel.${sessions}`);
    say("execution", `Its execution hash is ${execution}.`);
  }
  return lines;
}

function callText({ at, body }) {
  let text = `At ${timeText(at)} it was told the answer to call ${body.call}, ${body.method}`;
  if (!body.ok) text += ": refused or failed";
  if (body.proposal !== null) text += `, by the proposal ${body.proposal}`;
  if (body.child !== null) text += `, by the run ${body.child}`;
  if (body.secrets.length > 0) text += `, with the secret ${body.secrets.join(", ")}`;
  return `${text}.`;
}
