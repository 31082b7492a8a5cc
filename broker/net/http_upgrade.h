// SPDX-License-Identifier: Apache-2.0
// The HTTP request that opens a WebSocket, and our answer. Small and bounded; knows no socket.
// Thread: any thread (pure).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace roost::net {

inline constexpr std::size_t kUpgradeSizeMax = 8 * 1024;

struct UpgradeAnswer {
  bool accepted = false;
  std::string response;  // the whole HTTP response
  std::string why;       // refused: for the log
};

// `head` is the request up to and including its empty line. `path`: the only one served; empty:
// any. Subprotocols "mqtt" and "mqttv3.1" are echoed, the client's first choice of the two.
UpgradeAnswer answer_upgrade(std::string_view head, std::string_view path);
// The answer to a head that is larger than kUpgradeSizeMax or not HTTP at all.
UpgradeAnswer refuse_upgrade(std::string_view status, std::string_view why,
                             std::string_view extra_headers = {});

}  // namespace roost::net
