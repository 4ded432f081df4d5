#!/usr/bin/env python3
"""A mail server (aiosmtpd) that keeps each message it accepts as a file: 0.eml, 1.eml, ...

    mailbox.py PORT DIRECTORY
"""
import asyncio
import os
import sys

from aiosmtpd.smtp import SMTP

MAX_MESSAGE = 16 << 20


class Keeper:
    def __init__(self, directory):
        self.directory, self.count = directory, len(os.listdir(directory))

    async def handle_DATA(self, server, session, envelope):
        path = os.path.join(self.directory, f"{self.count}.eml")
        with open(path + ".new", "wb") as file:
            file.write(envelope.content)
        os.rename(path + ".new", path)
        self.count += 1
        return "250 OK"


async def serve(port, directory):
    os.makedirs(directory, exist_ok=True)
    keeper = Keeper(directory)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keeper, data_size_limit=MAX_MESSAGE, enable_SMTPUTF8=True), "127.0.0.1", port
    )
    print(f"mailbox: smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
    except KeyboardInterrupt:
        pass
