#!/usr/bin/env python3
"""Writes claims.json: claims with the verdict that a verifier of docs/formats.md section 2 must reach.

This is a second implementation of the format, in Python's standard library and `cryptography` alone. Keys and signatures
are deterministic (RFC 6979), so running it again changes nothing. Needs cryptography 43 or newer.
"""
import base64
import copy
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
NOW = 1_700_000_000
POLICY = {"rpID": "box.example", "origins": ["https://box.example"], "requireUserVerification": True}
LENIENT = {**POLICY, "requireUserVerification": False}


def canonical(value):
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"
    return json.dumps(value, ensure_ascii=False)


def b64(data):
    return base64.b64encode(data).decode()


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    def __init__(self, label):
        scalar = int.from_bytes(hashlib.sha256(label.encode()).digest(), "big") % (ORDER - 1) + 1
        self.private = ec.derive_private_key(scalar, ec.SECP256R1())
        self.spki = self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.es256 = "data:key/es256;base64," + b64(self.spki)
        self.url = "data:key/es256;base64url," + b64url(self.spki)
        self.webauthn = "data:key/webauthn;base64," + b64(self.spki)

    def rs(self, message):
        der = self.private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = utils.decode_dss_signature(der)
        return r, min(s, ORDER - s)

    def der(self, message, high=False):
        r, s = self.rs(message)
        return utils.encode_dss_signature(r, ORDER - s if high else s)

    def raw(self, message):
        r, s = self.rs(message)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed_bytes(claim):
    members = {name: value for name, value in claim.items() if name != "sig"}
    keys = members.get("key", [])
    members["key"] = sorted([keys] if isinstance(keys, str) else keys)
    return canonical(members).encode()


def digest(claim):
    return hashlib.sha256(signed_bytes(claim)).digest()


A, B, C = (Key("safebox claim vector key " + name) for name in "ABC")


def approval(*keys, **members):
    return {
        "ocp": 1, "iss": "alice", "sub": "box.example", "nce": "6f1d", "exp": NOW + 600,
        "stm": {"action": "11" * 32, "box": "box.example", "decision": "approve", "epoch": 1, "policy": "22" * 32},
        "key": list(keys), **members}


def assertion(key, claim, flags=0x05, rp="box.example", tail=b"", high=False, raw=False, signer=None, envelope=None, **client):
    data = {"type": "webauthn.get", "challenge": b64url(digest(claim)), "origin": "https://box.example", "crossOrigin": False}
    data.update(client)
    client_data = json.dumps({k: v for k, v in data.items() if v is not None}, separators=(",", ":")).encode()
    authenticator = hashlib.sha256(rp.encode()).digest() + bytes([flags, 0, 0, 0, 9]) + tail
    message = authenticator + hashlib.sha256(client_data).digest()
    key = signer or key
    signature = key.raw(message) if raw else key.der(message, high)
    parts = {"authenticatorData": b64url(authenticator), "clientDataJSON": b64url(client_data), "signature": b64url(signature)}
    return b64((envelope(parts) if envelope else canonical(parts)).encode())


cases = []


def case(name, claim, expect, time=NOW, policy=None, signers=None):
    entry = {"name": name, "claim": copy.deepcopy(claim), "time": time, "webAuthn": policy, "expect": expect}
    if expect == "valid":
        entry["signers"] = signers
    if isinstance(claim.get("key"), (str, list)):
        entry["signedBytes"] = signed_bytes(claim).decode()
        entry["digest"] = digest(claim).hex()
    cases.append(entry)


def plain():
    one = approval(A.es256)
    message = signed_bytes(one)
    good = {**one, "sig": [b64(A.der(message))]}
    case("one signer", good, "valid", signers=[A.es256])
    case("r || s", {**one, "sig": [b64(A.raw(message))]}, "valid", signers=[A.es256])
    case("high s", {**one, "sig": [b64(A.der(message, high=True))]}, "valid", signers=[A.es256])
    case("key as a string", {**one, "key": A.es256, "sig": good["sig"]}, "valid", signers=[A.es256])
    case("the last second", good, "valid", time=NOW + 599, signers=[A.es256])
    case("at exp it has expired", good, "expired", time=NOW + 600)
    early = approval(A.es256, nbf=NOW)
    early["sig"] = [b64(A.der(signed_bytes(early)))]
    case("at nbf it holds", early, "valid", signers=[A.es256])
    case("before nbf", early, "notYetValid", time=NOW - 1)
    case("nobody signed", {**one, "sig": [None]}, "unsigned")
    case("sig is empty", {**one, "sig": []}, "unsigned")
    case("sig is absent", one, "unsigned")
    case("signed by another key", {**one, "sig": [b64(B.der(message))]}, "invalidSignature")
    for name, value in [("iss", "mallory"), ("sub", "other.example"), ("nce", "6f1e"), ("exp", NOW + 601), ("new", 1)]:
        case("changed after signing: " + name, {**good, name: value}, "invalidSignature")
    statement = {**one["stm"], "decision": "object"}
    case("changed after signing: stm.decision", {**good, "stm": statement}, "invalidSignature")
    bad = A.der(message)
    case("bytes after the DER", {**one, "sig": [b64(bad + b"\0")]}, "malformedSignature")
    case("DER with a long length", {**one, "sig": [b64(b"\x30\x81" + bad[1:])]}, "malformedSignature")
    case("signature in base64url", {**one, "sig": [b64url(bad + b"\xff")]}, "malformedSignature")
    case("63 bytes", {**one, "sig": [b64(A.raw(message)[:-1])]}, "malformedSignature")
    case("r = s = 0", {**one, "sig": [b64(bytes(64))]}, "malformedSignature")
    three = approval(*sorted([A.es256, B.es256, C.es256]))
    message = signed_bytes(three)
    texts = {key.es256: b64(key.der(message)) for key in (A, B, C)}
    some = {**three, "sig": [None if text == B.es256 else texts[text] for text in three["key"]]}
    case("two of three", some, "valid", signers=sorted([A.es256, C.es256]))
    case("keys in another order", {**some, "key": some["key"][::-1], "sig": some["sig"][::-1]}, "valid",
         signers=sorted([A.es256, C.es256]))
    case("one signature is wrong", {**three, "sig": [texts[A.es256]] * 3}, "invalidSignature")


