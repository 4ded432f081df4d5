"""A syslog collector that reads RFC 5424 and CEF as their texts say, and says what it read.

Configuration: transport ("tcp", "tls", "udp", "unix"), path (of the unix socket), stall (a path: while there is something,
nothing is read), hangUpAfter (messages of the first connection after which it is cut), plain (names of the certificate).
"""

import os
import re
import socket
import ssl
import sys
import threading
import time

import peer

config = peer.configuration()
transport = config["transport"]
state = {"connections": 0}

HEADER = re.compile(
    rb"<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) "
    rb"([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) "
)
ELEMENT = re.compile(rb'\[([\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32})((?: [\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\]')
PARAMETER = re.compile(rb' ([^= ]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"')


def cef(text):
    """Header fields end at an unescaped pipe, values at the blank before the next key and unescaped equals sign."""
    if "\n" in text or "\r" in text:
        raise ValueError("a line end")
    fields = re.split(r"(?<!\\)(?:\\\\)*\|", text, maxsplit=7)
    if len(fields) != 8 or fields[0] != "CEF:0":
        raise ValueError("not seven header fields")
    header = [re.sub(r"\\([\\|])", r"\1", field) for field in fields[1:7]]
    keys = list(re.finditer(r"(?:^| )([A-Za-z0-9_]+)(?<!\\)=", fields[7]))
    values = {}
    for number, key in enumerate(keys):
        end = keys[number + 1].start() if number + 1 < len(keys) else len(fields[7])
        value = fields[7][key.end():end]
        if re.search(r"(?<!\\)(?:\\\\)*=", value) or key.group(1) in values:
            raise ValueError("an equals sign or a key twice")
        values[key.group(1)] = re.sub(
            r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match.group(1), match.group(1)), value
        )
    return header, values


def read(message, connection):
    match = HEADER.match(message)
    if not match:
        raise ValueError("no RFC 5424 header")
    rest = message[match.end():]
    data = {}
    while element := ELEMENT.match(rest):
        data[element.group(1).decode()] = {
            name.decode(): re.sub(rb'\\(["\\\]])', rb"\1", value).decode()
            for name, value in PARAMETER.findall(element.group(2))
        }
        rest = rest[element.end():]
    if not data or not rest.startswith(b" "):
        raise ValueError("no structured data")
    header, values = cef(rest[1:].decode())
    priority, when, host, application, process, kind = (part.decode() for part in match.groups())
    peer.say(
        {
            "priority": int(priority), "time": when, "host": host, "application": application, "process": process,
            "kind": kind, "data": data, "header": header, "values": values, "connection": connection,
        }
    )


def stall():
    while config.get("stall") and os.path.exists(config["stall"]):
        time.sleep(0.02)


def serve(stream, connection):
    buffer, count = b"", 0
    while True:
        stall()
        try:
            chunk = stream.recv(65536)
        except OSError:
            return
        if not chunk:
            if buffer:
                peer.say({"torn": len(buffer), "connection": connection})
            return
        buffer += chunk
        # Octet counting, RFC 6587 section 3.4.1.
        while match := re.match(rb"([1-9]\d*) ", buffer):
            end = match.end() + int(match.group(1))
            if len(buffer) < end:
                break
            read(buffer[match.end():end], connection)
            buffer = buffer[end:]
            count += 1
            if connection == 0 and count == config.get("hangUpAfter"):
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                stream.close()
                return
        if buffer and not re.match(rb"[1-9]\d*( |$)", buffer):
            raise ValueError("no octet count")


def guarded(work, *arguments):
    try:
        work(*arguments)
    except Exception as error:
        peer.say({"error": repr(error)})


def datagrams(receiver):
    while True:
        stall()
        guarded(read, receiver.recv(65536), 0)


peer.end_with_the_test()
ready = {}
if transport == "unix":
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(config["path"])
elif transport == "udp":
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    ready["port"] = receiver.getsockname()[1]
else:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if config.get("smallBuffers"):
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    receiver.bind(("127.0.0.1", config.get("port", 0)))
    receiver.listen()
    ready["port"] = receiver.getsockname()[1]
context = None
if transport == "tls":
    both, alone = peer.certificate(config.get("names", ["localhost"]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    ready["certificate"] = alone
peer.say(ready)

if transport in ("udp", "unix"):
    datagrams(receiver)


def accepted(stream, connection):
    if context:
        try:
            stream = context.wrap_socket(stream, server_side=True)
        except (ssl.SSLError, OSError):
            return
    guarded(serve, stream, connection)


while True:
    stream, _ = receiver.accept()
    threading.Thread(target=accepted, args=(stream, state["connections"]), daemon=True).start()
    state["connections"] += 1
