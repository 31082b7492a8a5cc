// SPDX-License-Identifier: Apache-2.0
// What a decoder refuses although the protocol could carry it. Defaults suit a smart home.
// Thread: immutable.
#pragma once

#include <cstdint>

namespace roost::mqtt {

inline constexpr std::uint32_t kRemainingLengthMax = 268'435'455;         // [MQTT5-1.5.5]
inline constexpr std::uint32_t kPacketSizeMax = kRemainingLengthMax + 5;  // header included
inline constexpr std::uint32_t kPacketSizeDefault = 10 * 1024 * 1024;
inline constexpr std::uint32_t kTopicLevelsDefault = 128;

struct Limits {
  std::uint32_t packet_size_max = kPacketSizeDefault;    // bytes, fixed header included
  std::uint32_t topic_levels_max = kTopicLevelsDefault;  // levels of a topic name or filter
};

}  // namespace roost::mqtt
