// SPDX-License-Identifier: Apache-2.0
// The control packets as plain structs: decoded ones hold views into the frame they came from and
// live as long as it does. One set of structs for 3.1, 3.1.1 and 5.0.
// Thread: any thread (values).
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/shared.h"
#include "broker/mqtt/properties.h"
#include "broker/mqtt/reason_code.h"
#include "broker/mqtt/types.h"

namespace roost::mqtt {

struct WillFields {
  std::string_view topic = {};
  ByteView payload = {};
  Qos qos = Qos::at_most_once;
  bool retain = false;
  Properties properties = {};
};

struct Connect {
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  bool bridge = false;  // protocol level 0x83 or 0x84: a mosquitto bridge
  bool clean_start = true;
  std::uint16_t keep_alive_s = 0;
  std::string_view client_id = {};
  std::optional<WillFields> will = {};
  std::optional<std::string_view> user_name = {};
  std::optional<ByteView> password = {};
  Properties properties = {};
};

struct Connack {
  bool session_present = false;
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
};

struct Publish {
  std::string_view topic = {};  // empty: see the topic alias
  PacketId packet_id = 0;       // 0 at QoS 0
  Qos qos = Qos::at_most_once;
  bool dup = false;
  bool retain = false;
  ByteView payload = {};
  // Large ones: keeps `payload` where it is beyond the call. Decoding leaves it alone.
  SharedPtr<const SharedBlock> payload_owner = {};
  Properties properties = {};
};

// PUBACK, PUBREC, PUBREL, PUBCOMP.
struct Ack {
  PacketType type = PacketType::puback;
  PacketId packet_id = 0;
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
};

struct SubscribeEntry {
  // As sent, "$share/group/..." included; valid by TopicFilter::parse.
  std::string_view filter = {};
  SubscriptionOptions options = {};
};

struct Subscribe {
  PacketId packet_id = 0;
  std::vector<SubscribeEntry> entries = {};  // at least one
  Properties properties = {};
};

struct Suback {
  PacketId packet_id = 0;
  std::vector<ReasonCode> reasons = {};
  Properties properties = {};
};

struct Unsubscribe {
  PacketId packet_id = 0;
  std::vector<std::string_view> filters = {};  // at least one
  Properties properties = {};
};

struct Unsuback {
  PacketId packet_id = 0;
  std::vector<ReasonCode> reasons = {};  // 3.x: not sent
  Properties properties = {};
};

struct Pingreq {};
struct Pingresp {};

struct Disconnect {
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
};

struct Auth {
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
};

using Packet = std::variant<Connect, Connack, Publish, Ack, Subscribe, Suback, Unsubscribe,
                            Unsuback, Pingreq, Pingresp, Disconnect, Auth>;

}  // namespace roost::mqtt
