"""AWS KMS: moto in the mode in which it checks signatures and permissions.

Says port, key, and for the users `broker` and `stranger` their accessKey and secretKey. The stranger may only encrypt.
"""

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

peer.configuration()
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.server_port}"

iam = boto3.client("iam", endpoint_url=endpoint)
ready = {"port": server.server_port}
for user, actions in {"broker": ["kms:Encrypt", "kms:Decrypt"], "stranger": ["kms:Encrypt"]}.items():
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName=user, PolicyName="keys", PolicyDocument=json.dumps(policy))
    ready[user] = {"accessKey": key["AccessKeyId"], "secretKey": key["SecretAccessKey"]}
kms = boto3.client("kms", endpoint_url=endpoint)
ready["key"] = kms.create_key(Description="wraps")["KeyMetadata"]["Arn"]
# From here on every request must be signed by one of them.
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0

peer.end_with_the_test()
peer.say(ready)
threading.Event().wait()
