# SPDX-License-Identifier: Apache-2.0
"""What Prometheus gets: promtool has nothing to say, and the numbers are there."""

import re
import shutil
import urllib.request

from support.case import SystemCase
from support.cluster_case import ClusterCase
from support.roost import until

COMMAND = "promtool"
# Names that dashboards and alerts stand on (issue 7): each a family with a series at least.
ALONE = """
    roost_connections_open roost_clients_connected roost_sessions roost_publish_received_total
    roost_publish_sent_total roost_publish_received_bytes_total roost_publish_sent_bytes_total
    roost_messages_dropped_total roost_acks_waiting roost_commit_duration_seconds
    roost_log_fsync_duration_seconds roost_delivery_duration_seconds roost_queued_messages
    roost_queued_bytes roost_queued_oldest_seconds roost_retained_messages roost_subscriptions
    roost_store_untrimmed_bytes roost_store_wal_bytes_total roost_disk_free_bytes
    roost_disk_size_bytes roost_core_lag_seconds roost_tls_handshakes_total
    roost_tls_handshakes_resumed_total roost_tls_handshake_failures_total
    roost_auth_results_total roost_limit_hits_total roost_class_clients_connected
""".split()
CLUSTER = """
    roost_cluster_shards_led roost_cluster_shards_in_sync roost_cluster_shards_stalled
    roost_cluster_replicas_behind roost_replication_lag_records roost_replication_lag_seconds
    roost_cluster_nodes_linked roost_cluster_coordinator_reached roost_etcd_answer_age_seconds
    roost_etcd_lease_remaining_seconds
""".split()


class MetricsCase:
    def scrape(self, http_port):
        url = f"http://127.0.0.1:{http_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()

    def value(self, http_port, series):
        """Of one line, with its labels; None: there is no such line."""
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.scrape(http_port), re.MULTILINE)
        return float(found[1]) if found else None

    def reaches(self, http_port, series, is_good, what):
        until(lambda: is_good(self.value(http_port, series)),
              f"{series} {what} (is {self.value(http_port, series)})")

    def check(self, text, names):
        self.needs(shutil.which(COMMAND), "promtool is not installed (package prometheus)")
        done = self.command(COMMAND, "check", "metrics", stdin=text)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        families = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
        self.assertEqual([name for name in names if name not in families], [])
        for name in names:
            self.assertRegex(text, rf"(?m)^{name}(_count)?(\{{[^\n]*\}})? \S+$")


class Alone(MetricsCase, SystemCase):
    def server(self, **config):
        self.http_port = self.free_port()
        server = self.roost(http={"address": "127.0.0.1", "port": self.http_port}, **config)
        self.wait_until_ready(self.http_port)
        return server

    def busy(self, server, count=256):
        """So many messages at QoS 1 to a clean session and to a durable one."""
        durable = self.client(server.port, "durable", clean=False)
        clean = self.client(server.port, "clean")
        for subscriber in (durable, clean):
            subscriber.subscribe("t/#", 1)
        publisher = self.client(server.port, "publisher")
        for number in range(count):
            publisher.publish(f"t/{number}", "x", 1)
            for subscriber in (durable, clean):
                subscriber.expect_message(f"t/{number}", "x", 1)
        return publisher

    def test_promtool_has_nothing_to_say(self):
        server = self.server()
        self.busy(server)
        self.check(self.scrape(self.http_port), ALONE)

    def test_how_long_things_take(self):
        server = self.server(threads=1)
        self.busy(server)
        for name, least in [("roost_commit_duration_seconds", 256),
                            ("roost_log_fsync_duration_seconds", 1),
                            ("roost_delivery_duration_seconds", 8)]:
            self.reaches(self.http_port, f"{name}_count",
                         lambda count, least=least: count is not None and count >= least,
                         f">= {least}")
            total = self.value(self.http_port, f"{name}_sum")
            self.assertGreater(total, 0, name)
            self.assertLess(total / self.value(self.http_port, f"{name}_count"), 5, name)
        # One message in 64, to two subscribers.
        self.assertLess(self.value(self.http_port, "roost_delivery_duration_seconds_count"), 32)

    def test_the_oldest_of_an_absent_client(self):
        server = self.server(threads=1, shards=2)
        away = self.client(server.port, "away", clean=False)
        away.subscribe("t", 1)
        away.disconnect()
        series = 'roost_queued_oldest_seconds{client="absent"}'
        self.assertEqual(self.value(self.http_port, series), 0)
        self.client(server.port, "p").publish("t", "x", 1)
        self.reaches(self.http_port, series, lambda age: age is not None and age > 1, "> 1")
        series = 'roost_queued_oldest_seconds{client="connected"}'
        self.assertEqual(self.value(self.http_port, series), 0)
        self.assertEqual(self.value(self.http_port, 'roost_sessions{state="absent"}'), 1)

    def test_classes_of_clients(self):
        server = self.server(metrics={"classes": ["sensors=client_id:sensor-*",
                                                  "people=user:*@home"]},
                             auth={"allow_anonymous": True})
        clients = [self.client(server.port, name) for name in ("sensor-1", "sensor-2", "lamp")]
        clients[0].publish("t", "x", 1)

        def series(name, of):
            return f'{name}{{class="{of}"}}'

        for of, count in [("sensors", 2), ("other", 1), ("people", 0)]:
            self.reaches(self.http_port, series("roost_class_clients_connected", of),
                         lambda value, count=count: value == count, f"= {count}")
        self.reaches(self.http_port, series("roost_class_publish_received_total", "sensors"),
                     lambda value: value == 1, "= 1")
        self.assertEqual(self.value(self.http_port,
                                    series("roost_class_publish_received_total", "other")), 0)
        clients[1].disconnect()
        self.reaches(self.http_port, series("roost_class_clients_connected", "sensors"),
                     lambda value: value == 1, "= 1")

    def test_too_many_classes_are_refused(self):
        classes = [f"c{number}=client_id:c{number}-*" for number in range(33)]
        path = f"{self.folder}/roost.yaml"
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"metrics: {{classes: {classes}}}\n")
        done = self.roost_command("serve", "--check", "--config", path)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr + done.stdout,
                         r"roost\.yaml:1: metrics\.classes: these are 33 classes; at most 32 ")

    def test_results_of_authentication_and_limits(self):
        server = self.server(mqtt={"max_topic_length": 10}, auth={"allow_anonymous": True})
        client = self.client(server.port, "c", v=5)
        client.publish("t" * 11, "x", 0)
        self.reaches(self.http_port, 'roost_limit_hits_total{limit="mqtt.max_topic_length"}',
                     lambda value: value == 1, "= 1")
        series = 'roost_auth_results_total{method="anonymous",result="accepted"}'
        self.assertEqual(self.value(self.http_port, series), 1)


