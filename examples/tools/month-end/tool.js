// A workflow: fetches the exchange rates of a month in one task for each currency, all at once, each with its own retries,
// and adds up what is owed. A task that fails for good is a dead letter: it is named, and the rest is still done.

export default async function ({ service, amounts, retries = 3, backoff = 1000 }) {
  const currencies = [...new Set(amounts.map(({ currency }) => currency))].sort();
  const endings = await Promise.allSettled(
    currencies.map((currency) =>
      Protocol.Workflow.run({
        tool: "exchange-rate",
        input: { service, currency },
        retries,
        backoff,
        timeout: 600_000,
      }),
    ),
  );
  const rates = {};
  const dead = [];
  endings.forEach((ending, index) => {
    if (ending.status === "fulfilled") rates[currencies[index]] = ending.value.rate;
    // A task that could not be started at all is a fault of this workflow.
    else if (!["task_failed", "timeout"].includes(ending.reason.code)) throw ending.reason;
    else dead.push({ currency: currencies[index], attempts: ending.reason.details.attempts ?? null });
  });
  let cents = 0;
  for (const { amount, currency } of amounts) {
    if (rates[currency] !== undefined) cents += Math.round(amount / rates[currency]);
  }
  return { cents, rates, dead };
}
