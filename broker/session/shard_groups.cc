// SPDX-License-Identifier: Apache-2.0
#include "broker/session/shard_groups.h"

#include <algorithm>
#include <utility>

#include "broker/mqtt/topic.h"

namespace roost::session {

using routing::ShareGroup;
using routing::ShareMember;

namespace {

// `one`: a step, or as it is stored.
template <typename Member>
ShareMember member_of(const Member& one) {
  ShareMember member;
  member.client_id = one.client_id;
  member.connected = one.connected;
  member.options.qos = one.qos;
  member.durable = one.life == 0;
  member.life = one.life;
  member.epoch = one.generation.epoch;
  member.counter = one.generation.counter;
  return member;
}

}  // namespace

ShareGroup* ShardGroups::find(std::string_view share) {
  const auto at = groups_.find(share);
  return at == groups_.end() ? nullptr : at->second.get();
}

std::vector<ShareGroup*> ShardGroups::matching(std::string_view topic) {
  std::vector<ShareGroup*> found;
  if (groups_.empty()) return found;
  tree_.match(topic, [&](const routing::Subscriber& subscriber) {
    found.push_back(static_cast<ShareGroup*>(subscriber.owner));
  });
  std::sort(found.begin(), found.end(), [](const ShareGroup* a, const ShareGroup* b) {
    return std::pair(a->name(), a->filter()) < std::pair(b->name(), b->filter());
  });
  return found;
}

ShareGroup& ShardGroups::begin(std::string_view share) {
  const std::size_t slash = share.find('/');
  const std::string_view filter =
      slash == std::string_view::npos ? std::string_view() : share.substr(slash + 1);
  auto made = std::make_unique<ShareGroup>(share.substr(0, slash), filter);
  ShareGroup& group = *made;
  groups_.emplace(share, std::move(made));
  tree_.insert(group.filter(), {&group, 0, {}});
  return group;
}

ShardGroups::Groups::iterator ShardGroups::end(Groups::iterator at) {
  tree_.erase(at->second->filter(), at->second.get());
  return groups_.erase(at);
}

void ShardGroups::count(std::uint64_t life, int change) {
  if (life == 0) return;
  const auto at = lives_.try_emplace(life).first;
  at->second += static_cast<std::uint32_t>(change);
  if (at->second == 0) lives_.erase(at);
}

// What another node says need not make sense.
bool ShardGroups::is_share(std::string_view share) {
  const auto filter = mqtt::TopicFilter::parse("$share/" + std::string(share), UINT32_MAX);
  return filter && filter->is_shared();
}

// An older connection of that client changes nothing.
ShardGroups::Change ShardGroups::joined(const ShareStep& step) {
  if (!is_share(step.share)) return Change::nothing;
  ShareGroup* group = find(step.share);
  const bool is_new = group == nullptr;
  if (is_new) group = &begin(step.share);
  ShareMember member = member_of(step);
  if (const ShareMember* older = group->member(step.client_id)) {
    if (Generation{older->epoch, older->counter} > step.generation) return Change::nothing;
    count(older->life, -1);
  }
  count(member.life, 1);
  group->join(std::move(member));
  dirty_.insert(step.share);
  return is_new ? Change::began : Change::nothing;
}

ShardGroups::Change ShardGroups::left(const ShareStep& step) {
  const auto at = groups_.find(step.share);
  if (at == groups_.end()) return Change::nothing;
  ShareGroup& group = *at->second;
  const ShareMember* member = group.member(step.client_id);
  if (member == nullptr || Generation{member->epoch, member->counter} > step.generation) {
    return Change::nothing;
  }
  count(member->life, -1);
  group.leave(step.client_id);
  dirty_.insert(step.share);
  if (!group.empty()) return Change::nothing;
  end(at);
  return Change::ended;
}

const ShareMember* ShardGroups::choose(ShareGroup& group, std::string_view except) {
  dirty_.insert(name_of(group));
  const ShareMember* chosen = group.next(except);
  return chosen == nullptr ? group.next() : chosen;
}

std::vector<std::string> ShardGroups::gone(std::uint64_t life) {
  std::vector<std::string> ended;
  for (auto at = groups_.begin(); at != groups_.end();) {
    ShareGroup& group = *at->second;
    std::vector<std::string> leaving;
    for (const ShareMember& member : group.members()) {
      if (member.life == life) leaving.push_back(member.client_id);
    }
    for (const std::string& client_id : leaving) group.leave(client_id);
    if (!leaving.empty()) dirty_.insert(at->first);
    if (group.empty()) {
      ended.push_back(group.filter());
      at = end(at);
    } else {
      ++at;
    }
  }
  lives_.erase(life);
  return ended;
}

std::vector<std::uint64_t> ShardGroups::lives() const {
  std::vector<std::uint64_t> all;
  for (const auto& [life, members] : lives_) all.push_back(life);
  return all;
}

// --- disk ---

void ShardGroups::load(std::string_view share, const StoredGroup& stored) {
  if (stored.members.empty() || !is_share(share)) return;
  ShareGroup& group = begin(share);
  for (const StoredGroup::Member& one : stored.members) {
    count(one.life, 1);
    group.join(member_of(one));
  }
  group.set_turns({stored.turn_connected, stored.turn_offline});
}

std::vector<std::string> ShardGroups::take_dirty() {
  std::vector<std::string> all(dirty_.begin(), dirty_.end());
  dirty_.clear();
  return all;
}

std::optional<StoredGroup> ShardGroups::stored(std::string_view share) const {
  const auto at = groups_.find(share);
  if (at == groups_.end()) return std::nullopt;
  StoredGroup stored;
  stored.turn_connected = at->second->turns().connected;
  stored.turn_offline = at->second->turns().offline;
  for (const ShareMember& one : at->second->members()) {
    stored.members.push_back(
        {one.client_id, {one.epoch, one.counter}, one.life, one.connected, one.options.qos});
  }
  return stored;
}

}  // namespace roost::session
