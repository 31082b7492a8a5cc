# SPDX-License-Identifier: Apache-2.0
"""MQTT 5 properties: one table, an encoder and a strict decoder."""

from collections import namedtuple

Property = namedtuple("Property", "id name kind packets")

_PUBLISH_OR_WILL = {"PUBLISH", "WILL"}
_ACKS = {"PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK"}
_REASON = {"CONNACK", "DISCONNECT", "AUTH"} | _ACKS

TABLE = [
    Property(0x01, "payload_format", "byte", _PUBLISH_OR_WILL),
    Property(0x02, "message_expiry", "u32", _PUBLISH_OR_WILL),
    Property(0x03, "content_type", "str", _PUBLISH_OR_WILL),
    Property(0x08, "response_topic", "str", _PUBLISH_OR_WILL),
    Property(0x09, "correlation_data", "bin", _PUBLISH_OR_WILL),
    Property(0x0B, "subscription_id", "varint", {"PUBLISH", "SUBSCRIBE"}),
    Property(0x11, "session_expiry", "u32", {"CONNECT", "CONNACK", "DISCONNECT"}),
    Property(0x12, "assigned_client_id", "str", {"CONNACK"}),
    Property(0x13, "server_keep_alive", "u16", {"CONNACK"}),
    Property(0x15, "auth_method", "str", {"CONNECT", "CONNACK", "AUTH"}),
    Property(0x16, "auth_data", "bin", {"CONNECT", "CONNACK", "AUTH"}),
    Property(0x17, "request_problem", "byte", {"CONNECT"}),
    Property(0x18, "will_delay", "u32", {"WILL"}),
    Property(0x19, "request_response", "byte", {"CONNECT"}),
    Property(0x1A, "response_info", "str", {"CONNACK"}),
    Property(0x1C, "server_reference", "str", {"CONNACK", "DISCONNECT"}),
    Property(0x1F, "reason_string", "str", _REASON),
    Property(0x21, "receive_maximum", "u16", {"CONNECT", "CONNACK"}),
    Property(0x22, "topic_alias_maximum", "u16", {"CONNECT", "CONNACK"}),
    Property(0x23, "topic_alias", "u16", {"PUBLISH"}),
    Property(0x24, "maximum_qos", "byte", {"CONNACK"}),
    Property(0x25, "retain_available", "byte", {"CONNACK"}),
    Property(0x26, "user", "pair", _REASON | _PUBLISH_OR_WILL
             | {"CONNECT", "SUBSCRIBE", "UNSUBSCRIBE"}),
    Property(0x27, "maximum_packet_size", "u32", {"CONNECT", "CONNACK"}),
    Property(0x28, "wildcard_available", "byte", {"CONNACK"}),
    Property(0x29, "subscription_ids_available", "byte", {"CONNACK"}),
    Property(0x2A, "shared_available", "byte", {"CONNACK"}),
]

BY_ID = {p.id: p for p in TABLE}
BY_NAME = {p.name: p for p in TABLE}
REPEATABLE = {("user", packet) for packet in BY_NAME["user"].packets}
REPEATABLE.add(("subscription_id", "PUBLISH"))

# A legal value of each property, used where a table needs one.
SAMPLE = {
    "byte": 1, "u16": 5, "u32": 5, "varint": 5, "str": "s", "bin": b"b", "pair": ("k", "v"),
}


class WireError(Exception):
    """The server sent something that the specification forbids."""


def varint(value):
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def binary(data):
    data = data.encode() if isinstance(data, str) else bytes(data)
    return len(data).to_bytes(2, "big") + data


def one(name, value):
    """The bytes of a single property."""
    prop = BY_NAME[name]
    head = varint(prop.id)
    if prop.kind in ("byte", "u16", "u32"):
        size = {"byte": 1, "u16": 2, "u32": 4}[prop.kind]
        return head + value.to_bytes(size, "big")
    if prop.kind == "varint":
        return head + varint(value)
    if prop.kind == "pair":
        return head + binary(value[0]) + binary(value[1])
    return head + binary(value)


def encode(props):
    """Properties with their length in front. A dict (a list repeats) or raw bytes."""
    if isinstance(props, (bytes, bytearray)):
        return varint(len(props)) + bytes(props)
    body = b""
    for name, value in (props or {}).items():
        for item in value if isinstance(value, list) else [value]:
            body += one(name, item)
    return varint(len(body)) + body


class Cursor:
    """Reads from a packet and never past its end."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if self.left() < count:
            raise WireError(f"packet ends {count - self.left()} bytes too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def binary(self):
        return self.take(self.number(2))

    def text(self):
        data = self.binary()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise WireError(f"bad UTF-8 in a string: {data!r}") from error
        if "\0" in text:
            raise WireError("U+0000 in a string")
        return text

    def varint(self):
        value, shift = 0, 0
        for count in range(1, 5):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                if varint(value) != bytes(self.data[self.at - count:self.at]):
                    raise WireError("variable byte integer longer than needed [MQTT-1.5.5-1]")
                return value
        raise WireError("variable byte integer of five bytes")


def _value(cursor, prop):
    if prop.kind in ("byte", "u16", "u32"):
        return cursor.number({"byte": 1, "u16": 2, "u32": 4}[prop.kind])
    if prop.kind == "varint":
        return cursor.varint()
    if prop.kind == "pair":
        return (cursor.text(), cursor.text())
    return cursor.text() if prop.kind == "str" else cursor.binary()


def decode(cursor, packet):
    """Properties of a packet from the server; a repeatable one becomes a list."""
    inside = Cursor(cursor.take(cursor.varint()))
    props = {}
    while inside.left():
        number = inside.varint()
        prop = BY_ID.get(number)
        if prop is None or packet not in prop.packets:
            raise WireError(f"property 0x{number:02x} is not allowed in {packet}")
        value = _value(inside, prop)
        if (prop.name, packet) in REPEATABLE:
            props.setdefault(prop.name, []).append(value)
        elif prop.name in props:
            raise WireError(f"property {prop.name} twice in {packet}")
        else:
            props[prop.name] = value
    return props
