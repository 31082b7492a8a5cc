# SPDX-License-Identifier: Apache-2.0
"""The API over TCP: who may use it, by token or client certificate, from which page."""

import http.client
import json
import os
import ssl

from support.case import SystemCase
from support.roost import until

TOKEN = "correct-horse-battery-staple"
OTHER = "another-token-of-some-length"
STATUS = "/api/v1/status"


class HttpApi(SystemCase):
    def server(self, env=None, **http_settings):
        self.port = self.free_port()
        server = self.roost(env=env, start=False, http={"address": "127.0.0.1", "port": self.port,
                                                        **http_settings})
        # HTTP listens a moment later than MQTT.
        server.addresses.append(("127.0.0.1", self.port))
        return server.start()

    def token_file(self, *tokens):
        path = os.path.join(self.folder, "tokens")
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write("# who operates\n" + "".join(f"{token}\n" for token in tokens))
        os.replace(path + ".new", path)
        return path

    def ask(self, path=STATUS, token=None, method="GET", context=None, **headers):
        """(status, body, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        if context:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=15,
                                                     context=context)
        self.addCleanup(connection.close)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body, answer.headers

    def status(self, *arguments, **more):
        return self.ask(*arguments, **more)[0]

    def refused(self, reason):
        _, text, _ = self.ask("/metrics")
        return int(text.split(f'roost_http_refused_requests_total{{reason="{reason}"}} ')[1]
                   .split()[0])

    def test_is_closed_without_a_token_or_an_authority(self):
        self.server()
        for method, path in (("GET", STATUS), ("POST", "/api/v1/drain"), ("GET", "/api/v1/cluster")):
            status, body, _ = self.ask(path, TOKEN, method)
            self.assertEqual(status, 403, path)
            self.assertIn("http.token_file", json.loads(body)["error"])
        until(lambda: self.status("/readyz") == 200, "it is ready")
        for path in ("/livez", "/metrics"):
            self.assertEqual(self.status(path), 200)
        self.assertEqual(self.refused("closed"), 3)

    def test_a_token_opens_it(self):
        server = self.server(token_file=self.token_file(TOKEN))
        status, body, _ = self.ask(token=TOKEN)
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body)["pid"], server.process.pid)
        for token in (None, OTHER, TOKEN + "x", TOKEN[:-1]):
            status, body, headers = self.ask(token=token)
            self.assertEqual(status, 401, token)
            self.assertIn("Bearer", headers["WWW-Authenticate"])
            self.assertIn("error", json.loads(body))
        self.assertEqual((self.refused("no_token"), self.refused("wrong_token")), (1, 3))

    def test_drains_over_tcp_too(self):
        server = self.server(token_file=self.token_file(TOKEN))
        self.assertEqual(self.status("/api/v1/drain", TOKEN, "POST"), 202)
        until(lambda: server.process.poll() == 0, "drained")

    def test_a_token_of_the_environment(self):
        self.server(env={"ROOST_HTTP_TOKEN": OTHER}, token_file=self.token_file(TOKEN))
        for token in (TOKEN, OTHER):
            self.assertEqual(self.status(token=token), 200)

    def test_tokens_change_while_it_runs(self):
        server = self.server(token_file=self.token_file(TOKEN))
        self.token_file(TOKEN, OTHER)
        server.wait_for_log("reloaded the tokens")
        self.assertEqual((self.status(token=TOKEN), self.status(token=OTHER)), (200, 200))
        self.token_file(OTHER)
        until(lambda: self.status(token=TOKEN) == 401, "the old token is refused", pause_s=0.5)
        self.token_file("short")
        server.wait_for_log("can't reload the tokens.*tokens:2: a token has at least 16")
        self.assertEqual(self.status(token=OTHER), 200)

    def test_guessing_is_held_off(self):
        self.server(token_file=self.token_file(TOKEN))
        for _ in range(10):
            self.assertEqual(self.status(token=OTHER), 401)
        status, _, headers = self.ask(token=OTHER)
        self.assertEqual(status, 429)
        self.assertLessEqual(int(headers["Retry-After"]), 60)
        self.assertEqual(self.status(token=TOKEN), 429, "or guessing would go on")
        self.assertEqual(self.status("/livez"), 200)
        self.assertEqual(self.refused("too_many_wrong"), 2)

    def test_other_hosts_and_origins(self):
        self.server(token_file=self.token_file(TOKEN), allowed_hosts="roost.example, other.example",
                    allowed_origins="https://console.example")
        for host, wanted in (("evil.example", 421), ("localhost", 200), ("roost.example", 200),
                             (f"other.example:{self.port}", 200), ("[::1]", 200)):
            self.assertEqual(self.status(token=TOKEN, Host=host), wanted, host)
            self.assertEqual(self.status("/metrics", Host=host), wanted, host)
        own = f"http://127.0.0.1:{self.port}"
        for origin, wanted in (("http://evil.example", 403), ("null", 403), (own, 200),
                               ("https://console.example", 200)):
            self.assertEqual(self.status(token=TOKEN, Origin=origin), wanted, origin)
        self.assertEqual(self.status("/api/v1/drain", TOKEN, "POST", Origin="null"), 403)
        self.assertEqual((self.refused("wrong_host"), self.refused("wrong_origin")), (2, 3))

    def test_no_token_is_ever_shown(self):
        server = self.server(env={"ROOST_HTTP_TOKEN": OTHER, "ROOST_LOG_LEVEL": "trace"},
                             token_file=self.token_file(TOKEN))
        wrong = "wrong-token-that-was-guessed"
        self.assertEqual([self.status(token=t) for t in (TOKEN, OTHER, wrong)], [200, 200, 401])
        texts = [self.ask(path, TOKEN)[1] for path in ("/metrics", STATUS)]
        texts += [server.log()]
        for arguments in (("--print-config",), ("--check",), ("--config", server.config, "--check")):
            done = self.roost_command("serve", *arguments, env={"ROOST_HTTP_TOKEN": OTHER})
            self.assertEqual(done.returncode, 0, done.stderr)
            texts.append(done.stdout + done.stderr)
        done = self.roost_command("serve", "--check", "--set", f"http.token={OTHER}")
        self.assertNotEqual(done.returncode, 0)
        texts.append(done.stdout + done.stderr)
        done = self.roost_command("serve", "--check", env={"ROOST_HTTP_TOKEN": "too-short"})
        self.assertIn("at least 16", done.stderr)
        texts.append(done.stdout + done.stderr)
        for text in texts:
            for secret in (TOKEN, OTHER, wrong, "too-short"):
                self.assertNotIn(secret, text)

    def test_the_admin_socket_asks_nobody(self):
        server = self.server(token_file=self.token_file(TOKEN))
        data = os.path.join(server.folder, "data")
        done = self.roost_command("status", "--data-dir", data)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class HttpsApi(HttpApi):
    """Everything above holds with TLS; and client certificates open the API."""

    def setUp(self):
        super().setUp()
        self.made = self.certificates()
        self.context = self.trusting()

    def trusting(self, cert=None, key=None):
        context = ssl.create_default_context(cafile=self.made.ca)
        if cert:
            context.load_cert_chain(cert, key)
        return context

    def server(self, env=None, **http_settings):
        tls = {"cert": self.made.cert, "key": self.made.key, **http_settings.pop("tls", {})}
        return super().server(env, tls=tls, **http_settings)

    def ask(self, *arguments, context=None, **more):
        return super().ask(*arguments, context=context or self.context, **more)

    def test_a_client_certificate_opens_it(self):
        self.server(tls={"ca": self.made.ca})
        mine = self.trusting(*self.made.issue("operator"))
        self.assertEqual(self.status(context=mine), 200)
        self.assertEqual(self.status(), 401)
        self.assertEqual(self.status("/metrics"), 200)
        foreign = os.path.join(self.folder, "foreign")
        os.mkdir(foreign)
        others = type(self.made)(foreign)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask(context=self.trusting(*others.issue("operator")))

    def test_a_certificate_without_an_authority_opens_nothing(self):
        self.server()
        mine = self.trusting(*self.made.issue("operator"))
        self.assertEqual(self.status(context=mine), 403)

    def test_old_tls_and_no_tls_are_refused(self):
        self.server()
        with self.assertRaises((http.client.HTTPException, ConnectionError)):
            HttpApi.ask(self, "/livez")
        old = self.trusting()
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask("/livez", context=old)
        self.assertEqual(self.status("/livez"), 200)

    def test_certificates_change_while_it_runs(self):
        server = self.server()
        cert, key = self.made.issue("next", "subjectAltName=IP:127.0.0.1")
        os.replace(key, self.made.key)
        os.replace(cert, self.made.cert)
        server.wait_for_log("reloaded TLS of HTTP")
        seen = ssl.get_server_certificate(("127.0.0.1", self.port))
        with open(self.made.cert, encoding="ascii") as file:
            self.assertEqual(seen.strip(), file.read().strip())

    def test_other_hosts_and_origins(self):
        self.server(token_file=self.token_file(TOKEN))
        self.assertEqual(self.status(token=TOKEN, Host="evil.example"), 421)
        self.assertEqual(self.status(token=TOKEN, Origin=f"https://127.0.0.1:{self.port}"), 200)
