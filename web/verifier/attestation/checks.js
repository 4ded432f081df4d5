// Checks of evidence, as Sources/Attestation/Checks makes them: same names, same order, same states.

/** The checks of one verification. What was demanded and neither passed nor was waived makes the whole fail. */
class CheckList {
  checks = [];
  deadline = null;
  #demanded = [];
  #waived = new Set();

  demand(ids) {
    for (const id of ids) if (!this.#demanded.includes(id)) this.#demanded.push(id);
  }

  pass(id, actual) {
    this.checks.push({ id, state: "passed", actual });
  }

  fail(id, expected, actual) {
    this.checks.push({ id, state: "failed", expected, actual });
  }

  /** Passes where `holds` is true, and returns it. */
  require(id, holds, expected, actual) {
    if (holds) this.pass(id, actual);
    else this.fail(id, expected, actual);
    return holds;
  }

  notApplicable(id, reason) {
    this.checks.push({ id, state: "not-applicable", reason });
  }

  notPerformed(id, reason) {
    this.checks.push({ id, state: "not-performed", reason });
  }

  /** The caller asked in so many words for this check not to be made. */
  waive(id, reason) {
    this.#waived.add(id);
    this.notPerformed(id, reason);
  }

  /** The result holds no longer than until `end`, Unix milliseconds. */
  limit(end) {
    this.deadline = this.deadline === null ? end : Math.min(this.deadline, end);
  }

  /** Holds a field against the binding that the caller expects: bytes, or null where the caller asked for none. */
  bind(id, field, binding, fixedWidth) {
    if (binding === null) return this.waive(id, "the caller asked for no nonce: this may be a replay");
    this.require(id, bindingMatches(binding, field, fixedWidth), hex(binding), hex(field));
  }

  /** Takes over what was demanded, made and waived for one member of a combination, and how long it holds. */
  include(member, kind) {
    const of = (id) => `${kind}/${id}`;
    for (const check of member.checks) this.checks.push({ ...check, id: of(check.id) });
    this.demand(member.#demanded.map(of));
    for (const id of member.#waived) this.#waived.add(of(id));
    if (member.deadline !== null) this.limit(member.deadline);
  }

  get holds() {
    return !this.checks.some(({ state }) => state === "failed");
  }

  get missing() {
    const passed = new Set(this.checks.filter(({ state }) => state === "passed").map(({ id }) => id));
    return this.#demanded.filter((id) => !passed.has(id) && !this.#waived.has(id));
  }

  get succeeds() {
    return this.#demanded.length > 0 && this.holds && this.missing.length === 0;
  }
}

/** A field is the bytes, or, where it has a fixed width, the bytes and then zeros. */
function bindingMatches(binding, field, fixedWidth) {
  if (binding.length < 1 || binding.length > 64) return false;
  if (!fixedWidth) return sameBytes(binding, field);
  return binding.length <= field.length && sameBytes(binding, field.subarray(0, binding.length)) && field.subarray(binding.length).every((byte) => byte === 0);
}

/** A layout of bytes, read in order: every length is checked first. Throws FieldError. */
class ByteReader {
  offset = 0;

  constructor(bytes, path = "") {
    this.bytes = bytes;
    this.path = path;
  }

  get remaining() {
    return this.bytes.length - this.offset;
  }

  at(field) {
    return this.path === "" ? field : `${this.path}.${field}`;
  }

  take(count, field) {
    if (count < 0 || count > this.remaining) throw new FieldError(this.at(field), `${count} bytes`, `${this.remaining} bytes`);
    this.offset += count;
    return this.bytes.subarray(this.offset - count, this.offset);
  }

  rest() {
    return this.take(this.remaining, "");
  }

  /** An unsigned big-endian integer of 1 to 6 bytes. */
  big(count, field) {
    return this.take(count, field).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** An unsigned little-endian integer of 1 to 6 bytes. */
  little(count, field) {
    return this.take(count, field).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** A two-byte big-endian length of at most `max`, then as many bytes. */
  sized16(field, max) {
    const count = this.big(2, field);
    if (count > max) throw new FieldError(this.at(field), `at most ${max} bytes`, `${count} bytes`);
    return this.take(count, field);
  }

  /** Reserved bytes, which must be zero. */
  zeros(count, field) {
    const found = this.take(count, field);
    if (found.some((byte) => byte !== 0)) throw new FieldError(this.at(field), `${count} zero bytes`, hex(found.subarray(0, 64)));
  }

  finish() {
    if (this.remaining !== 0) throw new FieldError(this.at("end"), "nothing more", `${this.remaining} further bytes`);
  }
}
