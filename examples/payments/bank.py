#!/usr/bin/env python3
"""A small bank: takes payment instructions over HTTP and books each idempotency key once.

    bank.py PORT LEDGER

POST /payments with a JSON body {"to", "amount", "currency", "reference"} and an Idempotency-Key appends one line to the
ledger file and answers 201; the same key again answers the same payment without booking it. GET /payments lists them.
"""
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

FIELDS = {"to": str, "amount": int, "currency": str, "reference": str}
MAX_BODY = 65536


class Ledger:
    def __init__(self, path):
        self.path, self.lock, self.booked = path, Lock(), {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    entry = json.loads(line)
                    self.booked[entry["key"]] = entry

    def book(self, key, payment):
        with self.lock:
            if key in self.booked:
                return self.booked[key], False
            entry = {"key": key, "number": len(self.booked) + 1, "payment": payment}
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry, sort_keys=True) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self.booked[key] = entry
            return entry, True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = (json.dumps(value, sort_keys=True) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/payments":
            return self.answer(404, {"error": "no such page"})
        self.answer(200, list(self.server.ledger.booked.values()))

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return self.answer(413, {"error": "too large"})
        body = self.rfile.read(length)
        if self.path != "/payments":
            return self.answer(404, {"error": "no such page"})
        key = self.headers.get("Idempotency-Key")
        if not key:
            return self.answer(400, {"error": "Idempotency-Key is missing"})
        try:
            payment = json.loads(body)
        except ValueError:
            return self.answer(400, {"error": "the body is not JSON"})
        if not isinstance(payment, dict) or {k: type(v) for k, v in payment.items()} != FIELDS:
            return self.answer(422, {"error": "a payment has exactly to, amount, currency, reference"})
        entry, is_new = self.server.ledger.book(key, payment)
        self.answer(201 if is_new else 200, {"payment": entry["number"], "booked": is_new})

    def log_message(self, format, *arguments):
        pass


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.ledger = Ledger(sys.argv[2])
    print(f"bank: http://127.0.0.1:{server.server_address[1]}/payments", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
