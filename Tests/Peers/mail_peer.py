"""A real mail server (aiosmtpd) that says what it received, read by Python's own mail parser.

Configuration: security ("none", "starttls", "tls"), login {"user","password"}, mechanisms (of AUTH that are offered),
refuse (recipients), answer (to the message), lose ("recipient" or "message": where it drops the connection).
"""

import asyncio
import base64
import email
import email.policy
import ssl

from aiosmtpd.smtp import SMTP, AuthResult

import peer

config = peer.configuration()
login = config.get("login")


def parsed(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    parts = []
    for part in message.walk():
        if part.is_multipart():
            parts.append({"type": part.get_content_type()})
            continue
        parts.append(
            {
                "type": part.get_content_type(),
                "name": part.get_filename(),
                "disposition": part.get_content_disposition(),
                "base64": base64.b64encode(part.get_payload(decode=True)).decode(),
                "defects": [str(d) for d in part.defects],
            }
        )
    return {
        "headers": [[name, str(value)] for name, value in message.items()],
        "defects": [str(d) for d in message.defects],
        "parts": parts,
    }


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if config.get("lose") == "recipient":
            server.transport.abort()
            return "421 gone"
        if address in config.get("refuse", []):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        peer.say(
            {
                "sender": envelope.mail_from,
                "recipients": envelope.rcpt_tos,
                "hello": session.host_name,
                "tls": session.ssl is not None or config["security"] == "tls",
                "user": session.auth_data,
                "raw": base64.b64encode(envelope.original_content).decode(),
                **parsed(envelope.original_content),
            }
        )
        if config.get("lose") == "message":
            server.transport.abort()
            return "421 gone"
        return config.get("answer", "250 2.0.0 OK: queued as 4F2A")


def authenticate(server, session, envelope, mechanism, data):
    user, password = data.login.decode(), data.password.decode()
    if login and (user, password) == (login["user"], login["password"]):
        return AuthResult(success=True, auth_data=user + " by " + mechanism)
    # A server that repeats what it was told.
    return AuthResult(success=False, handled=False, message="535 5.7.8 wrong: " + password)


async def main():
    both, alone = peer.certificate(["mail.test"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    offered = config.get("mechanisms", ["PLAIN", "LOGIN"])

    def session():
        return SMTP(
            Handler(),
            hostname="mail.test",
            tls_context=context if config["security"] == "starttls" else None,
            require_starttls=config["security"] == "starttls",
            authenticator=authenticate if login else None,
            auth_require_tls=config["security"] == "starttls",
            auth_exclude_mechanism=[m for m in ["PLAIN", "LOGIN"] if m not in offered],
        )

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if config["security"] == "tls" else None
    )
    peer.end_with_the_test()
    peer.say({"port": server.sockets[0].getsockname()[1], "certificate": alone})
    await server.serve_forever()


asyncio.run(main())
