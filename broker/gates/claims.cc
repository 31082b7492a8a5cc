// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/claims.h"

#include <utility>

namespace roost::gates {

const Claim* Claims::find(std::string_view client_id) const {
  const auto at = claims_.find(client_id);
  return at == claims_.end() ? nullptr : &at->second;
}

std::vector<Claims::Named> Claims::add(std::string_view client_id, const Claim& claim) {
  const auto at = claims_.find(client_id);
  if (at == claims_.end()) {
    claims_.emplace(client_id, claim);
    return {};
  }
  Claim& there = at->second;
  const bool same = there.front == claim.front && there.incarnation == claim.incarnation &&
                    there.relay == claim.relay;
  if (!same && claim.generation < there.generation) return {{std::string(client_id), claim}};
  const Claim older = std::exchange(there, claim);
  if (same) return {};
  return {{std::string(client_id), older}};
}

bool Claims::remove(std::string_view client_id, const session::Generation& generation) {
  const auto at = claims_.find(client_id);
  if (at == claims_.end() || at->second.generation != generation) return false;
  claims_.erase(at);
  return true;
}

template <typename Which>
std::vector<Claims::Named> Claims::remove_if(Which which) {
  std::vector<Named> removed;
  for (auto at = claims_.begin(); at != claims_.end();) {
    if (!which(at->second)) {
      ++at;
      continue;
    }
    removed.push_back({at->first, at->second});
    at = claims_.erase(at);
  }
  return removed;
}

std::vector<Claims::Named> Claims::remove_front(PeerId front, std::uint64_t incarnation) {
  return remove_if(
      [&](const Claim& claim) { return claim.front == front && claim.incarnation == incarnation; });
}

std::vector<Claims::Named> Claims::remove_relay(PeerId front, RelayNumber relay) {
  return remove_if(
      [&](const Claim& claim) { return claim.front == front && claim.relay == relay; });
}

void Claims::begin_announcement(PeerId front) {
  for (auto& [client_id, claim] : claims_) {
    if (claim.front == front) claim.seen = false;
  }
}

std::vector<Claims::Named> Claims::end_announcement(PeerId front) {
  return remove_if([&](const Claim& claim) { return claim.front == front && !claim.seen; });
}

}  // namespace roost::gates
