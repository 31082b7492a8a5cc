// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/share_group.h"

#include <algorithm>
#include <utility>

namespace roost::routing {

ShareGroup::ShareGroup(std::string_view group, std::string_view filter)
    : name_(group), filter_(filter) {}

bool ShareGroup::join(ShareMember member) {
  const bool is_new = !leave(member.client_id);
  connected_count_ += member.connected ? 1 : 0;
  members_.push_back(std::move(member));
  return is_new;
}

bool ShareGroup::leave(std::string_view client_id) {
  const auto at = std::find_if(members_.begin(), members_.end(),
                               [&](const auto& m) { return m.client_id == client_id; });
  if (at == members_.end()) return false;
  connected_count_ -= at->connected ? 1 : 0;
  members_.erase(at);
  return true;
}

void ShareGroup::set_connected(std::string_view client_id, bool connected) {
  for (ShareMember& member : members_) {
    if (member.client_id != client_id || member.connected == connected) continue;
    member.connected = connected;
    connected ? ++connected_count_ : --connected_count_;
  }
}

const ShareMember* ShareGroup::next(std::string_view except) {
  const ShareMember* offline = nullptr;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const ShareMember& member = members_[(turn_ + i) % members_.size()];
    if (member.client_id == except) continue;
    if (member.connected) {
      turn_ += i + 1;
      return &member;
    }
    if (offline == nullptr) offline = &member;
  }
  turn_ += 1;
  return offline;
}

}  // namespace roost::routing
