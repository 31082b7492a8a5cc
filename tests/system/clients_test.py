# SPDX-License-Identifier: Apache-2.0
"""Clients that nobody here wrote, over every transport."""

import os
import queue
import ssl
import warnings

import paho.mqtt.client as paho

from support.case import SystemCase

warnings.filterwarnings("ignore", category=DeprecationWarning)
VERSIONS = ("mqttv31", "mqttv311", "mqttv5")


class MosquittoClients(SystemCase):
    def roundtrip(self, *address):
        """Every version and QoS through one subscriber each."""
        for version in VERSIONS:
            topic = f"t/{version}"
            sub = self.subscriber(*address, "-V", version, "-t", topic, "-q", "2", "-C", "3")
            for qos in "012":
                done = self.command("mosquitto_pub", *address, "-V", version, "-t", topic,
                                    "-m", f"hello {qos}", "-q", qos)
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([sub.message() for _ in range(3)], [f"hello {q}" for q in "012"])
            self.assertEqual(sub.finish(), 0)

    def test_tcp(self):
        self.roundtrip("-h", "127.0.0.1", "-p", self.roost().port)

    def test_ipv6(self):
        self.needs(os.path.exists("/proc/net/if_inet6"), "this machine has no IPv6")
        self.roundtrip("-h", "::1", "-p", self.roost({"six": {"address": "::1"}}).port)

    def test_unix_socket(self):
        path = os.path.join(self.folder, "mqtt.sock")
        self.roost({"unix": {"unix": path}})
        self.roundtrip("--unix", path)

    def test_tls(self):
        certificates = self.certificates()
        port = self.roost({"tls": certificates.listener()}).port
        self.roundtrip("-h", "localhost", "-p", port, "--cafile", certificates.ca)

    def test_tls_versions(self):
        certificates = self.certificates()
        port = self.roost({"tls": certificates.listener()}).port
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertEqual(self.handshake(port, version), version.name.replace("_", "."))
        with self.assertRaises((ssl.SSLError, ConnectionResetError)):
            self.handshake(port, ssl.TLSVersion.TLSv1_1)

    def handshake(self, port, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with context.wrap_socket(self.socket(("127.0.0.1", port))) as tls:
            return tls.version()

    def test_retained_and_queued(self):
        port = self.roost().port
        away = ("-h", "127.0.0.1", "-p", port, "-c", "-i", "away", "-q", "1", "-t", "queued/#")
        self.assertEqual(self.command("mosquitto_sub", *away, "-E").returncode, 0)
        self.publish(port, "kept", "retained", "-r", "-q", "1")
        self.publish(port, "queued/1", "while away", "-q", "1")
        done = self.command("mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-t", "kept", "-C", "1",
                            "-W", "10", "-F", "%r %p")
        self.assertEqual(done.stdout, "1 retained\n")
        done = self.command("mosquitto_sub", *away, "-C", "1", "-W", "10")
        self.assertEqual(done.stdout, "while away\n")

    def test_properties_of_v5(self):
        port = self.roost().port
        sub = self.subscriber("-p", port, "-V", "mqttv5", "-t", "t", "-F", "%P|%C|%R|%D|%p")
        self.publish(port, "t", "x", "-V", "mqttv5", "-D", "publish", "user-property", "a", "1",
                     "-D", "publish", "content-type", "text/plain",
                     "-D", "publish", "response-topic", "re",
                     "-D", "publish", "correlation-data", "42")
        self.assertEqual(sub.message(), "a:1|text/plain|re|42|x")

    def test_mosquitto_rr_finds_its_answer(self):
        port = self.roost().port
        answerer = self.subscriber("-p", port, "-V", "mqttv5", "-t", "ask", "-F", "%R %D")
        asker = self.tool("stdbuf", "-oL", "mosquitto_rr", "-p", port, "-V", "mqttv5", "-t", "ask",
                          "-e", "answer/1", "-m", "what?", "-W", "15")
        self.assertTrue(answerer.message().startswith("answer/1"))
        self.publish(port, "answer/1", "that", "-V", "mqttv5")
        self.assertEqual(asker.message(), "that")


class Paho(SystemCase):
    def connected(self, port, client_id, protocol=paho.MQTTv311, tls=None, **more):
        """A Paho client with a queue of its messages, connected."""
        client = paho.Client(client_id, protocol=protocol, **more)
        if tls:
            client.tls_set(tls, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        events, client.messages = queue.Queue(), queue.Queue()
        client.on_connect = lambda _c, _u, _f, code, *_: events.put(getattr(code, "value", code))
        client.on_subscribe = lambda *_: events.put("subscribed")
        client.on_message = lambda _c, _u, message: client.messages.put(message)
        client.events = events
        client.connect("localhost" if tls else "127.0.0.1", port)
        client.loop_start()
        self.addCleanup(client.loop_stop)
        self.addCleanup(client.disconnect)
        self.assertEqual(events.get(timeout=15), 0)
        return client

    def roundtrip(self, port, tls=None, **more):
        for protocol in (paho.MQTTv31, paho.MQTTv311, paho.MQTTv5):
            client = self.connected(port, f"paho-{protocol}", protocol, tls, **more)
            client.subscribe("t/#", 2)
            self.assertEqual(client.events.get(timeout=15), "subscribed")
            for qos in (0, 1, 2):
                client.publish(f"t/{qos}", b"p" * 1000, qos)
                message = client.messages.get(timeout=15)
                got = (message.topic, message.qos, message.payload)
                self.assertEqual(got, (f"t/{qos}", qos, b"p" * 1000))
            client.unsubscribe("t/#")

    def test_tcp(self):
        self.roundtrip(self.roost().port)

    def test_tls(self):
        certificates = self.certificates()
        self.roundtrip(self.roost({"tls": certificates.listener()}).port, certificates.ca)

    def test_websocket(self):
        self.roundtrip(self.roost({"ws": {"protocol": "ws"}}).port, transport="websockets")

    def test_secure_websocket(self):
        certificates = self.certificates()
        port = self.roost({"wss": {"protocol": "ws", **certificates.listener()}}).port
        self.roundtrip(port, certificates.ca, transport="websockets")

    def test_large_messages_over_websocket_and_tls(self):
        certificates = self.certificates()
        port = self.roost({"wss": {"protocol": "ws", **certificates.listener()}}).port
        client = self.connected(port, "large", tls=certificates.ca, transport="websockets")
        client.subscribe("big", 1)
        self.assertEqual(client.events.get(timeout=15), "subscribed")
        for size in (125, 126, 65535, 65536, 1_000_000):
            payload = os.urandom(size)
            client.publish("big", payload, 1)
            self.assertEqual(client.messages.get(timeout=30).payload, payload)


class MqttJs(SystemCase):
    def roundtrip(self, url, **more):
        agent = self.mqttjs()
        for level, name in ((3, "MQIsdp"), (4, "MQTT"), (5, "MQTT")):
            client = f"js{level}"
            options = {"protocolVersion": level, "protocolId": name, "clientId": client}
            agent.tell(do="connect", name=client, url=url, options=options, **more)
            self.assertEqual(agent.event()["event"], "connect")
            agent.tell(do="subscribe", name=client, topic="t/#", options={"qos": 2})
            self.assertEqual(agent.event(), {"event": "subscribe", "name": client, "granted": [2]})
            for qos in (0, 1, 2):
                agent.tell(do="publish", name=client, topic=f"t/{qos}", payload="hello",
                           options={"qos": qos})
                events = [agent.event(), agent.event()]
                self.assertIn({"event": "publish", "name": client}, events)
                message = next(e for e in events if e["event"] == "message")
                got = (message["topic"], message["qos"], message["payload"])
                self.assertEqual(got, (f"t/{qos}", qos, "hello"))
            agent.tell(do="end", name=client)
            self.assertEqual({agent.event()["event"], agent.event()["event"]}, {"close", "end"})

    def test_tcp(self):
        self.roundtrip(f"mqtt://127.0.0.1:{self.roost().port}")

    def test_tls(self):
        certificates = self.certificates()
        port = self.roost({"tls": certificates.listener()}).port
        self.roundtrip(f"mqtts://localhost:{port}", ca=certificates.ca)

    def test_websocket_on_any_path(self):
        port = self.roost({"ws": {"protocol": "ws"}}).port
        for path in ("", "/mqtt", "/ws", "/a/b?c=d"):
            self.roundtrip(f"ws://127.0.0.1:{port}{path}")

    def test_secure_websocket(self):
        certificates = self.certificates()
        port = self.roost({"wss": {"protocol": "ws", **certificates.listener()}}).port
        self.roundtrip(f"wss://localhost:{port}/mqtt", ca=certificates.ca)


class ManyTransports(SystemCase):
    def test_a_message_passes_between_them(self):
        certificates = self.certificates()
        path = os.path.join(self.folder, "mqtt.sock")
        server = self.roost({"tcp": {}, "tls": certificates.listener(), "unix": {"unix": path},
                             "ws": {"protocol": "ws"}})
        agent = self.mqttjs()
        agent.tell(do="connect", name="js", url=f"ws://127.0.0.1:{server.ports['ws']}")
        agent.event()
        agent.tell(do="subscribe", name="js", topic="#")
        agent.event()
        subs = [self.subscriber("-p", server.ports["tcp"], "-t", "#"),
                self.subscriber("--unix", path, "-t", "#"),
                self.subscriber("-h", "localhost", "-p", server.ports["tls"], "--cafile",
                                certificates.ca, "-t", "#")]
        for name, options in (("tcp", ["-p", server.ports["tcp"]]), ("unix", ["--unix", path]),
                              ("tls", ["-h", "localhost", "-p", server.ports["tls"], "--cafile",
                                       certificates.ca])):
            done = self.command("mosquitto_pub", *options, "-t", "all", "-m", name, "-q", "1")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([sub.message() for sub in subs], [name] * 3)
            self.assertEqual(agent.event()["payload"], name)
