// SPDX-License-Identifier: Apache-2.0
// When to send PINGREQ, and when the other side is silent for too long. [MQTT-3.1.2-22]
// Thread: a value.
#pragma once

#include <cstdint>

#include "broker/base/clock.h"
#include "broker/outgoing/packet_line.h"

namespace roost::outgoing {

class KeepAlive {
 public:
  enum class Due : std::uint8_t { nothing, ping, give_up };

  // From now on; 0: never anything due.
  void begin(std::uint32_t interval_ms, SteadyMs now) {
    interval_ms_ = interval_ms;
    heard_ms_ = said_ms_ = now;
  }
  // Every now and then, several times an interval. Who has sent only is asked whether he is heard.
  Due look(PacketLine& line, SteadyMs now) {
    if (line.has_heard() || line.is_paused()) heard_ms_ = now;
    if (line.has_said()) said_ms_ = now;
    if (interval_ms_ == 0) return Due::nothing;
    if (now - heard_ms_ >= interval_ms_ + interval_ms_ / 2) return Due::give_up;
    const bool is_quiet = now - said_ms_ >= interval_ms_ / 2;
    const bool is_unheard = now - heard_ms_ >= interval_ms_ && now - said_ms_ >= interval_ms_ / 8;
    return is_quiet || is_unheard ? Due::ping : Due::nothing;
  }

 private:
  SteadyMs interval_ms_ = 0, heard_ms_ = 0, said_ms_ = 0;
};

}  // namespace roost::outgoing
