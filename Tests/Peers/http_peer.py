"""An HTTP server that says what it was asked and answers from a script.

Configuration: answers, a list of {"status", "headers", "body" (text), "cut" (bytes of the body that are sent)}; the last
one stays; one with "hang" never comes. "{path}" and "{authorization}" in a body become what the request said: a server that repeats what it was told.
"""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import peer

config = peer.configuration()
answers = list(config["answers"])
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        peer.say(
            {
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": base64.b64encode(body).decode(),
            }
        )
        if answer.get("hang"):
            threading.Event().wait()
        text = answer.get("body", "").replace("{path}", self.path).replace(
            "{authorization}", self.headers.get("Authorization", "")
        )
        content = text.encode()
        self.send_response_only(answer["status"])
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        if "Content-Type" not in answer.get("headers", {}):
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        cut = answer.get("cut")
        self.wfile.write(content if cut is None else content[:cut])
        if cut is not None:
            self.close_connection = True

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
peer.end_with_the_test()
peer.say({"port": server.server_address[1]})
server.serve_forever()
