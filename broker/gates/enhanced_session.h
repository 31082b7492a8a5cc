// SPDX-License-Identifier: Apache-2.0
// A client that came with an authentication method: what its CONNACK says of that, and AUTH
// packets that authenticate it again while it is connected. [MQTT5-4.12]
// Thread: core-bound.
// Owner: the session's link.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "broker/auth/authenticator.h"
#include "broker/mqtt/packet.h"
#include "broker/session/link.h"
#include "broker/session/session.h"

namespace roost::gates {

class EnhancedSession {
 public:
  // `data`: for CONNACK; `request`: of the CONNECT, with the user that was let in.
  EnhancedSession(const auth::EnhancedAuthenticator& authenticator, std::string_view method,
                  std::string data, auth::AuthRequest request)
      : authenticator_(authenticator),
        method_(method),
        data_(std::move(data)),
        request_(std::move(request)) {}

  std::string_view data() const { return data_; }
  // AUTH of the client; answered through `link`, or the session ends. It may be over afterwards.
  void handle(const mqtt::Auth& packet, session::Session& session, session::Link& link);

 private:
  const auth::EnhancedAuthenticator& authenticator_;
  const std::string method_;
  const std::string data_;
  const auth::AuthRequest request_;
  std::unique_ptr<auth::EnhancedExchange> exchange_;  // null: none is under way
};

// AUTH of ours, as bytes.
std::vector<std::uint8_t> auth_packet(mqtt::ReasonCode reason, std::string_view method,
                                      std::string_view data);

}  // namespace roost::gates
