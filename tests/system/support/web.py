# SPDX-License-Identifier: Apache-2.0
"""A caller of the API, whose every answer is held against the API's own document, and a reader of
its events."""

import http.client
import json

TOKEN = "correct-horse-battery-staple"
DOCUMENT = "/api/v1/openapi.json"


class Document:
    """Which answers the API's document allows."""

    def __init__(self, document):
        # Debian's python3-jsonschema knows the dialect of OpenAPI 3.1.
        from jsonschema import Draft202012Validator  # pylint: disable=import-outside-toplevel
        self._validator = Draft202012Validator
        self.document = document
        self.checked = 0

    def operation(self, method, path):
        for name, methods in self.document["paths"].items():
            fits = path == name or (name.endswith("}") and path.startswith(name[:name.rindex("{")])
                                    and path != name[:name.rindex("{")])
            if fits and method.lower() in methods:
                return methods[method.lower()]
        return None

    def resolve(self, node):
        while "$ref" in node:
            name = node["$ref"]
            node = self.document
            for part in name[2:].split("/"):
                node = node[part]
        return node

    def validate(self, schema, value):
        whole = {"allOf": [schema], "components": self.document["components"]}
        self._validator(whole).validate(value)
        self.checked += 1

    def check(self, method, path, status, body):
        operation = self.operation(method, path)
        if operation is None:
            return
        answers = operation["responses"]
        answer = self.resolve(answers.get(str(status), answers["default"]))
        assert str(status) in answers or status >= 400, f"{method} {path}: {status} isn't there"
        self.validate(answer["content"]["application/json"]["schema"], body)


class Web:
    """One kept connection, over TLS with a context; a lost one is made again."""

    def __init__(self, host, port, token=TOKEN, context=None):
        self.where = (host, port)
        self.token = token
        self.context = context
        self.document = None
        self.connection = self.connect(60)

    def connect(self, timeout):
        if self.context:
            return http.client.HTTPSConnection(*self.where, timeout=timeout, context=self.context)
        return http.client.HTTPConnection(*self.where, timeout=timeout)

    def close(self):
        self.connection.close()

    def headers(self, more):
        return {"Authorization": f"Bearer {self.token}", **more}

    def know(self):
        """From now on answers are checked."""
        self.document = Document(self.ask("GET", DOCUMENT)[1])
        return self

    def ask(self, method, path, body=None, **headers):
        """(status, JSON, headers)"""
        if not isinstance(body, (bytes, str, type(None))):
            body = json.dumps(body)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, self.headers(headers))
        answer = self.connection.getresponse()
        text = answer.read()
        said = json.loads(text) if text else None
        if self.document and method != "HEAD":
            self.document.check(method, path.split("?")[0], answer.status, said)
        return answer.status, said, answer.headers

    def publish(self, topic, payload, **more):
        headers = {"Idempotency_Key": more.pop("key")} if "key" in more else {}
        what = {"topic": topic, **more}
        if payload is not None:
            what["payload"] = payload
        return self.ask("POST", "/api/v1/publish", what, **headers)

    def events(self, query):
        return Events(self, query)


class Events:
    """A stream of events, read when asked."""

    def __init__(self, web, query):
        self.web = web
        self.connection = web.connect(30)
        self.connection.request("GET", f"/api/v1/subscribe?{query}", headers=web.headers({}))
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.comments = 0

    def close(self):
        self.answer.close()
        self.connection.close()

    def next(self):
        """(event, data, id); None at the end."""
        event, data, number = None, None, None
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line.startswith(":"):
                self.comments += 1
            elif line.startswith("event: "):
                event = line[len("event: "):]
            elif line.startswith("id: "):
                number = int(line[len("id: "):])
            elif line.startswith("data: "):
                data = json.loads(line[len("data: "):])
            elif line == "" and event:
                if event == "message" and self.web.document:
                    self.web.document.validate({"$ref": "#/components/schemas/Event"}, data)
                return event, data, number
            elif line == "" and self.answer.isclosed():
                return None

    def message(self):
        event, data, _ = self.next()
        assert event == "message", (event, data)
        return data