def malformed():
    one = approval(A.es256)
    good = {**one, "sig": [b64(A.der(signed_bytes(one)))]}
    case("one key in two encodings", {**approval(A.es256, A.url), "sig": [None, None]}, "field key")
    case("one key as two kinds", {**approval(A.es256, A.webauthn), "sig": [None, None]}, "field key")
    case("one key twice", {**approval(A.es256, A.es256), "sig": [None, None]}, "field key")
    case("no keys", approval(), "field key")
    case("a key that is a reference", approval("https://example.com/keys#alice"), "field key[0]")
    case("a key with bytes behind it", approval("data:key/es256;base64," + b64(A.spki + b"\0")), "field key[0]")
    off = A.spki[:-1] + bytes([A.spki[-1] ^ 1])
    case("a key that is not on the curve", approval("data:key/es256;base64," + b64(off)), "field key[0]")
    case("more signatures than keys", {**good, "sig": good["sig"] * 2}, "field sig")
    case("sig is a string", {**good, "sig": good["sig"][0]}, "field sig")
    case("another version", {**good, "ocp": 2}, "field ocp")
    case("another signature format", {**good, "fmt": "EIP712"}, "field fmt")
    case("exp is a string", {**good, "exp": str(NOW)}, "field exp")
    case("exp is null", {**good, "exp": None}, "field exp")
    case("iss is missing", {name: value for name, value in good.items() if name != "iss"}, "field iss")
    case("stm is missing", {name: value for name, value in good.items() if name != "stm"}, "field stm")


def passkeys():
    one = approval(A.webauthn)

    def passkey(name, expect, policy=POLICY, **options):
        signers = [A.webauthn] if expect == "valid" else None
        case("passkey: " + name, {**one, "sig": [assertion(A, one, **options)]}, expect, policy=policy, signers=signers)

    passkey("present and verified", "valid")
    passkey("high s", "valid", high=True)
    passkey("present only, where that is enough", "valid", policy=LENIENT, flags=0x01)
    passkey("with extension data", "valid", flags=0x85, tail=b"\xa0")
    passkey("unknown client data", "valid", other_keys_can_be_added_here="x")
    passkey("crossOrigin is absent", "valid", crossOrigin=None)
    passkey("no policy", "webAuthn noPolicy", policy=None)
    passkey("a registration", "webAuthn wrongType", type="webauthn.create")
    passkey("another challenge", "webAuthn wrongChallenge", challenge=b64url(bytes(32)))
    passkey("challenge in hexadecimal", "webAuthn wrongChallenge", challenge=digest(one).hex())
    passkey("another origin", "webAuthn wrongOrigin", origin="https://evil.example")
    passkey("another scheme", "webAuthn wrongOrigin", origin="http://box.example")
    passkey("a frame of another site", "webAuthn crossOrigin", crossOrigin=True)
    passkey("topOrigin", "webAuthn crossOrigin", topOrigin="https://evil.example")
    passkey("no origin", "webAuthn malformedClientData", origin=None)
    passkey("another relying party", "webAuthn wrongRelyingParty", rp="evil.example")
    passkey("nobody present", "webAuthn userNotPresent", flags=0x04)
    passkey("nobody verified", "webAuthn userNotVerified", flags=0x01)
    passkey("bytes without the extension flag", "webAuthn malformedAuthenticatorData", tail=b"\xa0")
    passkey("the extension flag without bytes", "webAuthn malformedAuthenticatorData", flags=0x85)
    passkey("attested credential data", "webAuthn malformedAuthenticatorData", flags=0xC5, tail=bytes(20))
    passkey("r || s", "webAuthn malformedSignature", raw=True)
    passkey("another device", "webAuthn invalidSignature", signer=B)
    passkey("envelope with white space", "webAuthn malformedEnvelope", envelope=lambda parts: json.dumps(parts, sort_keys=True))
    passkey("envelope with another member", "webAuthn malformedEnvelope", envelope=lambda parts: canonical({**parts, "x": 1}))
    plain_signature = b64(A.der(signed_bytes(one)))
    case("passkey: a plain signature of its key", {**one, "sig": [plain_signature]}, "webAuthn malformedEnvelope", policy=POLICY)
    both = approval(*sorted([A.webauthn, B.es256]))
    texts = {A.webauthn: assertion(A, both), B.es256: b64(B.der(signed_bytes(both)))}
    case("passkey and plain key", {**both, "sig": [texts[key] for key in both["key"]]}, "valid", policy=POLICY,
         signers=both["key"])
    swapped = approval(A.es256)
    case("an assertion under a plain key", {**swapped, "sig": [assertion(A, swapped)]}, "malformedSignature", policy=POLICY)


plain()
malformed()
passkeys()
path = pathlib.Path(__file__).with_name("claims.json")
about = "Claims and verdicts; made by make_claims.py. 'expect' is valid, or the reason for refusal; 'signers' are the keys that count."
lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in cases)
path.write_text('{"about":' + json.dumps(about) + ',"cases":[\n' + lines + "\n]}\n", encoding="utf-8")
print(len(cases), "cases")
