"""OpenSSF Model Signing with a key of one's own, written against its specification by the `cryptography` package.

In: {"do": "sign", "directory", "name", "private" (hex)}: writes model.sig there.
In: {"do": "verify", "bundle" (text), "public" (PEM)}: Out: the statement, after every check that needs no files.
"""

import base64
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PAYLOAD = "application/vnd.in-toto+json"


def encoding(payload):
    return b"DSSEv1 %d %s %d " % (len(PAYLOAD), PAYLOAD.encode(), len(payload)) + payload


def pem(key):
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def root(resources):
    return hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()


def sign(directory, name, private):
    key = ec.derive_private_key(int(private, 16), ec.SECP256R1())
    top = pathlib.Path(directory)
    files = sorted(p.relative_to(top) for p in top.rglob("*") if p.is_file() and p.name != "model.sig")
    resources = [
        {"name": str(f), "algorithm": "sha256", "digest": hashlib.sha256((top / f).read_bytes()).hexdigest()}
        for f in files
    ]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": root(resources)}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": ["model.sig", ".git"],
            },
            "resources": resources,
        },
    }
    payload = json.dumps(statement).encode()
    signature = key.sign(encoding(payload), ec.ECDSA(hashes.SHA256()))
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": hashlib.sha256(pem(key.public_key())).hexdigest()},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    (top / "model.sig").write_text(json.dumps(bundle))


def verify(text, public):
    bundle = json.loads(text)
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    hint = bundle["verificationMaterial"]["publicKey"]["hint"]
    assert hint == hashlib.sha256(public.encode()).hexdigest()
    envelope = bundle["dsseEnvelope"]
    assert envelope["payloadType"] == PAYLOAD
    payload = base64.b64decode(envelope["payload"], validate=True)
    (signature,) = envelope["signatures"]
    key = serialization.load_pem_public_key(public.encode())
    key.verify(base64.b64decode(signature["sig"]), encoding(payload), ec.ECDSA(hashes.SHA256()))
    statement = json.loads(payload)
    names = [pathlib.PurePosixPath(r["name"]) for r in statement["predicate"]["resources"]]
    assert names == sorted(names)
    assert statement["subject"][0]["digest"]["sha256"] == root(statement["predicate"]["resources"])
    return statement


asked = json.load(sys.stdin)
if asked["do"] == "sign":
    sign(asked["directory"], asked["name"], asked["private"])
    answer = {}
else:
    answer = verify(asked["bundle"], asked["public"])
json.dump(answer, sys.stdout)
