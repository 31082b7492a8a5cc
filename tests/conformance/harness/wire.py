# SPDX-License-Identifier: Apache-2.0
"""Encodes what a client sends. Every part can be overridden to send what is forbidden."""

from harness.properties import binary, encode, varint

NAMES = {3: "MQIsdp", 4: "MQTT", 5: "MQTT"}


def packet(kind, flags, body, length=None):
    """A packet of `kind` (1 to 15); `length` overrides the remaining length's bytes."""
    head = bytes([kind << 4 | flags])
    return head + (varint(len(body)) if length is None else length) + body


def u16(value):
    return value.to_bytes(2, "big")


class Will:
    def __init__(self, topic, payload=b"", qos=0, retain=0, props=None):
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.props = props


def _connect_flags(clean, will, username, password):
    flags = 0x02 if clean else 0
    if will:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
    if password is not None:
        flags |= 0x40
    if username is not None:
        flags |= 0x80
    return flags


def connect(v, client_id, clean=True, keep_alive=60, will=None, username=None, password=None,
            props=None, name=None, level=None, flags=None, tail=b"", header=0):
    """CONNECT. `flags`, `name`, `level`, `tail` and `header` override what would be right."""
    if flags is None:
        flags = _connect_flags(clean, will, username, password)
    body = binary(NAMES[v] if name is None else name)
    body += bytes([v if level is None else level, flags]) + u16(keep_alive)
    if v == 5:
        body += encode(props)
    body += binary(client_id)
    if will:
        body += encode(will.props) if v == 5 else b""
        body += binary(will.topic) + binary(will.payload)
    if username is not None:
        body += binary(username)
    if password is not None:
        body += binary(password)
    return packet(1, header, body + tail)


def publish(v, topic, payload=b"", qos=0, retain=0, dup=0, packet_id=None, props=None, flags=None):
    body = binary(topic)
    if packet_id is not None:
        body += u16(packet_id)
    if v == 5:
        body += encode(props)
    payload = payload.encode() if isinstance(payload, str) else bytes(payload)
    flags = dup << 3 | qos << 1 | retain if flags is None else flags
    return packet(3, flags, body + payload)


def ack(v, kind, packet_id, code=None, props=None, flags=None):
    """PUBACK (4), PUBREC (5), PUBREL (6), PUBCOMP (7); short unless code or props are given."""
    body = u16(packet_id)
    if v == 5 and (code is not None or props is not None):
        body += bytes([code or 0])
        if props is not None:
            body += encode(props)
    default = 2 if kind == 6 else 0
    return packet(kind, default if flags is None else flags, body)


def puback(v, packet_id, **more):
    return ack(v, 4, packet_id, **more)


def pubrec(v, packet_id, **more):
    return ack(v, 5, packet_id, **more)


def pubrel(v, packet_id, **more):
    return ack(v, 6, packet_id, **more)


def pubcomp(v, packet_id, **more):
    return ack(v, 7, packet_id, **more)


def options(qos=0, no_local=0, rap=0, rh=0):
    return qos | no_local << 2 | rap << 3 | rh << 4


def subscribe(v, packet_id, filters, props=None, flags=2):
    """`filters`: pairs of filter and options byte."""
    body = u16(packet_id) + (encode(props) if v == 5 else b"")
    for topic_filter, option in filters:
        body += binary(topic_filter) + bytes([option])
    return packet(8, flags, body)


def unsubscribe(v, packet_id, filters, props=None, flags=2):
    body = u16(packet_id) + (encode(props) if v == 5 else b"")
    return packet(10, flags, body + b"".join(binary(f) for f in filters))


def pingreq():
    return b"\xc0\x00"


def disconnect(v=4, code=None, props=None):
    body = b""
    if v == 5 and (code is not None or props is not None):
        body = bytes([code or 0])
        if props is not None:
            body += encode(props)
    return packet(14, 0, body)


def auth(code=None, props=None, flags=0):
    body = b""
    if code is not None or props is not None:
        body = bytes([code or 0]) + (encode(props) if props is not None else b"")
    return packet(15, flags, body)
