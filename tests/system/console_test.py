# SPDX-License-Identifier: Apache-2.0
"""The web console in a real Chromium, against three nodes under load. What the browser does is in
console/*.mjs; each scenario says a line of JSON. ROOST_SHOTS=FOLDER keeps pictures of the pages."""

import json
import os
import shutil
import unittest

from support.case import HERE, NODE_MODULES
from support.cluster_case import ClusterCase
from support.durable import FULL
from support.sleepers import put_to_sleep
from support.tokens import encode

TOKEN = encode(b"a token of the console's tests")
SECONDS = 600
QUEUE_MAX = 100


class Browser(ClusterCase):
    """Runs scenarios on the nodes that place() names."""

    at_once = 2

    def setUp(self):
        super().setUp()
        self.needs(shutil.which("chromium"), "chromium is not installed")
        self.needs((NODE_MODULES / "playwright-core").exists(),
                   "Playwright is not installed: npm ci in tests/system")
        self.tokens = os.path.join(self.folder, "tokens")
        with open(self.tokens, "w", encoding="ascii") as file:
            file.write(TOKEN + "\n")

    def place(self):
        raise NotImplementedError

    def browse(self, *scenarios, **env):
        """All must succeed; what each said besides."""
        done = self.command("node", HERE / "console" / "run.mjs", *scenarios, seconds=SECONDS,
                            env={"ROOST_CONSOLE": json.dumps(self.place()), **env})
        said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        self.assertEqual([one["scenario"] for one in said], list(scenarios), done.stdout + done.stderr)
        for one in said:
            with self.subTest(one["scenario"]):
                self.assertEqual(one.get("fault"), None, one.get("fault"))
        return {one["scenario"]: one.get("told") for one in said}


class Console(Browser):
    slow = True

    def setUp(self):
        super().setUp()
        remote = self.free_port()
        self.mosquitto("user root\n", remote)
        bridge = {"name": "cloud", "url": f"mqtt://127.0.0.1:{remote}", "topics": ["bridged/# out 1"]}
        hook = {"name": "away", "url": f"http://127.0.0.1:{self.free_port()}", "filters": ["hooked/#"]}
        self.nodes = self.cluster(config={"http": {"token_file": self.tokens}, "bridges": [bridge],
                                          "webhooks": [hook],
                                          "mqtt": {"max_queued_messages": QUEUE_MAX}},
                                  listeners={"main": {}, "web": {"protocol": "ws"}})
        self.load_up()

    def load_up(self):
        """Some traffic on each node, so that numbers move."""
        for node in self.nodes.nodes:
            self.tool(self.broker_path, "bench", "pairs", "-p", str(node.port), "--publishers", "3",
                      "--rate", "60", "--seconds", "3600", "-q", "1")

    def place(self):
        return {"token": TOKEN, "nodes": [
            {"name": node.name, "http": f"http://{node.host}:{node.http_port}",
             "mqtt": f"mqtt://{node.host}:{node.port}",
             "ws": f"ws://{node.host}:{node.ports['web']}/mqtt"} for node in self.nodes.nodes]}

    def test_shows_the_cluster(self):
        self.browse("asks_for_a_token", "overview", "nodes_and_shards", "drops",
                    "ways_out")

    def test_a_node_that_is_killed_is_an_alarm(self):
        self.browse("all_is_well")
        self.nodes["n3"].kill()
        self.browse("a_node_is_away")

    def test_clients_and_their_queues(self):
        self.browse("filters_clients_and_pages", "kicks_those_that_match_alone", "a_session_s_queue")

    def test_topics_trace_and_the_client_in_the_page(self):
        self.browse("topics_live", "deletes_retained", "traces", "publishes_and_subscribes")

    def test_for_everybody(self):
        told = self.browse("by_keyboard", "accessible", "on_a_phone", "small_and_without_faults")
        self.assertLess(told["small_and_without_faults"]["bytes"], 300_000)


