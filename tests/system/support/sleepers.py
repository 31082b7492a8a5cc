# SPDX-License-Identifier: Apache-2.0
"""Sessions whose clients sleep, by the hundred thousand: each connects, subscribes, goes."""

import socket

from harness import wire

ROUND = 400  # connections at a time


def sleeper_id(number):
    return f"device-{number:07}"


def own_topic(number):
    """What device `number` listens to."""
    return f"dev/{sleeper_id(number)}/set"


def read_packets(sock, count):
    """`count` whole packets of less than 128 bytes, as one text of bytes."""
    raw, at = b"", 0
    while count > 0:
        while len(raw) < at + 2 or len(raw) < at + 2 + raw[at + 1]:
            more = sock.recv(4096)
            if not more:
                raise AssertionError(f"closed after {raw.hex(' ')}")
            raw += more
        at += 2 + raw[at + 1]
        count -= 1
    return raw


def put_to_sleep(path, numbers, expiry_s, topic=own_topic, qos=1):
    """Sessions at the Unix socket `path`, each with one exact filter; all of them durable when this
    returns. `expiry_s` makes them sessions of version 5 that end one day."""
    numbers = list(numbers)
    for begin in range(0, len(numbers), ROUND):
        socks = []
        for number in numbers[begin:begin + ROUND]:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(60)
            sock.connect(path)
            sock.sendall(wire.connect(5, sleeper_id(number), clean=False,
                                      props={"session_expiry": expiry_s}) +
                         wire.subscribe(5, 1, [(topic(number), qos)]))
            socks.append(sock)
        for sock in socks:
            raw = read_packets(sock, 2)
            connack, suback = raw[:2 + raw[1]], raw[2 + raw[1]:]
            if connack[0] != 0x20 or connack[3] != 0 or suback[0] != 0x90 or suback[-1] != qos:
                raise AssertionError(raw.hex(" "))
            sock.sendall(wire.disconnect(5))
        for sock in socks:
            while sock.recv(4096):  # until it is closed: the session is detached
                pass
            sock.close()
