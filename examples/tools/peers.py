#!/usr/bin/env python3
"""What the example tools talk to, on this machine: a model, a service of exchange rates, and a site with a handbook.

    peers.py PORT ASKED

There is no model behind /v1/chat/completions. It answers in the shape of OpenAI's API, and what it says it finds in the
letter with regular expressions: a stand-in, until a runner of models is at hand. The service of rates is unavailable
(503) whenever it is asked for a rate for the first time. Each request is noted as one line in the file ASKED.
"""
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

MAX_BODY = 1 << 20
RATES = {"USD": 1.25, "GBP": 0.9, "CHF": 1.0}
HANDBOOK = {
    "/handbook/index.html": "<title>Handbook</title><p>Welcome to Acme.</p>"
    '<a href="leaving.html">Leaving</a> <a href="travel.html">Travel</a>'
    '<a href="https://elsewhere.example/">Elsewhere</a>',
    "/handbook/leaving.html": "<title>Leaving</title><p>During probation the notice period is two weeks.</p>"
    "<p>After probation the notice period is three months.</p><p>Return your laptop.</p>",
    "/handbook/travel.html": "<title>Travel</title><p>Trains go first.</p>",
    # A page that sends its readers elsewhere on the same site.
    "/handbook/hr.html": '<title>HR</title><p>Notice: all pay is at <a href="/rates/USD">this place</a>.</p>',
}


def reading(letter):
    """What a model that reads well would say of a letter."""
    number = re.search(r"[Ii]nvoice (?:no\. )?([A-Z0-9][\w-]*)", letter)
    total = re.search(r"[Tt]otal:? *([\d.,]+) *([A-Z]{3})", letter)
    account = re.search(r"IBAN:? *([A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4})+)", letter)
    supplier = re.search(r"^From: *(.+)$", letter, re.MULTILINE)
    if not (number and total and account and supplier):
        return {"kind": "newsletter" if "unsubscribe" in letter.lower() else "other"}
    return {
        "kind": "invoice",
        "supplier": supplier[1].strip(),
        "account": account[1].strip(),
        "amount": round(float(total[1].replace(",", "")) * 100),
        "currency": total[2],
        "reference": number[1],
    }


def completion(request):
    prompt = " ".join(str(message["content"]) for message in request["messages"])
    letter = str(request["messages"][-1]["content"])
    content = json.dumps(reading(letter))
    spent = {"prompt_tokens": len(prompt) // 4 + 1, "completion_tokens": len(content) // 4 + 1}
    return {
        "id": "chatcmpl-local",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        ],
        "usage": {**spent, "total_tokens": sum(spent.values())},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value, kind="application/json"):
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        with self.server.lock, open(self.server.asked_file, "a", encoding="utf-8") as file:
            file.write(f"{status} {self.command} {self.path}\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path in HANDBOOK:
            return self.answer(200, HANDBOOK[self.path], "text/html; charset=utf-8")
        currency = self.path.removeprefix("/rates/")
        if currency == self.path:
            return self.answer(404, {"error": "no such page"})
        with self.server.lock:
            is_first = currency not in self.server.asked_rates
            self.server.asked_rates.add(currency)
        if is_first:
            return self.answer(503, {"error": "try again"})
        if currency not in RATES:
            return self.answer(404, {"error": "no such currency"})
        self.answer(200, {"rate": RATES[currency]})

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return self.answer(413, {"error": {"message": "too large"}})
        body = self.rfile.read(length)
        if self.path != "/v1/chat/completions":
            return self.answer(404, {"error": {"message": "no such page"}})
        try:
            said = completion(json.loads(body))
        except (ValueError, KeyError, IndexError, TypeError):
            return self.answer(400, {"error": {"message": "not a chat"}})
        self.answer(200, said)

    def log_message(self, format, *arguments):
        pass


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.lock, server.asked_file, server.asked_rates = Lock(), sys.argv[2], set()
    print(f"peers: http://127.0.0.1:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
