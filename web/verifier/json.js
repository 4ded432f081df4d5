// Strict I-JSON in (RFC 7493), RFC 8785 out. JSON.parse would silently keep the last of two equal names, and two
// readers that keep different ones see different documents under one signature: so this parser is our own.
// Objects become Maps: a member called "__proto__" is then a member like any other.

class JSONError extends Error {}

const jsonMaxDepth = 64;

/**
 * Parses one document. `limits.maxStringBytes` bounds every string; `limits.integersOnly` refuses fractions.
 * Throws JSONError with the position.
 */
function parseJSON(bytes, limits) {
  if (bytes.length > limits.maxBytes) throw new JSONError(`${bytes.length} bytes, over the limit of ${limits.maxBytes}`);
  const text = fromUTF8(bytes);
  if (text === null) throw new JSONError("not UTF-8");
  let position = 0;

  const fail = (what) => {
    throw new JSONError(`${what} at character ${position}`);
  };
  const space = () => {
    while (position < text.length && " \t\n\r".includes(text[position])) position++;
  };

  function string() {
    position++;
    let value = "";
    for (;;) {
      if (position >= text.length) fail("unterminated string");
      const c = text[position];
      if (c === '"') break;
      if (c < " ") fail("control character in a string");
      if (c !== "\\") {
        value += c;
        position++;
        continue;
      }
      const escape = text[position + 1];
      const plain = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }[escape];
      if (plain !== undefined) {
        value += plain;
        position += 2;
      } else if (escape === "u") {
        const digits = text.slice(position + 2, position + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail("bad \\u escape");
        value += String.fromCharCode(parseInt(digits, 16));
        position += 6;
      } else {
        fail("bad escape");
      }
    }
    position++;
    if (hasLoneSurrogate(value)) fail("lone surrogate");
    if (/\p{Noncharacter_Code_Point}/u.test(value)) fail("noncharacter");
    if (value.length * 3 > limits.maxStringBytes && utf8(value).length > limits.maxStringBytes) {
      fail(`string over ${limits.maxStringBytes} bytes`);
    }
    return value;
  }

  function number() {
    const pattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null) fail("not a value");
    const value = Number(match[0]);
    // A number that is not zero and reads as zero is as much out of range as one that reads as infinite.
    if (!Number.isFinite(value) || (value === 0 && /^[^eE]*[1-9]/.test(match[0]))) fail("number out of range");
    if (limits.integersOnly && (/[.eE]/.test(match[0]) || !Number.isSafeInteger(value))) fail("number is not an integer within 2^53-1");
    position += match[0].length;
    if (/[0-9.eE+-]/.test(text[position] ?? "")) fail("malformed number");
    return value === 0 ? 0 : value;
  }

  function value(depth) {
    space();
    const c = text[position];
    if (c === undefined) fail("unexpected end");
    if (c === '"') return string();
    if (c === "{" || c === "[") {
      if (depth >= jsonMaxDepth) fail(`nesting deeper than ${jsonMaxDepth}`);
      return c === "{" ? object(depth) : array(depth);
    }
    for (const [word, meaning] of [["true", true], ["false", false], ["null", null]]) {
      if (text.startsWith(word, position)) {
        position += word.length;
        return meaning;
      }
    }
    return number();
  }

  function object(depth) {
    const members = new Map();
    position++;
    space();
    if (text[position] === "}") {
      position++;
      return members;
    }
    for (;;) {
      space();
      if (text[position] !== '"') fail("expected a member name");
      const name = string();
      if (members.has(name)) fail(`duplicate member ${JSON.stringify(name)}`);
      space();
      if (text[position] !== ":") fail("expected ':'");
      position++;
      members.set(name, value(depth + 1));
      space();
      if (text[position] === "}") break;
      if (text[position] !== ",") fail("expected ',' or '}'");
      position++;
    }
    position++;
    return members;
  }

  function array(depth) {
    const elements = [];
    position++;
    space();
    if (text[position] === "]") {
      position++;
      return elements;
    }
    for (;;) {
      elements.push(value(depth + 1));
      space();
      if (text[position] === "]") break;
      if (text[position] !== ",") fail("expected ',' or ']'");
      position++;
    }
    position++;
    return elements;
  }

  const document = value(0);
  space();
  if (position !== text.length) fail("text after the document");
  return document;
}

function hasLoneSurrogate(text) {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(i + 1);
      if (!(next >= 0xdc00 && next <= 0xdfff)) return true;
      i++;
    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
      return true;
    }
  }
  return false;
}

/** RFC 8785. JavaScript's own order of strings is by UTF-16 code unit, and its own numbers are the standard's. */
function canonical(value) {
  if (value instanceof Map) {
    const names = [...value.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value.get(name))}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "number") return String(value);
  return JSON.stringify(value);
}

/** A Map from a literal, so that expected documents are written plainly. */
function object(literal) {
  return new Map(Object.entries(literal));
}

/** Reads an object field by field; names the field in its error and refuses members nobody asked for. */
class FieldReader {
  constructor(json, path) {
    this.path = path;
    this.left = new Set();
    if (!(json instanceof Map)) throw new FieldError(path, "an object", kindOf(json));
    this.json = json;
    this.left = new Set(json.keys());
  }

  at(name) {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  has(name) {
    return this.json.has(name);
  }

  value(name) {
    if (!this.json.has(name)) throw new FieldError(this.at(name), "a value", "missing");
    this.left.delete(name);
    return this.json.get(name);
  }

  typed(name, test, expected) {
    const value = this.value(name);
    if (!test(value)) throw new FieldError(this.at(name), expected, kindOf(value));
    return value;
  }

  string(name, maxBytes = 4096) {
    return this.typed(name, (v) => typeof v === "string" && utf8(v).length <= maxBytes, `a string of at most ${maxBytes} bytes`);
  }

  matching(name, pattern, expected) {
    return this.typed(name, (v) => typeof v === "string" && pattern.test(v), expected);
  }

  digest(name) {
    return this.matching(name, digestPattern, "64 lower-case hexadecimal digits");
  }

  integer(name, min = 0, max = Number.MAX_SAFE_INTEGER) {
    return this.typed(name, (v) => Number.isSafeInteger(v) && v >= min && v <= max, `an integer from ${min} to ${max}`);
  }

  boolean(name, otherwise) {
    return this.has(name) ? this.typed(name, (v) => typeof v === "boolean", "true or false") : otherwise;
  }

  array(name, max, min = 0) {
    return this.typed(name, (v) => Array.isArray(v) && v.length <= max && v.length >= min, `an array of ${min} to ${max}`);
  }

  map(name) {
    return this.typed(name, (v) => v instanceof Map, "an object");
  }

  reader(name) {
    return new FieldReader(this.value(name), this.at(name));
  }

  finish() {
    if (this.left.size === 0) return;
    const [first] = [...this.left].sort();
    throw new FieldError(this.at(plainName(first)), "no such member", "present");
  }
}

/** A member's name inside a path: quoted and escaped where it is not plain, since whoever wrote the document chose it. */
function plainName(name) {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(name)) return name;
  const escaped = [...name].slice(0, 64).map((c) => {
    if (c === '"' || c === "\\") return `\\${c}`;
    return c >= " " && c <= "~" ? c : `\\u{${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}}`;
  });
  return `"${escaped.join("")}${[...name].length > 64 ? "..." : ""}"`;
}

class FieldError extends Error {
  constructor(field, expected, actual) {
    super(`${field}: expected ${expected}, found ${actual}`);
    this.field = field;
    this.expected = expected;
    this.actual = actual;
  }
}

function kindOf(value) {
  if (value === null) return "null";
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
