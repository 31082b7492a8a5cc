# SPDX-License-Identifier: Apache-2.0
"""deploy/grafana: what the generator writes, and every query of it. No Grafana draws them here."""

import json
import math
import os
import re
import subprocess
import tempfile
import time

from prometheus_support import HERE, ROOT, RULES, NodesCase, Prometheus, ToolsCase, alerts
from support.cluster_case import Load
from support.roost import until

GRAFANA = ROOT / "deploy" / "grafana"
UIDS = ["roost-clients", "roost-cluster", "roost-fleet", "roost-node"]
FIRES_ON_DEATH = ("RoostNodeDown", "RoostNodeMissing", "RoostReplicasBehind")


def dashboards():
    return [json.loads((GRAFANA / f"{uid}.json").read_text(encoding="utf-8")) for uid in UIDS]


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions():
    """(dashboard / panel, expression) of every target, with all variables at All."""
    for dashboard in dashboards():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield (f"{dashboard['title']} / {panel['title']} / {target['refId']}",
                       re.sub(r"\$(job|namespace|instance)\b", ".*",
                              target["expr"].replace("$__rate_interval", "10s")))


def read_expressions(texts):
    """Of each its metric names and what is wrong, by Prometheus' own grammar."""
    done = subprocess.run(["node", HERE / "promql_names.mjs"], input=json.dumps(texts), text=True,
                          capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


class Dashboards(ToolsCase):
    def setUp(self):
        self.needs_tools("node")

    def test_are_what_the_generator_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["node", GRAFANA / "generate.mjs", folder], capture_output=True,
                                  text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(sorted(os.listdir(folder)), [f"{uid}.json" for uid in UIDS])
            for uid in UIDS:
                made = open(os.path.join(folder, f"{uid}.json"), encoding="utf-8").read()
                self.assertEqual((GRAFANA / f"{uid}.json").read_text(encoding="utf-8"), made,
                                 "node deploy/grafana/generate.mjs")

    def test_every_expression_is_promql(self):
        found = list(expressions())
        self.assertGreater(len(found), 80)
        for (where, text), read in zip(found, read_expressions([text for _, text in found])):
            self.assertEqual((read["wrong"], bool(read["names"])), ([], True), f"{where}: {text}")
        self.assertNotEqual(read_expressions(["sum(rate(a[5m])"])[0]["wrong"], [], "finds faults")

    def test_form(self):
        titles = set()
        for dashboard in dashboards():
            self.assertEqual([v["name"] for v in dashboard["templating"]["list"]],
                             ["datasource", "job", "namespace", "instance"])
            self.assertIn("roost", dashboard["tags"])
            self.assertEqual([(link["type"], link["includeVars"]) for link in dashboard["links"]],
                             [("dashboards", True), ("link", False)])
            ids = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(ids), len(set(ids)))
            titles.add(dashboard["title"])
            for panel in panels(dashboard):
                where = f"{dashboard['title']} / {panel['title']}"
                self.assertTrue(panel["description"], where)
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], where)
                self.assertTrue(panel["fieldConfig"]["defaults"]["thresholds"]["steps"], where)
                self.assertNotEqual(panel["type"], "table", where)
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"]["uid"], "${datasource}", where)
                    for by in re.findall(r"rate\(.*?\[(.*?)\]", target["expr"]):
                        self.assertEqual(by, "$__rate_interval", where)
        self.assertEqual(len(titles), len(UIDS))

    def test_no_panel_lies_on_another(self):
        for dashboard in dashboards():
            taken = set()
            for panel in dashboard["panels"]:
                at = panel["gridPos"]
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                         for y in range(at["y"], at["y"] + at["h"])}
                self.assertFalse(cells & taken, panel["title"])
                self.assertLessEqual(at["x"] + at["w"], 24)
                taken |= cells

    def test_every_alert_has_a_panel_that_leads_to_its_page(self):
        linked = set()
        for dashboard in dashboards():
            for panel in panels(dashboard):
                for link in panel.get("links", []):
                    self.assertEqual(link["url"], alerts()[link["title"]]["annotations"]["runbook_url"])
                    linked.add(link["title"])
        self.assertEqual(set(alerts()) - linked, set())


class DashboardsOnANode(NodesCase):
    def test_every_metric_is_there(self):
        there = self.names(self.cluster(1).nodes[0]) | {"ALERTS"}
        used = {name for read in read_expressions([text for _, text in expressions()])
                for name in read["names"]}
        self.assertGreater(len(used), 60)
        self.assertEqual(used - there, set())


class UnderLoad(NodesCase):
    heavy = True  # three nodes under load and a Prometheus, over a minute

    def setUp(self):
        super().setUp()
        self.needs_tools("prometheus")
        self.nodes = self.cluster(3)
        hasty = self.folder + "/hasty.yaml"
        with open(hasty, "w", encoding="utf-8") as out:
            out.write(re.sub(r"(?m)^( +for: ).*$", r"\g<1>2s", RULES.read_text(encoding="utf-8")))
        self.prometheus = Prometheus(
            self, [f"{node.host}:{node.http_port}" for node in self.nodes.nodes], hasty)
        self.prometheus.wait_until_all_are_up(3)

    def check_query(self, where, text):
        now = time.time()
        answer = self.prometheus.ask("query_range", query=text, start=now - 20, end=now, step=5)
        self.assertTrue(answer["result"], f"{where}: no series: {text}")
        numbers = [float(value) for series in answer["result"] for _, value in series["values"]]
        self.assertFalse(all(map(math.isnan, numbers)), f"{where}: all NaN: {text}")
        self.assertLess(len(answer["result"]), 150, f"{where}: {text}")

    def check_variables(self):
        for variable in dashboards()[0]["templating"]["list"][1:]:
            series, label = re.match(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
            series = re.sub(r"\$\w+", ".*", series)
            found = self.prometheus.ask(f"label/{label}/values", **{"match[]": series})
            self.assertEqual(len(found), 3 if label == "instance" else 1, f"{label}: {found}")

    def firing(self, wanted):
        found = self.prometheus.firing()
        return found if set(FIRES_ON_DEATH) & set(found) == set(wanted) else None

    def test_every_query_has_numbers_and_an_alert_fires_when_a_node_is_killed(self):
        load = Load(self, self.nodes)
        load.go_on(25)
        for where, text in expressions():
            with self.subTest(where):
                self.check_query(where, text)
        self.check_variables()
        load.end()
        until(lambda: self.firing(()) is not None, "all is well", 30)

        dead = self.nodes["n2"]
        dead.kill()
        found = until(lambda: self.firing(FIRES_ON_DEATH), "what fires when a node dies", 60)
        self.assertEqual(found["RoostNodeDown"]["labels"]["instance"], f"{dead.host}:{dead.http_port}")
        for alert in found.values():
            for text in alert["annotations"].values():
                self.assertNotRegex(text, "<no value>|<error|{{")
        self.assertEqual(found["RoostNodeMissing"]["annotations"]["summary"],
                         "Nodes are missing in test/roost")

        dead.start()
        until(lambda: "RoostNodeDown" not in self.prometheus.firing(), "it is back", 60)
