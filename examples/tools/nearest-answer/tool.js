// Finds which of some answers fits a question best, by the meaning of the words: an embedding model of the box turns
// each text into a vector, and the smallest angle wins.

function cosine(a, b) {
  let dot = 0, left = 0, right = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    left += a[i] * a[i];
    right += b[i] * b[i];
  }
  return dot / Math.sqrt(left * right);
}

export default async function ({ question, answers }) {
  const { embeddings } = await Protocol.LLM.embed({ model: "embed", input: [question, ...answers] });
  const [asked, ...known] = embeddings;
  const scores = known.map((vector) => cosine(asked, vector));
  const best = scores.indexOf(Math.max(...scores));
  return { answer: answers[best], score: scores[best].toFixed(3), dimensions: asked.length };
}
