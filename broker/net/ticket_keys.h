// SPDX-License-Identifier: Apache-2.0
// The keys under which TLS sessions are given to their clients as tickets: derived from one secret
// and the time, so that all nodes that share the secret have the same ones, and new ones every
// period, without a word between them.
// Thread: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/result.h"

namespace roost::net {

// Of one period.
struct TicketKey {
  std::array<std::uint8_t, 16> name;    // in the ticket, so that it is found again
  std::array<std::uint8_t, 32> cipher;  // AES-256-CBC
  std::array<std::uint8_t, 32> mac;     // HMAC-SHA256
};

class TicketKeys {
 public:
  static constexpr std::size_t kSecretMin = 32;
  static constexpr std::int64_t kPeriodMs = 12LL * 3600 * 1000;

  // Under a random secret: the tickets are for this process alone until use(). `clock` outlives it.
  explicit TicketKeys(const Clock& clock);
  ~TicketKeys();  // wipes the secret
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // From now on the keys come from `secret`; older tickets are good no more. Errors:
  // invalid_argument: shorter than kSecretMin.
  [[nodiscard]] Result<void> use(ByteView secret);

  // For a new ticket.
  TicketKey current() const;
  struct Found {
    TicketKey key;
    bool is_current;  // false: the client is better given a new ticket
  };
  // Of the period now, the one before, or the one that comes: another node's clock may be ahead.
  std::optional<Found> find(std::span<const std::uint8_t, 16> name) const;

 private:
  using Secret = std::array<std::uint8_t, 32>;
  std::int64_t period() const { return clock_.wall_ms() / kPeriodMs; }
  const std::array<TicketKey, 3>& keys_at(std::int64_t period) const;

  const Clock& clock_;
  mutable std::mutex mutex_;
  Secret secret_;  // guarded by mutex_, as the next two
  mutable std::int64_t derived_for_ = -1;
  mutable std::array<TicketKey, 3> keys_;  // before, now, next
};

// As many random bytes as a secret needs.
std::string random_secret();

}  // namespace roost::net
