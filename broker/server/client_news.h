// SPDX-License-Identifier: Apache-2.0
// Clients that came and went, as messages for webhooks: JSON on a topic of the broker's own.
// Thread: any thread.
// Owner: Node.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "broker/outgoing/webhook.h"
#include "broker/server/config.h"
#include "broker/session/teller.h"

namespace roost::server {

class ClientNewsTeller final : public session::Teller {
 public:
  // Wanted is what a webhook of the settings asks for.
  explicit ClientNewsTeller(const Config& config);

  bool wants(session::ClientNews::Kind kind) const override {
    return wanted_[static_cast<std::size_t>(kind)];
  }
  // Not of the broker's own clients.
  routing::MessagePtr message_of(const session::ClientNews& news,
                                 SteadyMs received_ms) const override;

 private:
  const std::string node_;
  std::array<bool, outgoing::kEventKinds> wanted_{};
  std::string run_;  // of this process, so that ids aren't used again
  mutable std::atomic<std::uint64_t> last_{0};
};

}  // namespace roost::server
