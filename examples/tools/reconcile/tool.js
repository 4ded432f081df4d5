// Finds which open invoices a payment settles, when its text names none: the one set of invoices with exactly its sum.
// It computes and asks nobody, so whoever has the input has the result.

export default function ({ payments, invoices }) {
  const open = new Map(invoices.map((invoice) => [invoice.number, invoice.amount]));
  const settled = [];
  const unclear = [];
  for (const payment of payments) {
    const sets = setsOf([...open], payment.amount, 2);
    if (sets.length !== 1) {
      unclear.push({ payment: payment.id, why: sets.length === 0 ? "no set of invoices" : "more than one set" });
      continue;
    }
    for (const number of sets[0]) open.delete(number);
    settled.push({ payment: payment.id, invoices: sets[0] });
  }
  return { settled, unclear, open: [...open.keys()] };
}

/** At most `limit` sets of entries that add up to `sum`: by walking through them, largest first, cutting what is too much. */
function setsOf(entries, sum, limit) {
  const sorted = entries.toSorted((a, b) => b[1] - a[1]);
  const rest = sorted.map(() => 0);
  for (let index = sorted.length - 1; index >= 0; index--) rest[index] = (rest[index + 1] ?? 0) + sorted[index][1];
  const found = [];
  const walk = (index, left, taken) => {
    if (found.length === limit) return;
    if (left === 0) return void found.push(taken);
    if (index === sorted.length || rest[index] < left) return;
    const [number, amount] = sorted[index];
    if (amount <= left) walk(index + 1, left - amount, [...taken, number]);
    walk(index + 1, left, taken);
  };
  if (sum > 0) walk(0, sum, []);
  return found;
}
