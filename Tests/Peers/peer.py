"""What the peers of the tests share: one line of JSON comes in, lines of JSON go out."""

import datetime
import ipaddress
import json
import os
import shutil
import sys
import tempfile
import threading

_lock = threading.Lock()
_directories = []


def configuration():
    return json.loads(sys.stdin.readline())


def say(event):
    with _lock:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def end_with_the_test():
    """The test closes our standard input when it forgets us; or it died."""

    def wait():
        while sys.stdin.readline():
            pass
        for directory in _directories:
            shutil.rmtree(directory, ignore_errors=True)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def certificate(names):
    """A fresh self-signed certificate: a file with both, and a file with the certificate alone."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.timezone.utc)
    alternatives = [x509.DNSName(n) for n in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    directory = tempfile.mkdtemp(prefix="safebox-peer-")
    _directories.append(directory)
    public = cert.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both, alone = os.path.join(directory, "both.pem"), os.path.join(directory, "certificate.pem")
    with open(both, "wb") as file:
        file.write(private + public)
    with open(alone, "wb") as file:
        file.write(public)
    return both, alone
