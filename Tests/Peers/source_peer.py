"""A mirror of models that misbehaves on request, and says what it was asked.

Configuration: files, a map of names to paths on the disk. A request for /<manner>/<name> gets that file in that manner; the
manners are the methods of Manners. Two listeners: the second stands for another host. "private" is an address that
nobody was allowed to reach; redirects may lead there.

Says {"port", "other"} when ready, {"path", "range", "authorization", "listener"} for each request, and {"waiting"} when it
leaves a client waiting.
"""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import peer

config = peer.configuration()
files = {name: open(path, "rb").read() for name, path in config["files"].items()}
lock = threading.Lock()
counts = {}
for_ever = threading.Event()


def nth(path):
    """How often this path was asked for before."""
    with lock:
        counts[path] = counts.get(path, 0) + 1
        return counts[path] - 1


class Manners:
    """Each takes the handler, the whole file and the range that was asked for (None for all of it)."""

    def ok(self, h, body, span):
        if span is None:
            return h.reply(200, body)
        first, last = span
        if first >= len(body):
            return h.reply(416, b"", {"Content-Range": f"bytes */{len(body)}"})
        last = min(last, len(body) - 1)
        h.reply(206, body[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(body)}"})

    def whole(self, h, body, span):
        h.reply(200, body)

    def chunked(self, h, body, span):
        h.begin(200, {"Transfer-Encoding": "chunked"})
        for at in range(0, len(body), 50_000):
            h.chunk(body[at : at + 50_000])
        h.chunk(b"")

    def chunked_extra(self, h, body, span):
        h.begin(200, {"Transfer-Encoding": "chunked"})
        for part in (body, b"and more"):
            h.chunk(part)
        h.chunk(b"")

    def chunked_short(self, h, body, span):
        h.begin(200, {"Transfer-Encoding": "chunked"})
        h.chunk(body[:-1])
        h.chunk(b"")

    def until_close(self, h, body, span):
        """As long as the client reads: a file without an end."""
        h.begin(200, {"Connection": "close"})
        h.wfile.write(body)
        while True:
            h.wfile.write(body)

    def truncated(self, h, body, span):
        self.ok(h.cut_at_half(), body, span)

    def truncated_once(self, h, body, span):
        self.ok(h.cut_at_half() if nth(h.path) == 0 else h, body, span)

    def corrupted(self, h, body, span):
        middle = len(body) // 2
        self.ok(h, body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :], span)

    def corrupted_whole(self, h, body, span):
        middle = len(body) // 2
        h.reply(200, body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])

    def corrupted_first_half(self, h, body, span):
        """A wrong start, and then nothing more."""
        if span is not None and span[0] > 0:
            return h.reply(503, b"")
        self.truncated(h, bytes([body[0] ^ 1]) + body[1:], span)

    def longer(self, h, body, span):
        self.ok(h, body + b"!", span)

    def shorter(self, h, body, span):
        self.ok(h, body[:-1], span)

    def announces_more(self, h, body, span):
        h.begin(200, {"Content-Length": str(len(body) + 1000)})
        h.wfile.write(body)

    def announces_less(self, h, body, span):
        h.begin(200, {"Content-Length": str(len(body) - 1000)})
        h.wfile.write(body)

    def unsatisfiable(self, h, body, span):
        h.reply(416, b"", {"Content-Range": f"bytes */{len(body)}"})

    def wrong_range(self, h, body, span):
        if span is None:
            return self.ok(h, body, span)
        first, last = span
        h.reply(206, body[first : last + 1], {"Content-Range": f"bytes {first + 1}-{last + 1}/{len(body)}"})

    def wrong_total(self, h, body, span):
        if span is None:
            return self.ok(h, body, span)
        first, last = span
        h.reply(206, body[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(body) + 1}"})

    def no_content_range(self, h, body, span):
        h.reply(206, body if span is None else body[span[0] : span[1] + 1])

    def packed(self, h, body, span):
        h.reply(200, body, {"Content-Encoding": "gzip"})

    def unavailable(self, h, body, span):
        h.reply(503, b"later")

    def unavailable_once(self, h, body, span):
        if nth(h.path) == 0:
            return h.reply(503, b"later")
        self.ok(h, body, span)

    def missing(self, h, body, span):
        h.reply(404, b"no such file")

    def forbidden(self, h, body, span):
        h.reply(403, b"no")

    def hangs_up(self, h, body, span):
        h.close_connection = True

    def mute(self, h, body, span):
        peer.say({"waiting": h.path})
        for_ever.wait()

    def stalls(self, h, body, span):
        if span is not None and span[0] > 0:
            return self.mute(h, body, span)
        h.begin(200, {"Content-Length": str(len(body))})
        h.wfile.write(body[:1000])
        peer.say({"waiting": h.path})
        for_ever.wait()

    def dribbles(self, h, body, span):
        h.begin(200, {"Content-Length": str(len(body))})
        for at in range(100):
            h.wfile.write(body[at : at + 1])
        peer.say({"waiting": h.path})
        for_ever.wait()

    def leads_inside(self, h, body, span):
        h.reply(302, b"", {"Location": f"http://{config['private']}/ok/{h.name}"})

    def leads_elsewhere(self, h, body, span):
        h.reply(302, b"", {"Location": f"http://127.0.0.1:{other.server_address[1]}/ok/{h.name}"})

    def leads_nowhere(self, h, body, span):
        h.reply(302, b"", {"Location": h.path + "x"})

    def leads_out_of_http(self, h, body, span):
        h.reply(302, b"", {"Location": "file:///etc/passwd"})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    half = False

    def do_GET(self):
        manner, _, self.name = self.path.lstrip("/").partition("/")
        asked = self.headers.get("Range")
        peer.say(
            {
                "path": self.path,
                "range": asked,
                "authorization": self.headers.get("Authorization"),
                "listener": self.server.name,
            }
        )
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", asked or "")
        self.half = False
        if manner.startswith("leads_nowhere"):
            manner = "leads_nowhere"
        body = files[self.name.rstrip("x")]
        try:
            getattr(Manners(), manner)(self, body, (int(match[1]), int(match[2])) if match else None)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def cut_at_half(self):
        self.half = True
        return self

    def begin(self, status, headers):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def reply(self, status, body, headers={}):
        self.begin(status, {"Content-Length": str(len(body)), **headers})
        if self.half and len(body) > 1:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            self.connection.shutdown(2)
        else:
            self.wfile.write(body)

    def chunk(self, body):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name):
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name

    def handle_error(self, request, client_address):
        """Clients leave in the middle: that is what the tests are about."""


first, other = Server("first"), Server("other")
threading.Thread(target=other.serve_forever, daemon=True).start()
peer.end_with_the_test()
peer.say({"port": first.server_address[1], "other": other.server_address[1]})
first.serve_forever()
