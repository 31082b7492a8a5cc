# SPDX-License-Identifier: Apache-2.0
"""What the ledger finds: it judges the crash tests, so it is tried on histories made by hand."""

import unittest
from types import SimpleNamespace

from support import ledger
from support.publisher import Sent
from support.subscriber import Receipt, Wish


class Ledger(unittest.TestCase):
    """Publisher `p` sends number n at 10 * n + 10 and hears of it at 10 * n + 15."""

    def setUp(self):
        self.receipts = []
        self.wish = Wish("load/#")
        self.wish.off, self.wish.on = [[0, 1]], [[2, None]]
        self.publish(4, qos=2)

    def publish(self, count, qos):
        self.publisher = SimpleNamespace(client_id="p", qos=qos, sent=[])
        for number in range(count):
            sent = Sent(number, f"load/{number}")
            sent.sent_at, sent.acked_at, sent.times = 10 * number + 10, 10 * number + 15, 1
            self.publisher.sent.append(sent)

    def receive(self, *numbers, qos=2, dup=0, publisher="p", at=100):
        for number in numbers:
            payload = f"{publisher}|{number}|load/{number}|...".encode()
            packet = SimpleNamespace(payload=payload, qos=qos, dup=dup)
            self.receipts.append(Receipt(packet, at, 1))

    def found(self):
        subscriber = SimpleNamespace(client_id="s", wishes=[self.wish], receipts=self.receipts)
        return " ".join(ledger.faults([subscriber], [self.publisher]))

    def test_all_of_it_once_and_in_order(self):
        self.receive(0, 1, 2, 3)
        self.assertEqual(self.found(), "")

    def test_lost(self):
        self.receive(0, 1, 3)
        self.assertRegex(self.found(), r"1 acknowledged and lost: \[\('p', 2\)\]")

    def test_what_was_never_acknowledged_may_be_missing(self):
        self.publisher.sent[2].acked_at = None
        self.receive(0, 1, 3)
        self.assertEqual(self.found(), "")

    def test_twice_at_qos_2(self):
        self.receive(0, 1)
        self.receive(1, dup=1)
        self.receive(2, 3)
        self.assertRegex(self.found(), r"1 twice at QoS 2: \[\('p', 1\)\]")

    def test_twice_at_qos_1_with_and_without_dup(self):
        self.publish(4, qos=1)
        self.receive(0, 1, qos=1)
        self.receive(0, 1, qos=1, dup=1)
        self.receive(2, 3, qos=1)
        self.assertEqual(self.found(), "")
        self.receive(3, qos=1)
        self.assertIn("1 twice at QoS 1 without DUP", self.found())
        self.publisher.sent[3].times = 2
        self.assertEqual(self.found(), "")

    def test_a_copy_of_qos_2_at_qos_1_needs_dup(self):
        """The publisher repeats under QoS 2: the broker knows, so there is one."""
        self.publisher.sent[0].times = 2
        self.receive(0, 0, 1, 2, 3, qos=1)
        self.assertIn("1 twice at QoS 1 without DUP", self.found())

    def test_out_of_order(self):
        self.receive(0, 2, 1, 3)
        self.assertIn("1 out of order: [(('p', 1), 'after', 2)]", self.found())

    def test_published_again_for_a_filter_that_came_later(self):
        self.wish.on = [[28, None]]
        self.wish.off = [[0, 5]]
        self.publisher.sent[1].times = 2
        self.receive(0, 2, 1, 3)
        self.assertEqual(self.found(), "")
        self.wish.on = [[2, None]]  # sure when it was sent first
        self.assertIn("1 out of order", self.found())
        self.wish.on, self.publisher.sent[1].times = [[28, None]], 1
        self.assertIn("1 out of order", self.found())

    def test_from_nowhere(self):
        self.receive(0, 1, 2, 3, 4)
        self.receive(0, publisher="q")
        self.assertIn("2 that nobody published", self.found())

    def test_after_unsuback(self):
        self.wish.on, self.wish.off = [[2, 3]], [[0, 1], [25, 50]]
        self.receive(2, at=45)
        self.assertRegex(self.found(), r"1 after UNSUBACK: \[\('p', 2\)\]")
        self.wish.off = [[0, 1], [35, 50]]  # it may have been sent before
        self.assertEqual(self.found(), "")

    def test_owed_only_while_the_filter_was_sure(self):
        self.wish.on, self.wish.off = [[17, 36]], [[0, 1]]
        self.assertRegex(self.found(), r"2 acknowledged and lost: \[\('p', 1\), \('p', 2\)\]")

    def test_refused_and_there(self):
        self.publisher.sent[3].acked_at, self.publisher.sent[3].refused_at = None, 45
        self.receive(0, 1, 2, 3)
        self.assertIn("1 that had been refused", self.found())

    def test_filters(self):
        for topic_filter, topic, fits in (
                ("a/#", "a", True), ("a/#", "a/b/c", True), ("a/+", "a/b", True),
                ("a/+", "a/b/c", False), ("a/+", "a", False), ("a/b", "a/b", True),
                ("a/b", "a/c", False), ("+/b/#", "x/b", True), ("#", "x", True)):
            self.assertEqual(ledger.matches(topic_filter, topic), fits, (topic_filter, topic))
