// Looks for the answer to a question on web pages: reads a page, follows its links to the sites that the caller named,
// and gives back the sentences that speak of it. Whatever a page says, the manifest decides what is reachable.

const MAX_SENTENCES = 12;

export default async function ({ question, start, sites, pages = 10 }) {
  const words = wordsOf(question);
  const queue = [start];
  const seen = new Set(queue);
  const sources = [];
  const left = [];
  while (queue.length > 0 && sources.length < pages) {
    const url = queue.shift();
    const page = await Protocol.HTTP.get({ url, timeout: 20 });
    console.log(`${page.status} ${url}`);
    if (page.status !== 200 || page.body === null) {
      left.push({ url, why: `status ${page.status}` });
      continue;
    }
    sources.push({ url, title: titleOf(page.body), sentences: sentencesOf(page.body, words) });
    for (const link of linksOf(page.body, url)) {
      if (seen.has(link)) continue;
      seen.add(link);
      if (sites.includes(hostOf(link))) queue.push(link);
      else left.push({ url: link, why: "another site" });
    }
  }
  const findings = sources
    .flatMap(({ url, sentences }) => sentences.map((sentence) => ({ ...sentence, url })))
    .sort((a, b) => b.score - a.score)
    .slice(0, MAX_SENTENCES);
  return {
    question,
    findings: findings.map(({ text, url }) => ({ text, url })),
    read: sources.map(({ url, title }) => ({ url, title })),
    left,
  };
}

function wordsOf(text) {
  return new Set(text.toLowerCase().match(/\p{L}{4,}/gu) ?? []);
}

function titleOf(html) {
  return textOf(/<title[^>]*>([\s\S]*?)<\/title>/i.exec(html)?.[1] ?? "");
}

/** Sentences that share a word with the question, with how many they share. */
function sentencesOf(html, words) {
  const body = html.replace(/<(script|style|title)\b[\s\S]*?<\/\1>/gi, " ").replace(/<\/(p|li|h\d|div|td)>/gi, ". ");
  return textOf(body)
    .split(/(?<=[.!?])\s+/)
    .map((text) => ({ text, score: [...wordsOf(text)].filter((word) => words.has(word)).length }))
    .filter(({ score }) => score > 0);
}

function textOf(html) {
  return html
    .replace(/<[^>]*>/g, " ")
    .replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " " })[name])
    .replace(/\s+/g, " ")
    .replace(/\s*\.(\s*\.)+/g, ".")
    .trim();
}

/** Absolute addresses of a page's links, without what stands behind #. */
function linksOf(html, base) {
  const [origin] = /^https?:\/\/[^/]+/.exec(base);
  const folder = base.replace(/[?#].*$/, "").replace(/[^/]*$/, "");
  const links = [];
  for (const [, href] of html.matchAll(/<a\s[^>]*href="([^"]+)"/gi)) {
    const target = href.replaceAll("&amp;", "&").replace(/#.*$/, "");
    if (target === "" || target.includes("..")) continue;
    if (/^https?:\/\//.test(target)) links.push(target);
    else if (/^[a-z]+:/i.test(target)) continue;
    else links.push(target.startsWith("/") ? origin + target : folder + target);
  }
  return links;
}

function hostOf(url) {
  return /^https?:\/\/([^/?#]+)/.exec(url)[1].toLowerCase();
}
