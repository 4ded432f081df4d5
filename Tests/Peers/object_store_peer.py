"""An object store: moto in the mode in which it checks signatures and permissions, behind S3's rule on clocks.

Configuration: {"locked": name of a bucket with Object Lock, "plain": name of one without}. Says port, accessKey, secretKey.
"""

import datetime
import os
import threading

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "inf"
os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "setup"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

import json
import logging

import boto3
from moto import settings
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

import peer

config = peer.configuration()
logging.getLogger("werkzeug").setLevel(logging.ERROR)
dispatcher = DomainDispatcherApplication(create_backend_app)


def application(environ, start_response):
    """S3 refuses what is signed for a time more than 15 minutes off; moto does not look."""
    stamp = environ.get("HTTP_X_AMZ_DATE")
    if stamp and environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-"):
        signed = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs((datetime.datetime.now(datetime.timezone.utc) - signed).total_seconds()) > 900:
            body = (
                b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>RequestTimeTooSkewed</Code>'
                b"<Message>The difference between the request time and the current time is too large.</Message></Error>"
            )
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("403 Forbidden", [("Content-Length", str(len(body)))])
            return [body]
    return dispatcher(environ, start_response)


server = make_server("127.0.0.1", 0, application, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.server_port}"

iam = boto3.client("iam", endpoint_url=endpoint)
iam.create_user(UserName="exporter")
key = iam.create_access_key(UserName="exporter")["AccessKey"]
actions = [
    "s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:HeadObject",
    "s3:HeadBucket", "s3:ListObjectsV2", "s3:ListObjects", "s3:PutObjectRetention", "s3:GetObjectVersion",
]
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
iam.put_user_policy(UserName="exporter", PolicyName="export", PolicyDocument=json.dumps(policy))
s3 = boto3.client("s3", endpoint_url=endpoint)
s3.create_bucket(Bucket=config["locked"], ObjectLockEnabledForBucket=True)
s3.create_bucket(Bucket=config["plain"])
# From here on every request must be signed by that user.
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0

peer.end_with_the_test()
peer.say(
    {"port": server.server_port, "accessKey": key["AccessKeyId"], "secretKey": key["SecretAccessKey"]}
)
threading.Event().wait()
