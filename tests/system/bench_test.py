# SPDX-License-Identifier: Apache-2.0
"""`roost bench`: every mode against a real broker, and its figures against those of others."""

import json
import os
import shutil
import signal

from support import altering_proxy
from support.altering_proxy import AlteringProxy
from support.case import SystemCase

TROUBLES = ("lost", "duplicated", "reordered", "foreign", "refused", "sessions_gone", "lost_links")


class Bench(SystemCase):
    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")
        self.server = self.roost(log={"max_connection_lines": 10000})
        self.port = self.server.port

    def bench(self, mode, *options, port=None, code=0, patience=10):
        """The figures of a run without a warm-up."""
        done = self.roost_command("bench", mode, "-p", port or self.port, "--warmup", "0",
                                  "--drain", patience, "--json", *options, seconds=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        figures = json.loads(done.stdout)
        self.assertEqual(figures["mode"], mode)
        return figures

    def check(self, figures, sent, receivers=1, allowed=()):
        """Everything that was sent came to each receiver, once and in order."""
        self.assertEqual(figures["sent"], sent, figures)
        self.assertEqual(figures["completed"], sent, figures)
        self.assertEqual(figures["delivered_all"], sent * receivers, figures)
        self.check_clean(figures, allowed)

    def check_clean(self, figures, allowed=()):
        for name in TROUBLES:
            if name in figures and name not in allowed:
                self.assertEqual(figures[name], 0, (name, figures))


class Modes(Bench):
    def test_fan_in(self):
        for qos in "012":
            figures = self.bench("fan-in", "--publishers", "7", "--messages", "100", "-q", qos)
            self.assertEqual((figures["publishers"], figures["subscribers"]), (7, 1))
            self.check(figures, 700)

    def test_fan_out(self):
        for qos in "012":
            figures = self.bench("fan-out", "--subscribers", "9", "--messages", "100", "-q", qos)
            self.assertEqual((figures["publishers"], figures["subscribers"]), (1, 9))
            self.check(figures, 100, receivers=9)

    def test_pairs(self):
        for qos in "012":
            figures = self.bench("pairs", "--publishers", "5", "--messages", "100", "-q", qos)
            self.assertEqual((figures["publishers"], figures["subscribers"]), (5, 5))
            self.check(figures, 500)

    def test_persistent_sessions_end_with_the_run(self):
        port = self.free_port()
        server = self.roost(http={"address": "127.0.0.1", "port": port})
        for version in ("311", "5"):
            self.check(self.bench("pairs", "--publishers", "3", "--messages", "20", "-q", "1",
                                  "--persistent", "-V", version, port=server.port), 60)
            _, metrics = self.http(port, "/metrics")
            self.assertIn("roost_sessions_durable 0\n", metrics)

    def test_pairs_of_every_version_and_size(self):
        for version in ("31", "311", "5"):
            for size in ("24", "5000"):
                self.check(self.bench("pairs", "--publishers", "2", "--messages", "20", "-q", "1",
                                      "--payload", size, "-V", version), 40)

    def test_saturating_keeps_to_time_and_window(self):
        figures = self.bench("pairs", "--publishers", "4", "--seconds", "1", "-q", "1",
                             "--window", "10")
        self.assertEqual(figures["window"], 10)
        self.assertTrue(0.99 <= figures["seconds"] < 20, figures)
        self.assertGreater(figures["sent"], 100)
        self.check(figures, figures["sent"])

    def test_several_threads(self):
        self.check(self.bench("pairs", "--publishers", "4", "--messages", "200", "-q", "2",
                              "--threads", "2"), 800)

    def test_paced(self):
        for qos in "012":
            figures = self.bench("pairs", "--publishers", "10", "--rate", "1000", "--seconds", "1",
                                 "-q", qos)
            self.assertGreater(figures["sent"], 100)
            self.assertLess(figures["sent"], 1000 * figures["seconds"] + 150, figures)
            self.check(figures, figures["sent"])

    def test_shared(self):
        figures = self.bench("shared", "--publishers", "3", "--subscribers", "4", "--messages",
                             "100", "-q", "1")
        self.check(figures, 300, allowed={"reordered"})  # each member has an order of its own

    def test_wildcards(self):
        figures = self.bench("wildcards", "--publishers", "5", "--count", "200", "--messages", "80",
                             "--pid", self.server.process.pid)
        self.assertEqual(figures["filters"], 200)
        self.assertIn("heap_bytes_per_filter", figures)
        self.check(figures, 400)
        figures = self.bench("wildcards", "--publishers", "5", "--count", "50", "--messages", "20",
                             "--filter-shape", "%p/+/deep/%n/#")
        self.check(figures, 100)

    def test_connect_from_many_addresses(self):
        figures = self.bench("connect", "--count", "40", "--sources", "4", "--concurrency", "7",
                             "--idle-seconds", "0.2", "--pid", self.server.process.pid)
        self.assertEqual((figures["connections"], figures["lost_links"]), (40, 0))
        self.assertGreater(figures["connects_per_s"], 0)
        self.assertIn("rss_bytes_per_connection", figures)
        self.server.stop()
        for last in (2, 3, 4, 5):
            connects = [line for line in self.server.log().splitlines()
                        if f"address=127.0.0.{last}:" in line and " connected " in line]
            self.assertEqual(len(connects), 10, last)

    def test_connect_counts_who_is_refused(self):
        port = self.roost({"small": {"max_connections": 5}}).port
        figures = self.bench("connect", "--count", "12", port=port, code=1)
        self.assertGreaterEqual(figures["lost_links"], 7)

    def test_retained(self):
        figures = self.bench("retained", "--count", "300", "--seconds", "0.5", "--keep")
        self.assertEqual((figures["topics"], figures["least"], figures["lost"]), (300, 300, 0))
        self.assertEqual(figures["delivered"], 300 * figures["rounds"])
        self.assertGreater(figures["rounds"], 0)
        kept = self.command("mosquitto_sub", "-p", self.port, "-t", "bench/#", "-C", "300", "-W",
                            "10", "-F", "%r %t").stdout.splitlines()
        self.assertEqual(len(set(kept)), 300)
        self.assertTrue(all(line.startswith("1 bench/retained/") for line in kept), kept[:3])

    def test_retained_topics_are_cleared(self):
        self.bench("retained", "--count", "50", "--seconds", "0.2", "--filter", "bench/#")
        self.publish(self.port, "bench/other", "x", "-r", "-q", "1")
        sub = self.subscriber("-p", self.port, "-t", "bench/#", "-F", "%t")
        self.assertEqual(sub.message(), "bench/other")
        self.publish(self.port, "bench/end", "x", "-q", "1")
        self.assertEqual(sub.message(), "bench/end")

    def test_offline(self):
        for qos in "12":
            figures = self.bench("offline", "--publishers", "4", "--count", "50", "-q", qos)
            self.assertEqual((figures["sessions"], figures["messages"]), (4, 50))
            self.assertEqual(figures["delivered"], 200)
            self.assertGreater(min(figures["filled_per_s"], figures["drained_per_s"]), 0)
            self.check_clean(figures)

    def test_offline_counts_what_the_queue_did_not_take(self):
        port = self.roost(mqtt={"max_queued_messages": 10}).port
        figures = self.bench("offline", "--publishers", "2", "--count", "50", port=port, code=1,
                             patience=3)
        self.assertEqual(figures["lost"] + figures["delivered"], 100)
        self.assertGreater(figures["lost"], 0)


class Verify(Bench):
    SMALL = ("--publishers", "1", "--subscribers", "1", "--messages", "50")

    def test_everything_comes(self):
        for qos in "012":
            figures = self.bench("verify", "--publishers", "3", "--subscribers", "4",
                                 "--messages", "200", "-q", qos)
            self.check(figures, 600, receivers=4)

    def test_across_reconnects(self):
        for qos in "12":
            figures = self.bench("verify", "--publishers", "4", "--subscribers", "4", "--rate",
                                 "2000", "--seconds", "2", "-q", qos, "--reconnect-every", "20",
                                 "--seed", "7")
            self.assertGreater(figures["cuts"], 20)
            for name in ("lost", "reordered", "foreign", "sessions_gone"):
                self.assertEqual(figures[name], 0, (qos, name, figures))
            if qos == "2":
                self.check(figures, figures["sent"], receivers=4)

    def altered(self, qos, alter, code):
        proxy = AlteringProxy(self.port, 20, alter)
        self.addCleanup(proxy.close)
        figures = self.bench("verify", *self.SMALL, "-q", qos, port=proxy.port, code=code,
                             patience=3)
        self.assertEqual(figures["sent"], 50)
        return {name: figures[name] for name in ("lost", "duplicated", "reordered")}

    def test_tells_what_was_lost(self):
        self.assertEqual(self.altered("1", altering_proxy.lose, 1),
                         {"lost": 1, "duplicated": 0, "reordered": 0})
        self.assertEqual(self.altered("0", altering_proxy.lose, 0)["lost"], 1)

    def test_tells_what_came_twice(self):
        self.assertEqual(self.altered("0", altering_proxy.send_twice, 0),
                         {"lost": 0, "duplicated": 1, "reordered": 0})
        self.assertEqual(self.altered("2", altering_proxy.send_twice_as_another, 1),
                         {"lost": 0, "duplicated": 1, "reordered": 0})

    def test_tells_what_came_late(self):
        self.assertEqual(self.altered("0", None, 1), {"lost": 0, "duplicated": 0, "reordered": 1})

    def running(self, *options):
        """A run that goes on until SIGINT, publishing already."""
        run = self.tool(self.broker_path, "bench", "verify", "--publishers", "4", "--subscribers",
                        "2", "--rate", "400", "--seconds", "60", "--drain", "5", "-q", "mix",
                        "--topics", "3", "--json", *options)
        run.wait_for(r"measuring +sent +[1-9]")
        return run

    def ended(self, run, code):
        run.process.send_signal(signal.SIGINT)
        figures = json.loads(run.wait_for("^{"))
        ended = run.finish()
        self.assertIn(ended, (0, 1) if code is None else (code,), figures)
        return figures

    def test_a_signal_ends_it_and_all_is_accounted_for(self):
        figures = self.ended(self.running("-p", self.port), 0)
        self.assertLess(figures["seconds"], 30)
        self.check(figures, figures["sent"], receivers=2)
        self.assertEqual(figures["acknowledged"], figures["sent"])
        self.assertEqual(figures["marks"], 0)

    def test_a_broker_that_comes_back_with_its_data_loses_nothing(self):
        run = self.running("-p", self.port)
        self.server.kill()
        run.process.send_signal(signal.SIGUSR1)
        self.server.start()
        run.wait_for(r"delivered +[1-9].* ready 6")
        figures = self.ended(run, 0)
        for name in ("lost", "repeats_qos2", "reordered", "foreign", "sessions_gone"):
            self.assertEqual(figures[name], 0, (name, figures))
        self.assertEqual(figures["acknowledged"], figures["sent"])
        self.assertGreaterEqual(figures["lost_links"], 6)
        self.assertEqual((figures["marks"], figures["recovery_missing"]), (1, 0))
        self.assertGreater(figures["recovery_ms_max"], 0)
        self.assertGreaterEqual(figures["ack_pause_ms"], 1)

    def test_a_broker_that_dies_loses(self):
        """With its disk: all sessions, and that is told."""
        run = self.running("-p", self.port)
        self.server.kill()
        shutil.rmtree(os.path.join(self.server.folder, "data"))
        self.server.start()
        run.wait_for(r"delivered +[1-9].* ready 6")
        figures = self.ended(run, None)
        self.assertEqual(figures["sessions_gone"], 6)
        self.assertIn("was not resumed", figures["examples"])

    def test_a_connection_that_is_lost_comes_back_through_another_address(self):
        other = self.roost()
        run = self.running("--url", f"mqtt://127.0.0.1:{self.free_port()}",
                           "--url", f"mqtt://127.0.0.1:{other.port}")
        figures = self.ended(run, 0)
        self.check(figures, figures["sent"], receivers=2)

    def test_a_broker_that_is_silent_is_left(self):
        run = self.running("-p", self.port, "--silence", "0.5")
        self.server.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.server.process.send_signal, signal.SIGCONT)
        run.wait_for(r"measuring .* ready 0$")
        self.server.process.send_signal(signal.SIGCONT)
        run.wait_for(r"delivered +[1-9].* ready 6")
        figures = self.ended(run, 0)
        self.assertIn(figures["trouble"], ("silent", "no CONNACK"))
        self.assertGreater(figures["ack_pause_ms"], 400)

    def test_leaves_no_session_behind(self):
        self.ended(self.running("-p", self.port), 0)
        status = self.roost_command("status", "--json", "--data-dir",
                                    os.path.join(self.server.folder, "data"))
        self.assertEqual(json.loads(status.stdout)["sessions"]["durable"], 0)

    def test_nobody_there(self):
        done = self.roost_command("bench", "verify", "-p", self.free_port(), "--seconds", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("roost bench: ", done.stderr)


class Output(Bench):
    PROGRESS = r"(?m)^ *\d+ s  measuring +sent +\d+/s  delivered +\d+/s  ready 6$"
    LOAD = ("fan-in", "--publishers", "5", "--seconds", "1.5", "--warmup", "0", "--rate", "200")

    def run_it(self, *options):
        done = self.roost_command("bench", *self.LOAD, "-p", self.port, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_progress_on_stderr_table_on_stdout(self):
        done = self.run_it()
        self.assertRegex(done.stderr, self.PROGRESS)
        for line in (r"mode +fan-in", r"publishers +5", r"measured +\d+\.\d\d s", r"lost +0",
                     r"delivered per second +\d+", r"latency p99 +[\d ]+ us"):
            self.assertRegex(done.stdout, rf"(?m)^  {line}$")
        self.assertNotIn("measuring", done.stdout)

    def test_json_is_one_object(self):
        done = self.run_it("--json")
        self.assertRegex(done.stderr, self.PROGRESS)
        figures = json.loads(done.stdout)
        self.assertEqual(done.stdout.count("\n"), 1)
        self.assertEqual(self.run_it("--quiet").stderr, "")
        seconds, delivered = figures["seconds"], figures["delivered"]
        self.assertAlmostEqual(figures["delivered_per_s"] * seconds, delivered,
                               delta=0.02 * delivered + 2)
        self.assertAlmostEqual(figures["sent_per_s"] * seconds, figures["sent"],
                               delta=0.02 * figures["sent"] + 2)
        self.assertLessEqual(delivered, figures["delivered_all"])
        self.assertLessEqual(figures["latency_p50_us"], figures["latency_p99_us"])
        self.assertLessEqual(figures["latency_p99_us"], figures["latency_max_us"])
        self.check(figures, figures["sent"])

    def test_wrong_usage(self):
        for options in (["nothing"], ["pairs", "-q", "3"], ["fan-in", "--subscribers", "2"],
                        ["pairs", "--publishers", "2", "--subscribers", "3"], []):
            done = self.roost_command("bench", *options, "-p", self.port)
            self.assertEqual(done.returncode, 2, (options, done.stdout))
            self.assertNotEqual(done.stderr, "")


class AgainstMosquittoSub(Bench):
    def seen(self, mode, qos, *options):
        """(the figures, lines that mosquitto_sub has printed of the same messages)."""
        sub = self.subscriber("-p", self.port, "-t", "bench/#", "-t", "end", "-q", qos, "-F", "%t")
        figures = self.bench(mode, "-q", qos, *options)
        topics = [sub.message() for _ in range(figures["sent"])]
        self.publish(self.port, "end", "x", "-q", "1")
        self.assertEqual(sub.message(), "end", "mosquitto_sub got more than was sent")
        self.assertTrue(all(topic.startswith(f"bench/{mode}/") for topic in topics))
        sub.stop()
        return figures, topics

    def test_pairs(self):
        for qos in "012":
            figures, topics = self.seen("pairs", qos, "--publishers", "4", "--rate", "800",
                                        "--seconds", "1")
            self.assertEqual(figures["delivered_all"], len(topics))
            each = [topics.count(topic) for topic in set(topics)]
            self.assertEqual(len(each), 4)
            self.assertLessEqual(max(each) - min(each), 1)

    def test_fan_in_and_out(self):
        figures, topics = self.seen("fan-in", "1", "--publishers", "5", "--messages", "60")
        self.assertEqual(figures["delivered_all"], len(topics))
        figures, topics = self.seen("fan-out", "1", "--subscribers", "6", "--messages", "60")
        self.assertEqual(figures["delivered_all"], 6 * len(topics))


class Window(Bench):
    def test_is_ten_seconds_by_default(self):
        figures = self.bench("pairs", "--publishers", "2", "--rate", "100", "-q", "1",
                             "--pid", self.server.process.pid)
        self.assertTrue(9.9 <= figures["seconds"] < 30, figures)
        self.assertTrue(100 < figures["delivered"] < 100 * figures["seconds"] + 100, figures)
        self.assertGreater(figures["broker_cpu_us_per_delivery"], 0)
        self.assertNotIn("broker_cpu_note", figures)


class AgainstTheKernel(Bench):
    at_once = 1

    def test_cpu_per_delivery(self):
        before = self.server.cpu_seconds()
        figures = self.bench("pairs", "--publishers", "10", "--seconds", "3", "-q", "1",
                             "--pid", self.server.process.pid)
        used = self.server.cpu_seconds() - before
        told = figures["broker_cpu_us_per_delivery"] * figures["delivered"] / 1e6
        self.assertGreater(used, 0.3)
        tolerance = 0.1 * used + 0.05  # connecting and draining are outside of the window
        self.assertAlmostEqual(told, used, delta=tolerance)
        self.assertAlmostEqual(figures["broker_cpu_s_by_ticks"], used, delta=tolerance)
        self.assertAlmostEqual(figures["broker_cpu_percent"] * figures["seconds"] / 100, told,
                               delta=0.02 * told)
        self.assertAlmostEqual(figures["broker_rss_mb"] * 1e6, self.server.resident_bytes(),
                               delta=4e6)

    def test_a_short_window_is_said(self):
        figures = self.bench("pairs", "--publishers", "1", "--rate", "50", "--seconds", "0.5",
                             "--pid", self.server.process.pid)
        self.assertIn("less than 10 s", figures["broker_cpu_note"])

    def test_no_figure_without_a_process(self):
        figures = self.bench("pairs", "--publishers", "1", "--messages", "10")
        self.assertNotIn("broker_cpu_us_per_delivery", figures)
