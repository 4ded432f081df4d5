"""Holds documents against a JSON Schema: lines of {"schema": path, "documents": [...]} on standard input are answered with
the list of what is wrong, one text or null a document."""

import json
import sys

import jsonschema

import peer

config = peer.configuration()
with open(config["schema"]) as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)


def fault(document):
    for error in validator.iter_errors(document):
        return f"{error.json_path}: {error.message}"[:500]
    return None


peer.say({"faults": [fault(document) for document in config["documents"]]})
sys.stdin.read()
