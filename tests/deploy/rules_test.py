# SPDX-License-Identifier: Apache-2.0
"""deploy/prometheus/roost-rules.yaml by promtool, deploy/runbooks against it and against `roost`."""

import json
import os
import re
import shutil
import subprocess
import tempfile

from prometheus_support import HERE, NAME, ROOT, RULES, NodesCase, ToolsCase, alerts, read_yaml

CASES = sorted((HERE / "rules").glob("*.yaml"))
RUNBOOKS = ROOT / "deploy" / "runbooks"
PAGES_AT = "https://github.com/roost-mqtt/roost/blob/main/deploy/runbooks/"


class Rules(ToolsCase):
    def setUp(self):
        self.needs_tools("promtool", "node")
        self.folder = tempfile.mkdtemp(prefix="roost-rules-")
        self.addCleanup(shutil.rmtree, self.folder)

    def promtool(self, cases, rules):
        """`promtool test rules` on cases and rules as text; its CompletedProcess."""
        for name, text in (("cases.yaml", cases), (RULES.name, rules)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
                out.write(text)
        return subprocess.run(["promtool", "test", "rules", "cases.yaml"], cwd=self.folder,
                              capture_output=True, text=True, check=False)

    def test_promtool_reads_them(self):
        done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"{len(alerts())} rules found", done.stdout)

    def test_each_fires_when_it_should_and_only_then(self):
        for cases in CASES:
            done = self.promtool(cases.read_text(encoding="utf-8"),
                                 RULES.read_text(encoding="utf-8"))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_rule_that_never_fires_is_found(self):
        text = RULES.read_text(encoding="utf-8")
        for cases in map(read_yaml, CASES):
            for case in cases["tests"]:
                name = case["name"].split(":")[0]
                dead = re.sub(rf"(alert: {name}\n +expr: )(?:>-\n(?: {{12}}.*\n)+|.*\n)",
                              r"\1vector(0) > 1\n", text)
                self.assertNotEqual(dead, text, name)
                done = self.promtool(json.dumps({**cases, "tests": [case]}), dead)
                self.assertNotEqual(done.returncode, 0, f"{name} was dead and nothing failed")
                self.assertIn(name, done.stdout + done.stderr)

    def test_each_has_a_case_with_a_neighbour_that_is_well(self):
        found = {}
        for cases in CASES:
            for case in read_yaml(cases)["tests"]:
                found[case["name"].split(":")[0]] = case
        self.assertEqual(set(found), set(alerts()))
        for name, rule in alerts().items():
            with self.subTest(name):
                before, after = found[name]["promql_expr_test"]
                self.assertEqual(before["exp_samples"], [])
                fired = [s["labels"] for s in after["exp_samples"] if f'"{name}"' in s["labels"]]
                self.assertTrue(fired)
                self.assertFalse([labels for labels in fired if 'namespace="b"' in labels])
                well = " ".join(series["series"] for series in found[name]["input_series"]
                                if 'namespace="b"' in series["series"])
                self.assertEqual(set(NAME.findall(rule["expr"])) - set(NAME.findall(well)), set())

    def test_form(self):
        for group in read_yaml(RULES)["groups"]:
            self.assertEqual(set(group), {"name", "rules"})
        for name, rule in alerts().items():
            with self.subTest(name):
                self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
                self.assertRegex(rule["for"], r"^\d+[smh]$")
                self.assertNotRegex(rule["expr"], r"\|\s", "a fold's blank is part of the regex")
                notes = rule["annotations"]
                self.assertEqual(set(notes), {"summary", "description", "runbook_url"})
                self.assertRegex(notes["summary"], r"\$labels\.(instance|job)")
                self.assertEqual(notes["runbook_url"], f"{PAGES_AT}{name}.md")
                if re.search(r"\bby \(", rule["expr"]):
                    self.assertEqual(re.findall(r"\bby \((?!job, namespace)", rule["expr"]), [])


class RulesOnANode(NodesCase):
    def test_every_metric_is_there(self):
        there = self.names(self.cluster(1).nodes[0])
        used = {name for rule in alerts().values() for name in NAME.findall(rule["expr"])}
        self.assertGreater(len(used), 40)
        self.assertEqual(used - there, set())
        said = {name for page in RUNBOOKS.glob("*.md")
                for name in re.findall(r"\broost_[a-z_]+\b", page.read_text(encoding="utf-8"))}
        self.assertEqual(said - there, set())


class Runbooks(NodesCase):
    def setUp(self):
        super().setUp()
        self.pages = {page.stem: page.read_text(encoding="utf-8")
                      for page in RUNBOOKS.glob("Roost*.md")}

    def test_every_alert_has_its_page_and_every_page_its_alert(self):
        self.assertEqual(set(self.pages), set(alerts()))
        listed = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \|",
                            (RUNBOOKS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(listed, [(name, name, rule["labels"]["severity"])
                                  for name, rule in alerts().items()])

    def test_form(self):
        for name, text in self.pages.items():
            rule = alerts()[name]
            self.assertLess(text.count("\n"), 60, name)
            self.assertTrue(text.startswith(f"# {name}\n\nSeverity: {rule['labels']['severity']}. "
                                            f"It must hold for {rule['for']}.\n"), name)
            self.assertEqual(re.findall(r"^## (.*)", text, re.MULTILINE),
                             ["What it means", "Who is hurt", "Look", "Do", "It is over when"], name)
            for other in re.findall(r"\bRoost[A-Z]\w+", text):
                self.assertIn(other, self.pages, name)

    def test_every_command_is_one(self):
        """Words up to the first that is an argument, and the options."""
        commands = set()
        for text in self.pages.values():
            commands.update(re.findall(r"^    (roost .*?)(?:  |$)", text, re.MULTILINE))
            commands.update(re.findall(r"`(roost [^`]*)`", text))
        self.assertGreater(len(commands), 30)
        helps = {}
        for command in sorted(commands):
            with self.subTest(command):
                verb = tuple(re.match(r"roost ((?:cluster )?[a-z-]+)", command)[1].split())
                if verb not in helps:
                    done = self.roost_command(*verb, "--help")
                    self.assertEqual(done.returncode, 0, done.stderr)
                    helps[verb] = done.stdout
                for option in re.findall(r"(--[a-z-]+)", command):
                    self.assertIn(option, helps[verb])

    def test_what_they_list_is_known(self):
        """Orders of `roost top` and `--sort`, and settings, as this version has them."""
        words = " ".join(self.pages.values())
        for pattern, helping in ((r"roost top (\w+)", ("completion", "bash")),
                                 (r"--sort (\w+)", ("sessions", "--help"))):
            orders = set(re.findall(pattern, words))
            self.assertTrue(orders)
            for order in orders:
                self.assertRegex(self.roost_command(*helping).stdout, rf"\b{order}\b")
        settings = set(re.findall(r"^\| `([^`]+)`", (ROOT / "deploy/docs/settings.md").read_text(
            encoding="utf-8"), re.MULTILINE))
        groups = {name.split(".")[0] for name in settings}
        for name in set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", words)):
            if name.split(".")[0] in groups:
                self.assertTrue(any(known == name or known.startswith(name + ".") or
                                    known.endswith("." + name) for known in settings), name)
