// Reads what arrived in a stream, has a model read the invoices, and proposes to pay those that are in order.
//
// The model only reads. What it says is held against the text and against the accounts that are known, by plain code:
// a letter that talks the model into another account, or into an amount that stands nowhere, is held for a person.

export default async function (input) {
  const report = { paid: [], held: [], skipped: [] };
  for (const item of await items(input.stream)) {
    const letter = await Protocol.Files.read({ stream: input.stream, item: item.item });
    const name = letter.name ?? `item ${item.item}`;
    const reading = await read(input.model, letter.text);
    if (reading.kind !== "invoice") {
      console.log(`${name} is a ${reading.kind}`);
      report.skipped.push({ name, kind: reading.kind });
      continue;
    }
    const doubt = doubtAbout(reading, letter.text, input.suppliers);
    if (doubt) {
      console.warn(`${name} is held: ${doubt}`);
      report.held.push({ name, doubt });
      continue;
    }
    report.paid.push(await pay(input.bank, reading, name));
  }
  return report;
}

async function items(stream) {
  const all = [];
  for (let from = 0; from !== null; ) {
    const page = await Protocol.Files.list({ stream, from });
    all.push(...page.items);
    from = page.next;
  }
  return all;
}

async function read(model, text) {
  const answer = await Protocol.LLM.chat({
    model,
    system:
      'Answer with one JSON object and nothing else: {"kind":"invoice"|"newsletter"|"other","supplier","account",' +
      '"amount","currency","reference"}. The amount is in cents.',
    messages: [{ role: "user", content: text }],
    maxTokens: 400,
    temperature: 0,
  });
  try {
    return JSON.parse(answer.content);
  } catch {
    return { kind: "unreadable" };
  }
}

/** Why a person should look at it; null where nothing speaks against paying. */
function doubtAbout(reading, text, suppliers) {
  const account = String(reading.account).replaceAll(" ", "");
  if (!isIBAN(account)) return "the account number is not valid";
  if (!Object.hasOwn(suppliers, reading.supplier)) return `${reading.supplier} is not a known supplier`;
  if (suppliers[reading.supplier] !== account) return `${reading.supplier} has another account`;
  if (!Number.isSafeInteger(reading.amount) || reading.amount <= 0) return "the amount is not valid";
  const euros = (reading.amount / 100).toFixed(2);
  if (!text.includes(euros)) return `${euros} does not stand in the letter`;
  if (!text.includes(reading.reference)) return "the reference does not stand in the letter";
  return null;
}

/** ISO 13616: moved by four, letters as numbers, the remainder by 97 is 1. */
function isIBAN(account) {
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(account)) return false;
  const digits = (account.slice(4) + account.slice(0, 4)).replace(/[A-Z]/g, (letter) => letter.charCodeAt(0) - 55);
  return BigInt(digits) % 97n === 1n;
}

/** Proposes the payment and waits until people have decided and the bank has answered. */
async function pay(bank, reading, name) {
  try {
    const done = await Protocol.HTTP.send({
      method: "POST",
      url: bank,
      headers: { Authorization: "Bearer {{keychain:bank-token}}" },
      body: {
        to: reading.account,
        amount: reading.amount,
        currency: reading.currency,
        reference: reading.reference,
      },
      idempotent: true,
    });
    return { name, reference: reading.reference, amount: reading.amount, status: done.status, proposal: done.proposal };
  } catch (error) {
    // People said no, or the bank did: that is an answer. Anything else is a fault of this tool or of its manifest.
    if (!["denied", "expired", "withdrawn", "failed"].includes(error.code)) throw error;
    return { name, reference: reading.reference, amount: reading.amount, status: error.code };
  }
}
