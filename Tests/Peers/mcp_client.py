"""The official client of the Model Context Protocol: connects, takes its steps, and says what came of each."""

import asyncio
import json
import sys

import anyio
import mcp.types as types
import peer
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError

# Standard input and output of a process, over a socket to the test.
RELAY = """
import os, socket, sys, threading
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while data := os.read(0, 65536):
        link.sendall(data)
    link.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := link.recv(65536):
    os.write(1, data)
"""

# On the command line where the test waits for our end, on standard input where it may forget us before.
config = json.loads(sys.argv[1]) if len(sys.argv) > 1 else peer.configuration()


def server():
    if "url" in config:
        headers = {"Authorization": "Bearer " + config["token"]} if "token" in config else None
        return streamable_http_client(config["url"], http_client=create_mcp_http_client(headers=headers))
    if "port" in config:
        return StdioServerParameters(command=sys.executable, args=["-c", RELAY, str(config["port"])])
    return StdioServerParameters(
        command=config["command"][0], args=config["command"][1:], env=config.get("environment")
    )


async def show_url(context, params):
    peer.say({"elicitation": dump(params)})
    return types.ElicitResult(action=config["elicits"])


def dump(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def take(client, step, last):
    if "list" in step:
        tools, cursor = [], None
        while True:
            page = await client.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                return dump(page) | {"tools": [dump(tool) for tool in tools]}
    arguments = {"allow_input_required": True} if step.get("raw") else {}
    if step.get("again"):
        arguments["request_state"] = last["requestState"]
    if "responses" in step:
        arguments["input_responses"] = {
            name: types.ElicitResult(action=step["responses"]) for name in last["inputRequests"]
        }
    if "meta" in step:
        arguments["meta"] = step["meta"]
    call = (client.session if step.get("raw") else client).call_tool
    with anyio.CancelScope() as scope:

        async def progress(done, total, message):
            peer.say({"progress": done, "message": message})
            if step.get("cancels"):
                scope.cancel()

        if step.get("progress") or step.get("cancels"):
            arguments["progress_callback"] = progress
        given = step.get("arguments", {})
        if "run" in step:
            given = {"run": last["_meta"]["safebox/run"]}
        return dump(await call(step["call"], given, **arguments))
    return {"cancelled": True}


async def main():
    if len(sys.argv) == 1:
        peer.end_with_the_test()
    peer.say({"ready": True})
    elicits = show_url if "elicits" in config else None
    async with Client(server(), mode=config["mode"], elicitation_callback=elicits) as client:
        identity = client.server_info
        peer.say({"connected": client.protocol_version, "server": identity.name if identity else None})
        last = None
        for step in config["steps"]:
            try:
                last = await take(client, step, last)
            except MCPError as error:
                last = {"error": {"code": error.code, "message": error.message, "data": error.data}}
            peer.say(last)
    peer.say({"closed": True})


asyncio.run(main())
