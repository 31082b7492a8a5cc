# SPDX-License-Identifier: Apache-2.0
"""Every numbered statement of the two specifications, and why some have no case."""

import itertools


def _ids(text):
    """"3.1.2:1-24 3.2.0:1" as single clause ids."""
    for part in text.split():
        section, numbers = part.split(":")
        for piece in numbers.split(","):
            first, _, last = piece.partition("-")
            for number in range(int(first), int(last or first) + 1):
                yield f"{section}-{number}"


ALL_311 = list(_ids(
    "1.5.3:1-3 2.2.2:1-2 2.3.1:1-7 3.1.0:1-2 3.1.2:1-24 3.1.3:1-11 3.1.4:1-5 3.2.0:1 3.2.2:1-6 "
    "3.3.1:1-12 3.3.2:1-3 3.3.4:1 3.3.5:1-2 3.6.1:1 3.8.1:1 3.8.3:1-4 3.8.4:1-6 3.9.3:1-2 "
    "3.10.1:1 3.10.3:1-2 3.10.4:1-6 3.12.4:1 3.14.1:1 3.14.4:1-3 4.1.0:1-2 4.2.0:1 4.3.1:1 "
    "4.3.2:1-2 4.3.3:1-2 4.4.0:1 4.5.0:1-2 4.6.0:1-6 4.7.1:1-3 4.7.2:1 4.7.3:1-4 4.8.0:1-2 "
    "6.0.0:1-4"))

ALL_5 = list(_ids(
    "1.5.4:1-3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:2-6 2.2.2:1 3.1.0:1-2 3.1.2:1-30 3.1.3:1-12 "
    "3.1.4:1-6 3.2.0:1-2 3.2.2:1-22 3.3.1:1-13 3.3.2:1-20 3.3.4:1-10 3.4.2:1-3 3.5.2:1-3 "
    "3.6.1:1 3.6.2:1-3 3.7.2:1-3 3.8.1:1 3.8.3:1-5 3.8.4:1-8 3.9.2:1-2 3.9.3:1-2 3.10.1:1 "
    "3.10.2:1-2 3.10.4:1-6 3.11.2:1-2 3.11.3:1-2 3.12.4:1 3.14.0:1 3.14.1:1 3.14.2:1-4 "
    "3.14.4:1-3 3.15.1:1 3.15.2:1-3 4.1.0:1-2 4.2:1 4.3.1:1 4.3.2:1-5 4.3.3:1-13 4.4.0:1-2 "
    "4.5.0:1-2 4.6.0:1-6 4.7.0:1 4.7.1:1-2 4.7.2:1 4.7.3:1-4 4.8.2:1-6 4.9.0:1-3 4.12.0:1-7 "
    "4.12.1:1-2 4.13.1:1 4.13.2:1 6.0.0:1-4"))

CLIENT = "binds the client"
EVERY = "checked by the decoder on every packet that any case receives"
ELSEWHERE = "WebSocket: tests/system"
OURS_CAN = "we support it: no such refusal exists"
NO_METHOD = "needs an authentication method that the server offers"

EXCUSED_311 = {
    **dict.fromkeys(_ids("2.3.1:2-3 4.5.0:2 4.6.0:4 3.14.4:1-2 4.1.0:1"), CLIENT),
    **dict.fromkeys(_ids("3.9.3:2 3.2.2:6"), EVERY),
    **dict.fromkeys(_ids("6.0.0:1-4"), ELSEWHERE),
    "3.3.5-2": "needs authorisation rules: tests/system",
    "3.14.1-1": "one of the rows of frame/fixed_header_flags, under 2.2.2-2",
    "4.1.0-2": "the session chapter's cases, under 3.1.2-4 and 3.1.2-5",
    "4.8.0-2": "the server's own memory errors can't be caused from outside",
    "4.2.0-1": "every case runs over TCP",
}

EXCUSED_5 = {
    **dict.fromkeys(_ids("3.2.2:4-5,11,14 3.3.4:8 4.5.0:2 4.6.0:4 3.14.4:1 4.12.0:3"), CLIENT),
    **dict.fromkeys(_ids("3.11.2:1-2 3.14.2:2-4 3.5.2:2-3 3.6.2:2-3 3.7.2:2-3"), EVERY),
    **dict.fromkeys(_ids("3.2.2:9-10,12-13"), OURS_CAN),
    **dict.fromkeys(_ids("3.15.2:2-3 4.12.0:2,4-5 4.12.1:1"), NO_METHOD),
    **dict.fromkeys(_ids("6.0.0:1-4"), ELSEWHERE),
    "4.3.3-9": "needs a message that the server refuses: tests/system, once there are rules",
    "4.3.2-1": "which ids are free shows in session/sent_again_in_the_original_order",
    "4.3.3-1": "which ids are free shows in session/sent_again_in_the_original_order",
}


def _missing(cases, version, everything, excused):
    cited = set(itertools.chain(*(c.clauses for c in cases if (c.v == 5) == (version == 5))))
    unknown = sorted(cited - set(everything))
    uncited = [c for c in everything if c not in cited and c not in excused]
    return unknown, uncited, len(cited)


def check(cases):
    """Lines that name what is wrong: clauses without a case, cited ids that don't exist."""
    lines = []
    for version, everything, excused in ((4, ALL_311, EXCUSED_311), (5, ALL_5, EXCUSED_5)):
        unknown, uncited, _ = _missing(cases, version, everything, excused)
        name = "5.0" if version == 5 else "3.1.1"
        lines += [f"{name}: [MQTT-{c}] is cited and doesn't exist" for c in unknown]
        lines += [f"{name}: [MQTT-{c}] has no case and no excuse" for c in uncited]
    return lines


def print_coverage(cases):
    for version, everything, excused in ((4, ALL_311, EXCUSED_311), (5, ALL_5, EXCUSED_5)):
        cited = _missing(cases, version, everything, excused)[2]
        name = "5.0" if version == 5 else "3.1.1"
        print(f"{name}: {len(everything)} clauses, {cited} with cases")
        for clause in everything:
            if clause in excused:
                print(f"  [MQTT-{clause}] no case: {excused[clause]}")
    wrong = check(cases)
    print("\n".join(wrong) or "no clause is forgotten")
    return 1 if wrong else 0
