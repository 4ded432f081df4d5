"""Another implementation of RFC 9180: seals a message to the test, and opens what the test sealed.

Configuration, in hexadecimal: {"to", "message", "info"} and {"key", "sealed"}. Says {"sealed", "opened"}.
"""

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

import peer

config = {name: bytes.fromhex(value) for name, value in peer.configuration().items()}
suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
sealed = suite.encrypt(config["message"], X25519PublicKey.from_public_bytes(config["to"]), config["info"])
opened = suite.decrypt(config["sealed"], X25519PrivateKey.from_private_bytes(config["key"]), config["info"])
peer.say({"sealed": sealed.hex(), "opened": opened.hex()})
