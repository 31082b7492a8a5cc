// SPDX-License-Identifier: Apache-2.0
// Retained messages for a new subscription, from the shards of all cores.
#include <iterator>
#include <utility>

#include "broker/session/session_table.h"

namespace roost::session {

std::vector<SessionTable::Wanted> SessionTable::wanted_here(
    const std::vector<std::string_view>& filters) const {
  std::vector<Wanted> wanted;
  for (std::uint32_t i = 0; i < filters.size(); ++i) {
    const bool wildcard = filters[i].find_first_of("+#") != std::string_view::npos;
    if (wildcard || &cores_.of(shard_of(filters[i])) == &core_) {
      wanted.push_back({i, std::string(filters[i])});
    }
  }
  return wanted;
}

std::vector<Kept> SessionTable::find_retained(const std::vector<Wanted>& wanted) const {
  std::vector<Kept> kept;
  std::vector<routing::MessagePtr> found;
  for (const Wanted& one : wanted) {
    found.clear();
    for (const auto& shard : shards_) {
      if (shard != nullptr) shard->retained().match(one.text, core_.now_ms(), found);
    }
    for (routing::MessagePtr& message : found) kept.push_back({one.filter, std::move(message)});
  }
  return kept;
}

void SessionTable::gather_retained(const std::vector<std::string_view>& filters, Gathered done) {
  struct Gather {
    std::vector<Kept> kept;
    Gathered done;
    std::size_t waiting = 1;  // for ourselves
  };
  auto gather = std::make_shared<Gather>();
  gather->done = std::move(done);
  const auto add = [gather](std::vector<Kept> kept) {
    auto& all = gather->kept;
    all.insert(all.end(), std::make_move_iterator(kept.begin()),
               std::make_move_iterator(kept.end()));
    if (--gather->waiting == 0) gather->done(std::move(all));
  };
  for (SessionTable* table : tables_.tables) {
    std::vector<Wanted> wanted = table->wanted_here(filters);
    if (wanted.empty()) continue;
    ++gather->waiting;
    if (table == this) {  // what passed here may still wait to be committed
      router_.after(router_.seen_of(core_.id()), [this, add, wanted = std::move(wanted)] {
        add(find_retained(wanted));
      });
      continue;
    }
    table->core_.post([this, table, add, wanted = std::move(wanted),
                       seen = router_.seen_of(table->core_.id())]() mutable {
      table->router_.after(std::move(seen), [this, table, add, wanted = std::move(wanted)] {
        // What is on its way to us from there goes first, so that we know it in the answer.
        table->router_.flush();
        core_.post([add, kept = table->find_retained(wanted)]() mutable { add(std::move(kept)); });
      });
    });
  }
  add({});
}

}  // namespace roost::session
