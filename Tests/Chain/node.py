"""A whole EVM chain (eth-tester on py-evm) behind JSON-RPC over HTTP, as the tests of Web3 calls need it.

Prints its port, then serves until its standard input ends. Methods `test_*` steer it: see `control`.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from eth_abi import encode
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import BlockNotFound, TransactionFailed, TransactionNotFound
from eth_utils import ValidationError

# Not eth-tester's own keys: 1, 2, 3 are found in ordinary data, and the box redacts its keys from what nodes answer.
backend = PyEVMBackend.from_mnemonic("test test test test test test test test test test test junk", num_accounts=3)
tester = EthereumTester(backend)
lock = threading.RLock()
seen = []  # every method, in order
raws = []  # every raw transaction, in order
faults = {}  # method -> list of faults, the next first
overrides = {}  # method -> result in place of the chain's


class RPCError(Exception):
    def __init__(self, code, message, data=None):
        self.error = {"code": code, "message": message, **({"data": data} if data is not None else {})}


def block_id(value):
    return int(value, 16) if value.startswith("0x") else value


def message(fields):
    """The fields of eth_call and eth_estimateGas as eth-tester names them."""
    shown = {k: v for k, v in fields.items() if k in ("from", "to", "data")}
    shown.setdefault("from", tester.get_accounts()[0])
    shown["value"] = int(fields.get("value", "0x0"), 16)
    shown["gas"] = 3_000_000
    return shown


def outgoing(value):
    """snake_case and numbers to camelCase and quantities."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, dict):
        names = {k: k.split("_")[0] + "".join(w.title() for w in k.split("_")[1:]) for k in value}
        return {names[k]: outgoing(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [outgoing(v) for v in value]
    if value == "":  # where a contract is created
        return None
    return "0x" + value.hex() if isinstance(value, bytes) else value


def revert(error):
    """What geth answers where a contract undid a call; eth-tester gives the data, or the text in it."""
    reason = error.args[0] if error.args else b""
    if isinstance(reason, Exception):
        reason = reason.args[0]
    if isinstance(reason, str):
        reason = bytes.fromhex("08c379a0") + encode(["string"], [reason])
    return RPCError(3, "execution reverted", "0x" + reason.hex())


def call(method, params):
    try:
        if method == "eth_chainId":
            return hex(tester.backend.chain.chain_id)
        if method == "eth_gasPrice":
            return hex(2 * tester.get_block_by_number("latest")["base_fee_per_gas"])
        if method == "eth_getBalance":
            return hex(tester.get_balance(params[0], block_id(params[1])))
        if method == "eth_getTransactionCount":
            return hex(tester.get_nonce(params[0], block_id(params[1])))
        if method == "eth_getCode":
            return tester.get_code(params[0], block_id(params[1]))
        if method == "eth_getBlockByNumber":
            return outgoing(tester.get_block_by_number(block_id(params[0]), params[1]))
        if method == "eth_call":
            return tester.call(message(params[0]), block_id(params[1]))
        if method == "eth_estimateGas":
            return hex(tester.estimate_gas(message(params[0])))
        if method == "eth_sendRawTransaction":
            raws.append(params[0])
            return tester.send_raw_transaction(params[0])
        if method == "eth_getTransactionByHash":
            shown = outgoing(tester.get_transaction_by_hash(params[0]))
            return {**shown, "input": shown.get("data", "0x")}
        if method == "eth_getTransactionReceipt":
            receipt = outgoing(tester.get_transaction_receipt(params[0]))
            return None if receipt.get("blockNumber") is None else receipt
        if method == "eth_getLogs":
            query = params[0]
            return outgoing(
                tester.get_logs(
                    from_block=block_id(query["fromBlock"]),
                    to_block=block_id(query["toBlock"]),
                    address=query.get("address"),
                    topics=query.get("topics"),
                )
            )
    except TransactionFailed as error:
        raise revert(error)
    except (TransactionNotFound, BlockNotFound):
        return None
    except (ValidationError, ValueError) as error:
        raise RPCError(-32000, str(error))
    raise RPCError(-32601, f"the method {method} does not exist")


def control(method, params):
    if method == "test_fault":  # method, fault...: the next calls of the method fail in this way
        faults.setdefault(params[0], []).extend(params[1:])
    elif method == "test_override":  # method, result: what the node says from now on
        overrides[params[0]] = params[1]
    elif method == "test_seen":
        return list(seen)
    elif method == "test_raws":
        return list(raws)
    elif method == "test_mine":
        tester.mine_blocks(params[0] if params else 1)
    elif method == "test_automine":
        (tester.enable_auto_mine_transactions if params[0] else tester.disable_auto_mine_transactions)()
    elif method == "test_keys":
        return [key.to_hex() for key in backend.account_keys]
    elif method == "test_reset":
        seen.clear(), raws.clear(), faults.clear(), overrides.clear()
        tester.enable_auto_mine_transactions()
        tester.mine_block()
    return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method, params = request["method"], request["params"]
        with lock:
            if method.startswith("test_"):
                return self.answer({"result": control(method, params)})
            seen.append(method)
            fault = faults[method].pop(0) if faults.get(method) else None
            if fault in ("429", "500"):
                return self.send(int(fault), b"busy", {"Retry-After": "0"})
            if fault == "garbage":
                return self.send(200, b"{\"jsonrpc\":\"2.0\",")
            if fault == "reflect":
                secret = self.headers.get("Authorization", "") + self.path
                return self.answer({"error": {"code": -32000, "message": secret}})
            if fault == "hangup":
                return self.drop()
            try:
                result = {"result": overrides[method] if method in overrides else call(method, params)}
            except RPCError as error:
                result = {"error": error.error}
            if fault == "lost":  # done, and nobody hears of it
                return self.drop()
            if fault == "truncated":
                return self.send(200, json.dumps({"jsonrpc": "2.0", "id": 1, **result}).encode()[:-9], extra=9)
        self.answer(result)

    def answer(self, members):
        self.send(200, json.dumps({"jsonrpc": "2.0", "id": 1, **members}).encode())

    def send(self, status, body, headers={}, extra=0):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + extra))
        self.end_headers()
        self.wfile.write(body)
        if extra:
            self.drop()

    def drop(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
