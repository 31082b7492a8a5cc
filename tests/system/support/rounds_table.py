#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of bad days, of what ROOST_ROUNDS collected: python3 support/rounds_table.py FILE"""

import json
import statistics
import sys

COLUMNS = ("Day", "Rounds", "Acknowledged", "Lost", "QoS 2 repeated", "Out of order",
           "Sessions gone", "All again after, median / worst")


def row(day, rounds):
    def total(name):
        return sum(one[name] for one in rounds)

    marked = [one["recovery_ms_max"] for one in rounds if one["marks"]]
    again = f"{statistics.median(marked):,.0f} / {max(marked):,.0f} ms" if marked else "-"
    return (day, len(rounds), f"{total('acknowledged'):,}", total("lost"), total("repeats_qos2"),
            total("reordered"), total("sessions_gone"), again)


def main():
    days = {}
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            days.setdefault(one["day"], []).append(one)
    for cells in (COLUMNS, ("---",) + ("--:",) * (len(COLUMNS) - 1),
                  *(row(day, rounds) for day, rounds in days.items())):
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