class InACluster(MetricsCase, ClusterCase):
    at_once = 2

    def test_promtool_has_nothing_to_say(self):
        cluster = self.cluster()
        node = cluster["n1"]
        self.offline(self.at(node), "lamp", "home/#")
        publisher = self.client(self.at(cluster["n2"]), "p")
        self.publish_all(publisher, [(f"home/{number}", b"x") for number in range(200)])
        self.check(self.scrape(node.http_port), ALONE + CLUSTER)
        leader = cluster.leader_of("lamp")
        self.assertGreater(
            self.value(leader.http_port, "roost_commit_duration_seconds_count"), 199)
        lease = self.value(node.http_port, "roost_etcd_lease_remaining_seconds")
        self.assertTrue(0 < lease <= 3, lease)
        self.assertLess(self.value(node.http_port, "roost_etcd_answer_age_seconds"), 3)
        self.assertEqual(self.value(node.http_port, "roost_cluster_replicas_behind"), 0)

    def test_a_copy_that_is_gone_is_behind(self):
        cluster = self.cluster()
        cluster["n3"].kill()
        publisher = self.client(self.at(cluster["n1"]), "p")
        self.offline(self.at(cluster["n1"]), "lamp", "home/#")
        self.publish_all(publisher, [("home/1", b"x")])
        leader = cluster.leader_of("lamp")
        self.reaches(leader.http_port, "roost_replication_lag_seconds",
                     lambda value: value is not None and value > 1, "> 1")
        self.assertGreater(self.value(leader.http_port, "roost_replication_lag_records"), 0)
        self.reaches(leader.http_port, "roost_cluster_replicas_behind",
                     lambda value: value is not None and value > 0, "> 0")

    def test_a_class_is_counted_where_the_session_runs(self):
        """By a user name that another node has checked."""
        users = f"{self.folder}/users.pw"
        done = self.roost_command("passwd", users, "lamp-ann", stdin="word\nword\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        cluster = self.cluster(config={"metrics": {"classes": ["lamps=user:lamp-*"]},
                                       "auth": {"password_file": users}})
        leader = cluster.leader_of("hall")
        other = next(node for node in cluster.nodes if node is not leader)
        self.client(self.at(other), "hall", clean=False, username="lamp-ann", password="word")
        series = 'roost_class_clients_connected{class="lamps"}'
        self.reaches(leader.http_port, series, lambda value: value == 1, "= 1")
        self.assertEqual(self.value(other.http_port, series), 0)
