"""Prints what eth-abi and eth-account make of random inputs with a fixed seed, as one JSON document."""

import json
import random
import string

from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import function_signature_to_4byte_selector, to_checksum_address

rng = random.Random(20250719)


def address():
    return to_checksum_address(rng.randbytes(20))


def text():
    return "".join(rng.choice(string.printable[:95] + "\u00e9\u4e2d\U0001f680") for _ in range(rng.randrange(0, 80)))


def elementary():
    kind = rng.randrange(7)
    if kind == 0:
        bits = 8 * rng.randrange(1, 33)
        value = rng.choice([0, 1, (1 << bits) - 1, rng.getrandbits(bits)])
        return f"uint{bits}", value, str(value)
    if kind == 1:
        bits = 8 * rng.randrange(1, 33)
        value = rng.choice([0, -1, (1 << (bits - 1)) - 1, -(1 << (bits - 1)), rng.getrandbits(bits) - (1 << (bits - 1))])
        value = max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, value))
        return f"int{bits}", value, str(value)
    if kind == 2:
        value = address()
        return "address", value, value
    if kind == 3:
        value = rng.random() < 0.5
        return "bool", value, value
    if kind == 4:
        count = rng.randrange(1, 33)
        value = rng.randbytes(count)
        return f"bytes{count}", value, "0x" + value.hex()
    if kind == 5:
        value = rng.randbytes(rng.randrange(0, 70))
        return "bytes", value, "0x" + value.hex()
    value = text()
    return "string", value, value


def revalue(name):
    """Another random value of an elementary type."""
    while True:
        other, value, shown = elementary()
        if other == name:
            return value, shown


def value_like(kind):
    if isinstance(kind, str):
        return revalue(kind)
    if kind[0] == "tuple":
        pairs = [value_like(member) for member in kind[1]]
        return tuple(p[0] for p in pairs), [p[1] for p in pairs]
    count = rng.randrange(0, 4) if kind[2] is None else kind[2]
    pairs = [value_like(kind[1]) for _ in range(count)]
    return [p[0] for p in pairs], [p[1] for p in pairs]


def random_type(depth):
    choice = rng.randrange(6) if depth < 3 else 5
    if choice == 0:
        return ("array", random_type(depth + 1), None)
    if choice == 1:
        return ("array", random_type(depth + 1), rng.randrange(1, 4))
    if choice == 2:
        return ("tuple", [random_type(depth + 1) for _ in range(rng.randrange(1, 4))])
    return elementary()[0]


def name_of(kind):
    if isinstance(kind, str):
        return kind
    if kind[0] == "tuple":
        return "(" + ",".join(name_of(member) for member in kind[1]) + ")"
    return name_of(kind[1]) + ("[]" if kind[2] is None else f"[{kind[2]}]")


def abi():
    kinds = [random_type(0) for _ in range(rng.randrange(0, 5))]
    pairs = [value_like(kind) for kind in kinds]
    names = [name_of(kind) for kind in kinds]
    signature = f"f{rng.randrange(1000)}({','.join(names)})"
    return {
        "function": signature,
        "selector": "0x" + function_signature_to_4byte_selector(signature).hex(),
        "values": [p[1] for p in pairs],
        "data": "0x" + encode(names, [p[0] for p in pairs]).hex(),
    }


def transaction():
    key = rng.randbytes(32)
    fields = {
        "chainId": rng.choice([1, 5, 137, 11155111, rng.randrange(1, 1 << 40)]),
        "nonce": rng.choice([0, 1, 127, 128, rng.getrandbits(60)]),
        "gas": rng.randrange(21000, 1 << 30),
        "value": rng.choice([0, 1, 10**18, rng.getrandbits(200)]),
        "data": "0x" + rng.randbytes(rng.choice([0, 1, 4, 55, 56, 300])).hex(),
    }
    if rng.random() < 0.8:
        fields["to"] = address()
    if rng.random() < 0.5:
        fields["gasPrice"] = rng.getrandbits(rng.randrange(1, 100))
    else:
        fields["maxFeePerGas"] = (1 << 100) + rng.getrandbits(90)
        fields["maxPriorityFeePerGas"] = rng.getrandbits(70)
        fields["type"] = 2
        fields["accessList"] = [
            {"address": address(), "storageKeys": ["0x" + rng.randbytes(32).hex() for _ in range(rng.randrange(3))]}
            for _ in range(rng.randrange(3))
        ]
    signed = Account.sign_transaction(fields, key)
    shown = {name: str(value) if isinstance(value, int) else value for name, value in fields.items()}
    return {
        "fields": shown,
        "key": key.hex(),
        "address": Account.from_key(key).address,
        "raw": "0x" + bytes(signed.raw_transaction).hex(),
        "hash": "0x" + bytes(signed.hash).hex(),
    }


def typed_data():
    inner = [{"name": f"i{n}", "type": elementary()[0]} for n in range(rng.randrange(1, 4))]
    outer = [{"name": f"o{n}", "type": elementary()[0]} for n in range(rng.randrange(1, 5))]
    outer += [{"name": "one", "type": "Inner"}, {"name": "many", "type": "Inner[]"}, {"name": "two", "type": "uint256[2]"}]
    rng.shuffle(outer)

    def inner_value():
        pairs = {member["name"]: revalue(member["type"]) for member in inner}
        return {k: p[0] for k, p in pairs.items()}, {k: p[1] for k, p in pairs.items()}

    message, shown = {}, {}
    for member in outer:
        if member["type"] == "Inner":
            message[member["name"]], shown[member["name"]] = inner_value()
        elif member["type"] == "Inner[]":
            pairs = [inner_value() for _ in range(rng.randrange(0, 3))]
            message[member["name"]], shown[member["name"]] = [p[0] for p in pairs], [p[1] for p in pairs]
        elif member["type"] == "uint256[2]":
            numbers = [rng.getrandbits(256), 7]
            message[member["name"]], shown[member["name"]] = numbers, [str(n) for n in numbers]
        else:
            message[member["name"]], shown[member["name"]] = revalue(member["type"])
    domain = {"name": text(), "version": "1", "chainId": rng.randrange(1, 1 << 50), "verifyingContract": address()}
    members = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
    for name in list(domain):
        if rng.random() < 0.2:
            del domain[name]
    types = {
        "EIP712Domain": [{"name": name, "type": members[name]} for name in domain],
        "Inner": inner,
        "Outer": outer,
    }
    key = rng.randbytes(32)
    full = {"types": types, "primaryType": "Outer", "domain": domain, "message": message}
    signed = Account.sign_message(encode_typed_data(full_message=full), key)
    return {
        "typedData": {**full, "message": shown},
        "key": key.hex(),
        "digest": "0x" + bytes(signed.message_hash).hex(),
        "signature": "0x" + bytes(signed.signature).hex(),
    }


print(
    json.dumps(
        {
            "abi": [abi() for _ in range(200)],
            "transactions": [transaction() for _ in range(60)],
            "typedData": [typed_data() for _ in range(40)],
        }
    )
)
