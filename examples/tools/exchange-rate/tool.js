// Reads one exchange rate. It does not try twice: who starts it as a task says how often.

export default async function ({ service, currency }) {
  if (!/^[A-Z]{3}$/.test(currency)) throw new TypeError(`${currency} is not a currency code`);
  const answer = await Protocol.HTTP.get({ url: `${service}/${currency}`, timeout: 10 });
  if (answer.status !== 200) throw new Error(`the service of rates answered ${answer.status} for ${currency}`);
  const { rate } = JSON.parse(answer.body);
  if (!(rate > 0)) throw new Error(`the service of rates has no rate for ${currency}`);
  return { currency, rate };
}
