import CanonicalJSON

/// The OpenAPI 3.1 description, made from the endpoints themselves.
enum OpenAPI {
  static func document(endpoints: [Endpoint], version: String) -> JSON {
    var paths: JSONObject = [:]
    for endpoint in endpoints {
      let path = template(endpoint.path)
      var item = paths[path]?.object ?? [:]
      item[endpoint.method.lowercased()] = operation(endpoint)
      paths[path] = .object(item)
    }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "Safebox", "version": .string(version),
        "description":
          "Propose actions, hand in signed approvals, read the log and its receipts. Formats: docs/formats.md.",
        "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
      ],
      "servers": [["url": "/"]],
      "paths": .object(paths),
      "components": [
        "schemas": .object(APISchemas.named),
        "securitySchemes": ["token": ["type": "http", "scheme": "bearer"]],
      ],
    ]
  }

  /// OpenAPI has no name for a tail of several segments.
  static func template(_ path: String) -> String {
    path.hasSuffix("...}") ? "\(path.dropLast(4))}" : path
  }

  private static func operation(_ endpoint: Endpoint) -> JSON {
    var object: JSONObject = [
      "operationId": .string(endpoint.operation), "summary": .string(endpoint.summary),
    ]
    if case .scope(let scope) = endpoint.access {
      object["security"] = [["token": [.string(scope.rawValue)]]]
    } else {
      object["security"] = []
    }
    if !endpoint.parameters.isEmpty {
      object["parameters"] = .array(
        endpoint.parameters.map { parameter in
          [
            "name": .string(parameter.name), "in": .string(parameter.place.rawValue),
            "required": .bool(parameter.place == .path), "schema": parameter.schema,
            "description": .string(parameter.description),
          ]
        })
    }
    if let request = endpoint.request {
      object["requestBody"] = ["required": true, "content": .object([endpoint.requestMediaType: ["schema": request]])]
    }
    var responses: JSONObject = [:]
    for answer in endpoint.answers {
      responses[String(answer.status)] = [
        "description": .string(answer.description),
        "content": .object([answer.mediaType: ["schema": answer.schema]]),
      ]
    }
    responses["default"] = [
      "description": "An error", "content": ["application/problem+json": ["schema": APISchemas.reference("Problem")]],
    ]
    object["responses"] = .object(responses)
    return .object(object)
  }
}

/// JSON Schemas that the endpoints share.
enum APISchemas {
  static func reference(_ name: String) -> JSON { ["$ref": .string("#/components/schemas/\(name)")] }

  static let digest: JSON = ["type": "string", "pattern": "^[0-9a-f]{64}$"]
  static let text: JSON = ["type": "string"]
  static let integer: JSON = ["type": "integer", "minimum": 0]
  static let anyObject: JSON = ["type": "object"]

  static func object(_ required: JSONObject, optional: JSONObject = [:]) -> JSON {
    var properties = required
    for (name, schema) in optional { properties[name] = schema }
    return [
      "type": "object", "required": .array(required.keys.map { .string($0) }), "properties": .object(properties),
    ]
  }

  static func list(of schema: JSON) -> JSON { ["type": "array", "items": schema] }

  static func orNull(_ schema: JSON) -> JSON { ["anyOf": [schema, ["type": "null"]]] }

  static let named: JSONObject = [
    "Problem": object(
      ["type": text, "title": text, "status": integer, "code": text],
      optional: [
        "detail": text, "field": text, "fault": text, "limit": integer, "action_digest": digest,
        "missing_approvals": list(of: reference("Missing")),
        "next_steps": list(of: text),
      ]),
    "Action": object(
      ["type": text, "params": anyObject], optional: ["follows": list(of: digest)]),
    "Statement": object([
      "action": reference("Action"), "box": text, "epoch": integer, "expires": integer, "nonce": digest,
      "policy": digest,
    ]),
    "Opening": object(["salt": text, "value": [:]]),
    "ProposalRequest": object(
      ["action": reference("Action")],
      optional: [
        "salt": text, "expires": integer, "expiresIn": integer, "disclose": list(of: text),
        "openings": ["type": "object", "additionalProperties": reference("Opening")], "claim": anyObject,
      ]),
    "Missing": object(
      ["text": text],
      optional: ["committee": text, "count": integer, "candidates": list(of: text), "until": integer]),
    "Vote": object(["signer": text, "index": integer, "at": integer]),
    "Status": object(["name": text], optional: ["until": integer, "reason": text]),
    "Execution": object(
      ["startedIndex": integer, "mode": text],
      optional: ["finishedIndex": integer, "outcome": text, "result": anyObject]),
    "Proposal": object([
      "proposal": digest, "statement": reference("Statement"), "proposer": text, "status": reference("Status"),
      "opened": object(["index": integer, "at": integer]),
      "policy": object(["name": text, "digest": digest]), "missing": list(of: reference("Missing")),
      "approvals": list(of: reference("Vote")), "objections": list(of: reference("Vote")),
      "execution": orNull(reference("Execution")), "next_steps": list(of: text),
    ]),
    "Wait": object(
      ["call": integer, "method": text],
      optional: ["proposal": digest, "url": text, "child": digest, "until": integer]),
    "Run": object(
      [
        "run": digest, "tool": digest, "name": text, "version": text, "community": text, "client": text, "status": text,
        "startedAt": integer, "calls": integer, "isolation": anyObject, "engine": text,
        "waiting": list(of: reference("Wait")), "parked": ["type": "boolean"], "children": list(of: digest),
      ],
      optional: [
        "parent": digest, "reason": text, "finishedAt": integer, "fuel": integer, "execution": digest, "result": [:],
        "failure": object(["kind": text, "message": text]),
      ]),
    "Entry": object(["index": integer, "entry": text]),
    "Receipt": object([
      "format": text, "checkpoint": text, "es256": text, "entries": list(of: anyObject), "roles": anyObject,
      "constitution": anyObject, "openings": anyObject, "identity": ["type": ["object", "null"]],
      "evidence": ["type": ["object", "null"]],
      "release": ["type": "null"],
    ]),
    "RunReceipt": object([
      "format": text, "checkpoint": text, "es256": text, "entries": list(of: anyObject), "roles": anyObject,
      "identity": ["type": ["object", "null"]], "evidence": ["type": ["object", "null"]], "release": ["type": "null"],
    ]),
  ]
}
