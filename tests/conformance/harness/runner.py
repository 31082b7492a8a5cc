# SPDX-License-Identifier: Apache-2.0
"""Runs cases side by side and says what happened."""

import concurrent.futures
import os
import re
import time
import traceback

from harness.case import Context, Skip
from harness.client import Failure
from harness.properties import WireError


class Outcome:
    def __init__(self, name, verdict, text="", seconds=0.0):
        self.name = name
        self.verdict = verdict
        self.text = text
        self.seconds = seconds


def run_case(the_case, broker):
    started = time.monotonic()
    context = Context(the_case, broker)
    verdict, text = "passed", ""
    try:
        the_case.body(context)
    except Skip as reason:
        verdict, text = "skipped", str(reason)
    except (Failure, WireError) as error:
        verdict, text = "failed", f"{error}\n" + _transcript(context)
    except Exception:
        verdict, text = "failed", traceback.format_exc() + _transcript(context)
    finally:
        context.close()
    return Outcome(the_case.name, verdict, text, time.monotonic() - started)


def _transcript(context):
    lines = context.transcript
    shown = lines if len(lines) <= 60 else lines[:20] + ["..."] + lines[-40:]
    return "".join(f"    {line}\n" for line in shown)


def _why(text):
    """What was raised last, short: it stands behind the name, where only that line is kept."""
    is_raised = re.compile(r"[\w.]*(Error|Failure|Expired)\b").match
    raised = [line for line in text.splitlines() if is_raised(line)]
    return f": {raised[-1][:300]}" if raised else ""


def report(outcome, clauses=()):
    if outcome.verdict == "failed":
        cited = f"  [{', '.join(f'MQTT-{c}' for c in clauses)}]" if clauses else ""
        print(f"FAILED {outcome.name}{cited}{_why(outcome.text)}\n  {outcome.text}", flush=True)
    elif outcome.verdict == "skipped":
        print(f"SKIPPED {outcome.name}: {outcome.text}", flush=True)


def close_with(outcomes):
    """The closing line; the exit code. In CI what was skipped has failed."""
    count = {v: sum(o.verdict == v for o in outcomes) for v in ("passed", "failed", "skipped")}
    line = f"{count['passed']} passed, {count['failed']} failed"
    if count["skipped"]:
        line += f", {count['skipped']} skipped"
    print(line, flush=True)
    skips_fail = os.environ.get("CI") == "true" and count["skipped"]
    return 1 if count["failed"] or skips_fail or not outcomes else 0


def run_all(cases, broker_for, jobs):
    """Runs them on `jobs` threads, those that wait longest first."""
    ordered = sorted(cases, key=lambda c: -c.slow)
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(run_case, c, broker_for(c)): c for c in ordered}
        for done in concurrent.futures.as_completed(waiting):
            outcome = done.result()
            report(outcome, waiting[done].clauses)
            outcomes.append(outcome)
    return outcomes
