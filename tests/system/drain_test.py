# SPDX-License-Identifier: Apache-2.0
"""`roost drain`, and `roost cluster` of a node alone."""

from support.admin import NO_NODE, NOT_OK, AdminCase


class Drain(AdminCase):
    def test_ends_the_node_and_waits_for_it(self):
        server = self.broker()
        client = self.client(server.port, "here", v=5)
        self.assertEqual(self.run_ok("drain", "--data-dir", self.data_dir(server)), "Ended.\n")
        client.expect("DISCONNECT", code=0x8B)
        self.assertEqual(server.process.wait(5), 0)
        server.start()
        self.status(server)

    def test_without_a_node(self):
        server = self.broker()
        server.stop()
        said = self.refused(NO_NODE, "drain", "--data-dir", self.data_dir(server))
        self.assertIn("no node answers", said)

    def test_waits_no_longer_than_it_is_told(self):
        server = self.broker()
        self.session(server.port, "here")
        said = self.refused(NOT_OK, "drain", "--wait", "0", "--data-dir", self.data_dir(server))
        self.assertIn("not ended within 0 s; it goes on", said)
        self.assertEqual(server.process.wait(20), 0)


class Alone(AdminCase):
    def test_a_node_alone_has_no_cluster(self):
        server = self.broker()
        for words in (["status"], ["remove", "b"], ["move-leaders", "b"],
                      ["force-leader", "0", "b", "--yes"]):
            said = self.refused(NOT_OK, "cluster", *words, "--data-dir", self.data_dir(server))
            self.assertIn("this node is alone: its configuration has no cluster.name", said)
