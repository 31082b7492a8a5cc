// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/share_group.h"

#include <utility>

#include "broker/routing/table_hash.h"

namespace roost::routing {

namespace {

std::uint64_t hash_of(std::string_view client_id) { return table_hash(client_id, process_key()); }

std::uint32_t index_of(std::size_t position) { return static_cast<std::uint32_t>(position + 1); }

}  // namespace

ShareGroup::ShareGroup(std::string_view group, std::string_view filter)
    : name_(group), filter_(filter) {}

std::uint32_t ShareGroup::find(std::string_view client_id) const {
  return by_client_.find(hash_of(client_id), [&](std::uint32_t index) {
    return members_[index - 1].client_id == client_id;
  });
}

void ShareGroup::swap_places(std::size_t a, std::size_t b) {
  if (a == b) return;
  const std::uint64_t hash_a = hash_of(members_[a].client_id);
  const std::uint64_t hash_b = hash_of(members_[b].client_id);
  // By way of 0xFFFFFFFF, so that the two are never the same number under one hash.
  by_client_.replace(hash_a, index_of(a), 0xFFFFFFFF);
  by_client_.replace(hash_b, index_of(b), index_of(a));
  by_client_.replace(hash_a, 0xFFFFFFFF, index_of(b));
  std::swap(members_[a], members_[b]);
}

std::size_t ShareGroup::set_connected(std::size_t at, bool connected) {
  if (members_[at].connected == connected) return at;
  members_[at].connected = connected;
  const std::size_t to = connected ? connected_count_++ : --connected_count_;
  swap_places(at, to);
  return to;
}

bool ShareGroup::join(ShareMember member) {
  const bool connected = member.connected;
  const std::uint32_t known = find(member.client_id);
  durable_count_ += member.durable;
  if (known != kNoIndex) {
    durable_count_ -= members_[known - 1].durable;
    members_[set_connected(known - 1, connected)] = std::move(member);
    return false;
  }
  member.connected = false;
  by_client_.insert(hash_of(member.client_id), index_of(members_.size()));
  members_.push_back(std::move(member));
  set_connected(members_.size() - 1, connected);
  return true;
}

bool ShareGroup::leave(std::string_view client_id) {
  const std::uint32_t known = find(client_id);
  if (known == kNoIndex) return false;
  durable_count_ -= members_[known - 1].durable;
  swap_places(set_connected(known - 1, false), members_.size() - 1);
  by_client_.erase(hash_of(members_.back().client_id), index_of(members_.size() - 1));
  members_.pop_back();
  return true;
}

void ShareGroup::set_connected(std::string_view client_id, bool connected) {
  const std::uint32_t known = find(client_id);
  if (known != kNoIndex) set_connected(known - 1, connected);
}

// One of members_[begin, end) other than `except`; null: there is none.
const ShareMember* ShareGroup::next_in(std::size_t begin, std::size_t end, std::size_t& turn,
                                       std::string_view except) {
  const std::size_t count = end - begin;
  for (std::size_t tries = 0; tries < 2 && tries < count; ++tries) {
    const std::size_t at = turn % count;
    turn = at + 1;
    const ShareMember& member = members_[begin + at];
    if (member.client_id != except || except.empty()) return &member;
  }
  return nullptr;
}

const ShareMember* ShareGroup::next(std::string_view except) {
  const ShareMember* found = next_in(0, connected_count_, turn_, except);
  if (found != nullptr) return found;
  return next_in(connected_count_, members_.size(), offline_turn_, except);
}

const ShareMember* ShareGroup::next_once() {
  const std::size_t count = connected_count_ > 0 ? connected_count_ : members_.size();
  return count == 0 ? nullptr : &members_[once_turn_++ % count];
}

}  // namespace roost::routing
