// SPDX-License-Identifier: Apache-2.0
// The share groups of one shard in a cluster: members and whose turn it is, as the shard's state.
// Changes only by what is applied, so every replica chooses the same member; on disk one value a
// group. README.md, "Share groups in a cluster".
// Thread: core-bound.
// Owner: ShardState.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/routing/share_group.h"
#include "broker/routing/topic_tree.h"
#include "broker/session/share_step.h"
#include "broker/session/stored.h"

namespace roost::session {

class ShardGroups {
 public:
  enum class Change : std::uint8_t { nothing, began, ended };  // of the group

  bool empty() const { return groups_.empty(); }
  std::size_t size() const { return groups_.size(); }
  routing::ShareGroup* find(std::string_view share);
  // By name, so in the same order everywhere.
  std::vector<routing::ShareGroup*> matching(std::string_view topic);
  bool matches_any(std::string_view topic) const { return tree_.matches_any(topic); }
  static std::string name_of(const routing::ShareGroup& group) {
    return group.name() + '/' + group.filter();
  }

  Change joined(const ShareStep& step);
  Change left(const ShareStep& step);
  // The next member; null: there is none.
  const routing::ShareMember* choose(routing::ShareGroup& group, std::string_view except);
  // Removes who is in the memory of that process; the filters of groups that ended.
  std::vector<std::string> gone(std::uint64_t life);
  // Processes in whose memory members are.
  std::vector<std::uint64_t> lives() const;
  bool has(std::uint64_t life) const { return lives_.contains(life); }

  // visit(filter)
  template <typename Visit>
  void for_each_filter(Visit&& visit) const {
    for (const auto& [share, group] : groups_) visit(std::string_view(group->filter()));
  }

  // --- disk ---
  void load(std::string_view share, const StoredGroup& stored);
  // What changed since the last call, and what there is of it now; none: it ended.
  std::vector<std::string> take_dirty();
  std::optional<StoredGroup> stored(std::string_view share) const;

 private:
  using Groups = std::map<std::string, std::unique_ptr<routing::ShareGroup>, std::less<>>;

  static bool is_share(std::string_view share);
  routing::ShareGroup& begin(std::string_view share);
  Groups::iterator end(Groups::iterator at);
  void count(std::uint64_t life, int change);

  Groups groups_;                                 // "group/filter"
  routing::TopicTree tree_;                       // owners: ShareGroup
  std::map<std::uint64_t, std::uint32_t> lives_;  // members in their memory
  std::set<std::string, std::less<>> dirty_;
};

}  // namespace roost::session
