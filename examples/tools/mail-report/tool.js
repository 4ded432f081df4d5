// Mails a table of what is in a stream: one line for each item, as an attachment. The mail is a proposal like any change.

export default async function ({ stream, to, subject }, { community }) {
  const rows = [["item", "name", "bytes", "arrived", "sha256"]];
  for (let from = 0; from !== null; ) {
    const page = await Protocol.Files.list({ stream, from });
    for (const { item, name, bytes, at, digest } of page.items) {
      rows.push([item, name ?? "", bytes, new Date(at).toISOString(), digest]);
    }
    from = page.next;
  }
  const count = rows.length - 1;
  const sent = await Protocol.SMTP.send({
    to,
    subject,
    body: `The stream ${stream} of ${community} has ${count} items. The table is attached.\n`,
    attachments: [{ name: `${stream}.csv`, type: "text/csv", text: rows.map(line).join("") }],
  });
  return { items: count, status: sent.status, proposal: sent.proposal };
}

/** One line of CSV (RFC 4180). A text that a spreadsheet would take for a formula gets a quote before it. */
function line(cells) {
  const quoted = cells.map((cell) => {
    const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return quoted.join(",") + "\r\n";
}
