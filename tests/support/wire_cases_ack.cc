// SPDX-License-Identifier: Apache-2.0
#include "tests/support/wire_cases_rows.h"

namespace roost::support {
namespace {

constexpr WireCase kRows[] = {
    ok("PUBACK", kClient, kEach, "40 * 000A", "PUBACK id=10 00"),
    ok("PUBREC", kClient, kEach, "50 * 000A", "PUBREC id=10 00"),
    ok("PUBREL", kClient, kEach, "62 * 000A", "PUBREL id=10 00"),
    ok("PUBCOMP", kClient, kEach, "70 * FFFF", "PUBCOMP id=65535 00"),
    ok("PUBACK from the server", kServer, kEach, "40 * 000A", "PUBACK id=10 00"),
    ok("PUBREL from the server", kServer, kEach, "62 * 000A", "PUBREL id=10 00"),
    ok_if_odd("PUBREL sent again in 3.1", kClient, kV31, "6A * 000A", "PUBREL id=10 00"),
    ok_if_odd("PUBACK with flags that 3.1 doesn't use", kClient, kV31, "48 * 000A",
              "PUBACK id=10 00"),
    ok("PUBACK with a reason", kClient, kV5, "40 * 000A 10", "PUBACK id=10 10"),
    ok("PUBREC with an error", kClient, kV5, "50 * 000A 97", "PUBREC id=10 97"),
    ok("PUBREL of an unknown id", kClient, kV5, "62 * 000A 92", "PUBREL id=10 92"),
    ok("PUBCOMP of an unknown id", kClient, kV5, "70 * 000A 92", "PUBCOMP id=10 92"),
    ok_if_odd("PUBACK that says success", kClient, kV5, "40 * 000A 00", "PUBACK id=10 00"),
    ok_if_odd("PUBREC that says no properties", kClient, kV5, "50 * 000A 00 00", "PUBREC id=10 00"),
    ok_if_odd("PUBREL with an error and no properties", kClient, kV5, "62 * 000A 92 00",
              "PUBREL id=10 92"),
    ok("PUBACK with properties", kClient, kV5, "40 * 000A 00 {1F 'why' 26 'k' 'v'}",
       R"(PUBACK id=10 00 {reason_string="why" "k":"v"})"),
    ok("PUBREC with a reason string", kServer, kV5, "50 * 000A 87 {1F 'no'}",
       R"(PUBREC id=10 87 {reason_string="no"})"),
    ok("PUBREL with a user property", kClient, kV5, "62 * 000A 00 {26 'k' 'v'}",
       R"(PUBREL id=10 00 {"k":"v"})"),
    ok("PUBCOMP with an empty reason string", kClient, kV5, "70 * 000A 00 {1F ''}",
       R"(PUBCOMP id=10 00 {reason_string=""})"),

    refused("PUBACK of nothing", kClient, kEach, "40 *", malformed_packet),
    refused("PUBREC of half an id", kClient, kEach, "50 * 00", malformed_packet),
    refused("PUBACK with packet id 0", kClient, kEach, "40 * 0000", protocol_error),
    refused("PUBREC with packet id 0", kClient, kEach, "50 * 0000", protocol_error),
    refused("PUBREL with packet id 0", kClient, kEach, "62 * 0000", protocol_error),
    refused("PUBCOMP with packet id 0", kServer, kEach, "70 * 0000", protocol_error),
    refused("PUBACK with a reason in 3.x", kClient, kV3, "40 * 000A 00", malformed_packet),
    refused("PUBREL with a reason in 3.x", kClient, kV3, "62 * 000A 00", malformed_packet),
    refused("PUBACK with flags", kClient, kNewer, "41 * 000A", malformed_packet),
    refused("PUBACK with the flags of a PUBREL", kClient, kNewer, "42 * 000A", malformed_packet),
    refused("PUBREC with flags", kClient, kNewer, "58 * 000A", malformed_packet),
    refused("PUBREL without its flags", kClient, kNewer, "60 * 000A", malformed_packet),
    refused("PUBREL sent again", kClient, kNewer, "6A * 000A", malformed_packet),
    refused("PUBCOMP with flags", kClient, kNewer, "74 * 000A", malformed_packet),
    refused("PUBACK with the code of a SUBACK", kClient, kV5, "40 * 000A 01", protocol_error),
    refused("PUBACK with an unknown code", kClient, kV5, "40 * 000A FF", protocol_error),
    refused("PUBREC with the code of a PUBREL", kClient, kV5, "50 * 000A 92", protocol_error),
    refused("PUBREL with the code of a PUBREC", kClient, kV5, "62 * 000A 10", protocol_error),
    refused("PUBCOMP with the code of a PUBACK", kClient, kV5, "70 * 000A 80", protocol_error),
    refused("PUBACK with bytes behind the properties", kClient, kV5, "40 * 000A 00 00 00",
            malformed_packet),
    refused("PUBACK with half a property", kClient, kV5, "40 * 000A 00 {1F 00}", malformed_packet),
    refused("PUBACK whose property length lies", kClient, kV5, "40 * 000A 00 01", malformed_packet),
    refused("PUBACK with two reason strings", kClient, kV5, "40 * 000A 00 {1F 'a' 1F 'b'}",
            protocol_error),
    refused("PUBREC with the property of a PUBLISH", kClient, kV5, "50 * 000A 00 {01 01}",
            protocol_error),
};

}  // namespace

std::span<const WireCase> ack_cases() { return kRows; }

}  // namespace roost::support
