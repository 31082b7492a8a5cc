# SPDX-License-Identifier: Apache-2.0
"""kill -9 and SIGTERM: what was acknowledged is there afterwards."""

import os
import re

from harness import wire
from support.crash_rounds import WINDOW, CrashRounds
from support.durable import FULL, DurableCase, seed
from support.roost import until

ROUNDS = 200 if FULL else 25
DATA_DIRECTORY = 3


class Kill(DurableCase):
    def rounds(self, **config):
        server = self.broker(mqtt={"max_inflight": WINDOW}, **config)
        rounds = CrashRounds(self, server, seed())
        self.addCleanup(rounds.close)
        rounds.begin()
        return rounds

    def test_rounds_of_kill_9_under_load(self):
        rounds = self.rounds()
        for _ in range(ROUNDS):
            rounds.run_round()
        rounds.finish()
        received = sum(len(s.receipts) for s in rounds.subscribers)
        self.assertGreater(received, 50 * ROUNDS, rounds.figures())

    def test_sigterm_under_load_loses_and_replays_nothing(self):
        rounds = self.rounds()
        for _ in range(3):
            rounds.load(0.7)
            rounds.terminate()
            before = len(rounds.server.log())
            rounds.server.start()
            line = until(lambda at=before: re.search(
                r"replayed (\d+) records", rounds.server.log()[at:]), "replayed N records")
            self.assertEqual(line[1], "0", rounds.log_tail())
        rounds.finish()


class User(DurableCase):
    def lamp(self, port, *options):
        return ["mosquitto_sub", "-c", "-i", "lamp", "-q", "1", "-p", port, "-t", "home/lamp/set",
                *options]

    def test_ten_commands_wait_for_the_lamp(self):
        server = self.broker()
        sub = self.subscriber(*self.lamp(server.port)[1:])
        sub.stop()
        commands = [f"brightness {n}" for n in range(10)]
        for command in commands:
            self.publish(server.port, "home/lamp/set", command, "-q", "1")
        self.crash(server)
        done = self.command(*self.lamp(server.port, "-C", "10", "-W", "10"))
        self.assertEqual((done.returncode, done.stdout.splitlines()), (0, commands), done.stderr)

    def test_a_second_process_on_the_directory_is_told_who_has_it(self):
        first = self.broker()
        second = self.roost(start=False, data_dir=self.data_dir(first))
        second.start(wait=False)
        self.assertEqual(second.process.wait(15), DATA_DIRECTORY, second.log())
        self.assertRegex(second.log(), rf"\b{first.process.pid}\b")
        self.publish(first.port, "t", "still here", "-q", "1")
        self.assertTrue(os.path.isdir(self.data_dir(first)))

    def test_a_lock_left_behind_by_kill_9_is_no_lock(self):
        server = self.broker()
        for _ in range(3):
            self.crash(server)
        self.publish(server.port, "t", "x", "-q", "1")


class Replay(DurableCase):
    RECORDS = 60_000

    def test_much_of_it_is_not_repeated_at_the_next_start(self):
        server = self.broker()
        lines = "".join(f"{number}\n" for number in range(self.RECORDS))
        self.command("mosquitto_pub", "-p", server.port, "-t", "state", "-r", "-l", stdin=lines)
        self.publish(server.port, "state", "last", "-q", "1", "-r")  # behind them all
        self.assertGreater(self.crash_and_replay(server), self.RECORDS)
        until(lambda: self.metric("roost_checkpoints_total") >= 1, "a checkpoint")
        self.assertLess(self.crash_and_replay(server), 1000)
        self.assertEqual(self.retained(server, "state"), {"state": b"last"})

    def crash_and_replay(self, server):
        before = len(server.log())
        self.crash(server)
        return int(until(lambda: re.search(r"replayed (\d+) records", server.log()[before:]),
                         "replayed N records")[1])


class Sessions(DurableCase):
    """FIELD: `session present`, and then no message. Each way into the router is tried."""

    def test_a_restored_session_is_routed_to(self):
        server = self.broker()
        filters = ["exact/topic", "one/+/level", "many/#", "$share/group/shared/#"]
        topics = ["exact/topic", "one/x/level", "many/a/b", "shared/x"]
        for v in (4, 5):
            client = self.session(server.port, f"home{v}", v)
            for topic_filter in filters if v == 5 else filters[:3]:
                client.subscribe(topic_filter, 1)
        self.crash(server)
        back = {v: self.session(server.port, f"home{v}", v, present=1) for v in (4, 5)}
        pub = self.client(server.port, "pub")
        for number, topic in enumerate(topics):
            pub.publish(topic, str(number), 1)
            for v in (4, 5):
                if v == 5 or number < 3:
                    back[v].expect_message(topic, str(number), 1)

    def test_in_flight_keeps_packet_ids_dup_and_order(self):
        for qos, v in ((1, 4), (2, 4), (1, 5), (2, 5)):
            server = self.broker()
            sub = self.session(server.port, "sub", v)
            sub.subscribe("t", qos)
            pub = self.client(server.port, "pub")
            for number in range(5):
                pub.publish("t", str(number), qos)
            before = [sub.expect_publish("t", str(number), qos) for number in range(5)]
            self.crash(server)
            back = self.session(server.port, "sub", v, present=1)
            for packet in before:
                back.expect_message("t", packet.payload, qos, dup=1, packet_id=packet.packet_id)
            back.expect_nothing()

    def test_qos_2_is_finished_from_where_it_was(self):
        """Publisher's side: PUBLISH again gives no second message. Subscriber's: PUBREL again."""
        server = self.broker()
        sub = self.session(server.port, "sub")
        sub.subscribe("t", 2)
        pub = self.session(server.port, "pub")
        pub.send(wire.publish(4, "t", "once", 2, packet_id=7))
        pub.expect("PUBREC", packet_id=7)
        packet = sub.expect_publish("t", "once", 2)
        sub.send(wire.pubrec(4, packet.packet_id))
        sub.expect("PUBREL", packet_id=packet.packet_id)
        self.crash(server)
        pub = self.session(server.port, "pub", present=1)
        pub.send(wire.publish(4, "t", "once", 2, dup=1, packet_id=7))
        pub.expect("PUBREC", packet_id=7)
        pub.send(wire.pubrel(4, 7))
        pub.expect("PUBCOMP", packet_id=7)
        sub = self.session(server.port, "sub", present=1)
        sub.expect("PUBREL", packet_id=packet.packet_id)
        sub.send(wire.pubcomp(4, packet.packet_id))
        pub.publish("t", "next", 2)
        sub.expect_message("t", "next", 2)

    def test_what_ended_before_the_crash_stays_ended(self):
        """A session ended by clean start, a filter ended by UNSUBSCRIBE, a cleared value."""
        server = self.broker()
        self.offline(server.port, "gone", "t")
        self.client(server.port, "gone").disconnect()
        kept = self.session(server.port, "kept")
        kept.subscribe("t", 1)
        kept.subscribe("u", 1)
        kept.unsubscribe("t")
        pub = self.client(server.port, "pub")
        pub.publish("value", "old", 1, retain=1)
        pub.publish("value", "", 1, retain=1)
        self.crash(server)
        self.session(server.port, "gone", present=0)
        kept = self.session(server.port, "kept", present=1)
        pub = self.client(server.port, "pub")
        pub.publish("t", "unwanted", 1)
        pub.publish("u", "wanted", 1)
        kept.expect_message("u", "wanted", 1)
        self.assertEqual(self.retained(server, "value"), {})
