// SPDX-License-Identifier: Apache-2.0
// mqtt://[user[:password]@]host[:port][/topic], also mqtts, ws and wss: what `-L` takes.
// Thread: any thread (pure).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "broker/client/options.h"

namespace roost::client {

struct Url {
  Transport transport = Transport::tcp;
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 1883;
  std::optional<std::string> user_name, password;  // percent-decoded
  std::string path;                                // behind the first '/': the topic
};

// Errors: invalid_argument with a sentence.
Result<Url> parse_url(std::string_view text);

}  // namespace roost::client
