"""Reads a push message as a browser and its push service would: RFC 8291 and RFC 8292 by the `cryptography` package.

In: {"private" (hex), "auth", "body" (base64), "authorization"}. Out: {"message", "claims", "key"}.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def derive(salt, secret, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def point(key):
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


asked = json.load(sys.stdin)
mine = ec.derive_private_key(int(asked["private"], 16), ec.SECP256R1())
body = base64.b64decode(asked["body"])
assert len(body) <= 4096
salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
sender, record = body[21 : 21 + length], body[21 + length :]
assert len(record) <= size
theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
info = b"WebPush: info\0" + point(mine.public_key()) + sender
secret = derive(url(asked["auth"]), mine.exchange(ec.ECDH(), theirs), info, 32)
key = derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
nonce = derive(salt, secret, b"Content-Encoding: nonce\0", 12)
plain = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
assert plain[-1:] == b"\2"

scheme, _, rest = asked["authorization"].partition(" ")
assert scheme == "vapid"
parameters = dict(p.strip().split("=", 1) for p in rest.split(","))
header, claims, signature = parameters["t"].split(".")
assert json.loads(url(header)) == {"typ": "JWT", "alg": "ES256"}
raw = url(signature)
ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), url(parameters["k"])).verify(
    utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
    (header + "." + claims).encode(),
    ec.ECDSA(hashes.SHA256()),
)
json.dump({"message": json.loads(plain[:-1]), "claims": json.loads(url(claims)), "key": parameters["k"]}, sys.stdout)
