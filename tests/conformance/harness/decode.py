# SPDX-License-Identifier: Apache-2.0
"""Decodes what the server sends, strictly: what a server may not send raises WireError."""

from harness import properties
from harness.properties import Cursor, WireError

TYPES = {
    1: "CONNECT", 2: "CONNACK", 3: "PUBLISH", 4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP",
    8: "SUBSCRIBE", 9: "SUBACK", 10: "UNSUBSCRIBE", 11: "UNSUBACK", 12: "PINGREQ",
    13: "PINGRESP", 14: "DISCONNECT", 15: "AUTH",
}

_CONNACK_CODES = {0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C,
                  0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F}
_PUBLISH_CODES = {0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
CODES = {
    "CONNACK": _CONNACK_CODES,
    "PUBACK": _PUBLISH_CODES,
    "PUBREC": _PUBLISH_CODES,
    "PUBREL": {0, 0x92},
    "PUBCOMP": {0, 0x92},
    "SUBACK": {0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    "UNSUBACK": {0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
    # What a server may send: not 0x04, which is the client's.
    "DISCONNECT": {0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93,
                   0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0,
                   0xA1, 0xA2},
    "AUTH": {0, 0x18, 0x19},
}


class Packet:
    """A decoded packet: `kind` and its fields as attributes."""

    def __init__(self, kind, raw, **fields):
        self.kind = kind
        self.raw = raw
        self.fields = fields
        self.__dict__.update(fields)

    def __repr__(self):
        inside = ", ".join(f"{k}={shorten(v)}" for k, v in self.fields.items())
        return f"{self.kind}({inside})"


def shorten(value, limit=160):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}...({len(text)} characters)"


def _check_code(kind, code, v):
    allowed = CODES[kind] if v == 5 else {"CONNACK": set(range(6)), "SUBACK": {0, 1, 2, 0x80}}[kind]
    if code not in allowed:
        raise WireError(f"reason code 0x{code:02x} is not one that a server may send in {kind}")
    return code


def _connack(cursor, v, raw):
    flags = cursor.number(1)
    if flags & 0xFE:
        raise WireError(f"reserved bits of the CONNACK flags are set: 0x{flags:02x}")
    # A refusal for an unknown version may come in the other version's form.
    v5_form = len(raw) > 4
    code = _check_code("CONNACK", cursor.number(1), 5 if v5_form else 4)
    props = properties.decode(cursor, "CONNACK") if v5_form else {}
    if code and flags:
        raise WireError("session present beside a refusal [MQTT-3.2.2-4]")
    return Packet("CONNACK", raw, session_present=flags, code=code, props=props, v5_form=v5_form)


def _publish(cursor, v, flags, raw):
    qos = flags >> 1 & 3
    if qos == 3 or (qos == 0 and flags & 8):
        raise WireError(f"PUBLISH with flags {flags:04b}")
    topic = cursor.text()
    if "#" in topic or "+" in topic:
        raise WireError(f"wildcard in the topic name {topic!r}")
    packet_id = cursor.number(2) if qos else None
    if packet_id == 0:
        raise WireError("packet id 0")
    props = properties.decode(cursor, "PUBLISH") if v == 5 else {}
    payload = bytes(cursor.take(cursor.left()))
    return Packet("PUBLISH", raw, topic=topic, payload=payload, qos=qos, retain=flags & 1,
                  dup=flags >> 3, packet_id=packet_id, props=props)


def _ack(cursor, v, kind, raw):
    packet_id, code, props = cursor.number(2), 0, {}
    if v == 5 and cursor.left():
        code = _check_code(kind, cursor.number(1), v)
        if cursor.left():
            props = properties.decode(cursor, kind)
    return Packet(kind, raw, packet_id=packet_id, code=code, props=props)


def _suback(cursor, v, kind, raw):
    packet_id = cursor.number(2)
    props = properties.decode(cursor, kind) if v == 5 else {}
    codes = [_check_code(kind, code, v) for code in cursor.take(cursor.left())]
    return Packet(kind, raw, packet_id=packet_id, codes=codes, props=props)


def _ending(cursor, kind, raw):
    code, props = 0, {}
    if cursor.left():
        code = _check_code(kind, cursor.number(1), 5)
        if cursor.left():
            props = properties.decode(cursor, kind)
    if kind == "DISCONNECT" and "session_expiry" in props:
        raise WireError("Session Expiry Interval in a server's DISCONNECT [MQTT-3.14.2-2]")
    return Packet(kind, raw, code=code, props=props)


def _body(kind, cursor, v, flags, raw):
    if kind == "CONNACK":
        return _connack(cursor, v, raw)
    if kind == "PUBLISH":
        return _publish(cursor, v, flags, raw)
    if kind in ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP"):
        return _ack(cursor, v, kind, raw)
    if kind == "SUBACK" or (kind == "UNSUBACK" and v == 5):
        return _suback(cursor, v, kind, raw)
    if kind == "UNSUBACK":
        return Packet(kind, raw, packet_id=cursor.number(2), codes=[], props={})
    if kind == "PINGRESP":
        return Packet(kind, raw)
    if kind in ("DISCONNECT", "AUTH") and v == 5:
        return _ending(cursor, kind, raw)
    raise WireError(f"a server may not send {kind} to a client of version {v}")


def decode(raw, header_size, v):
    """One whole packet from the server."""
    kind = TYPES.get(raw[0] >> 4, f"type {raw[0] >> 4}")
    flags = raw[0] & 0x0F
    wanted = 2 if kind == "PUBREL" else 0
    if kind != "PUBLISH" and flags != wanted:
        raise WireError(f"{kind} with flags {flags:04b}")
    cursor = Cursor(raw[header_size:])
    packet = _body(kind, cursor, v, flags, raw)
    if cursor.left():
        raise WireError(f"{cursor.left()} bytes too many in {kind}: {raw.hex(' ')}")
    return packet