class Alone(Browser):
    """A node alone, with a token unless it is said."""

    def node(self, **http):
        self.http_port = self.free_port()
        self.server = self.roost({"main": {}}, start=False,
                                 http={"address": "127.0.0.1", "port": self.http_port, **http})
        self.server.start()
        self.wait_until_ready(self.http_port)

    def place(self):
        return {"token": TOKEN, "nodes": [
            {"name": "alone", "http": f"http://127.0.0.1:{self.http_port}",
             "mqtt": f"mqtt://127.0.0.1:{self.server.port}"}]}

    def test_a_closed_api_says_how_to_open_it(self):
        self.node()
        self.browse("a_closed_api_says_how_to_open_it")

    def test_names_are_text_and_a_hidden_tab_rests(self):
        self.node(token_file=self.tokens)
        self.browse("names_are_text", "a_hidden_tab_asks_nothing", "guessing_is_held_off")

    def test_one_message_alone_is_purged_in_an_older_browser(self):
        self.node(token_file=self.tokens)
        self.browse("purges_one_in_an_older_browser")

    def test_topics_that_are_deep_or_not_all_there(self):
        self.node(token_file=self.tokens)
        self.browse("says_which_topics_are_missing", "deep_values_are_text")

    def test_who_goes_early_leaves_nothing_behind(self):
        self.node(token_file=self.tokens)
        self.browse("a_trace_that_is_over_leaves_its_place", "a_trace_ends_with_its_page",
                    "no_page_at_another_one_s_address", "no_client_without_a_page")

    def test_a_node_that_goes_and_comes_back(self):
        self.node(token_file=self.tokens)
        browser = self.tool("node", HERE / "console" / "run.mjs", "a_node_that_goes_and_comes_back",
                            env=dict(os.environ, ROOST_CONSOLE=json.dumps(self.place())))
        browser.wait_for("^stop$", SECONDS)
        self.server.stop()
        browser.wait_for("^start$", SECONDS)
        self.server.start()
        said = browser.wait_for("^{.*}$", SECONDS)
        self.assertEqual(json.loads(said).get("fault"), None)


class VeryMany(Browser):
    """Sessions of very many clients: 100 000 with ROOST_FULL=1 or where ROOST_SESSIONS says so. What
    it takes is printed then; tests/bench/console asks for that."""

    at_once = 1

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "socket")
        self.http_port = self.free_port()
        self.server = self.roost({"main": {}, "unix": {"unix": self.path}},
                                 http={"address": "127.0.0.1", "port": self.http_port,
                                       "token_file": self.tokens})
        self.wait_until_ready(self.http_port)

    def place(self):
        return {"token": TOKEN, "nodes": [
            {"name": "alone", "http": f"http://127.0.0.1:{self.http_port}",
             "mqtt": f"mqtt://127.0.0.1:{self.server.port}"}]}

    def cpu_s(self):
        with open(f"/proc/{self.server.process.pid}/stat", encoding="ascii") as file:
            parts = file.read().rsplit(") ", 1)[1].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, scenario):
        before = self.cpu_s()
        told = self.browse(scenario)[scenario]
        told["node_cpu_s"] = round(self.cpu_s() - before, 2)
        return told

    def test_a_page_of_very_many_is_a_page(self):
        wanted = os.environ.get("ROOST_SESSIONS")
        sessions = int(wanted or (100_000 if FULL else 10_000))
        put_to_sleep(self.path, range(sessions), 3600)
        told = self.browse("very_many", ROOST_SESSIONS=str(sessions))
        self.assertLessEqual(told["very_many"]["rows_in_page"], 51)
        if wanted:
            told["sessions"] = sessions
            for scenario in ("nobody_looks", "somebody_looks"):
                told[scenario] = self.measure(scenario)
            told |= self.browse("first_paint")
            print(json.dumps(told, indent=2), flush=True)


if __name__ == "__main__":
    unittest.main()
