// SPDX-License-Identifier: Apache-2.0
// Retained messages for a new subscription, from the shards of all cores and nodes.
#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/session/session_table.h"

namespace roost::session {

namespace {

bool has_wildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

// What this broker says of itself stays on its node.
bool is_of_this_node(std::string_view filter) { return filter.starts_with("$SYS/"); }

}  // namespace

std::vector<SessionTable::Wanted> SessionTable::wanted_here(
    const std::vector<std::string_view>& filters) const {
  std::vector<Wanted> wanted;
  for (std::uint32_t i = 0; i < filters.size(); ++i) {
    if (has_wildcard(filters[i]) || &cores_.of(shard_of(filters[i])) == &core_) {
      wanted.push_back({i, std::string(filters[i])});
    }
  }
  return wanted;
}

SessionTable::Led SessionTable::find_retained(const std::vector<Wanted>& wanted,
                                              routing::ShardSet shards) const {
  Led led;
  for (const auto& shard : shards_) {
    if (shard == nullptr || !shard->is_leading()) continue;
    led.shards |= routing::ShardSet{1} << shard->id().value % 64U;
  }
  led.shards &= shards;
  std::vector<routing::MessagePtr> found;
  for (const Wanted& one : wanted) {
    found.clear();
    for (const auto& shard : shards_) {
      if (shard == nullptr) continue;
      const bool is_asked = (shards >> shard->id().value % 64U & 1U) != 0;
      if (is_of_this_node(one.text) || (is_asked && shard->is_leading())) {
        shard->retained().match(one.text, core_.now_ms(), found);
      }
    }
    for (routing::MessagePtr& message : found) {
      led.kept.push_back({one.filter, std::move(message)});
    }
  }
  return led;
}

void SessionTable::gather_led(const std::vector<std::string_view>& filters,
                              routing::ShardSet shards, std::function<void(Led)> done) {
  struct Gather {
    Led led;
    std::function<void(Led)> done;
    std::size_t waiting = 1;  // for ourselves
  };
  auto gather = std::make_shared<Gather>();
  gather->done = std::move(done);
  const auto add = [gather](Led led) {
    auto& all = gather->led.kept;
    all.insert(all.end(), std::make_move_iterator(led.kept.begin()),
               std::make_move_iterator(led.kept.end()));
    gather->led.shards |= led.shards;
    if (--gather->waiting == 0) gather->done(std::move(gather->led));
  };
  for (SessionTable* table : tables_.tables) {
    std::vector<Wanted> wanted = table->wanted_here(filters);
    if (wanted.empty()) continue;
    ++gather->waiting;
    if (table == this) {  // what passed here may still wait to be committed
      router_.after(router_.seen_of(core_.id()), [this, add, shards, wanted = std::move(wanted)] {
        add(find_retained(wanted, shards));
      });
      continue;
    }
    table->core_.post([this, table, add, shards, wanted = std::move(wanted),
                       seen = router_.seen_of(table->core_.id())]() mutable {
      table->router_.after(std::move(seen), [this, table, add, shards, wanted = std::move(wanted)] {
        // What is on its way to us from there goes first, so that we know it in the answer.
        table->router_.flush();
        core_.post(
            [add, led = table->find_retained(wanted, shards)]() mutable { add(std::move(led)); });
      });
    });
  }
  add({});
}

routing::ShardSet SessionTable::shards_elsewhere(const std::vector<std::string_view>& filters,
                                                 routing::ShardSet led) const {
  routing::ShardSet wanted = 0;
  for (const std::string_view filter : filters) {
    if (is_of_this_node(filter)) continue;
    if (has_wildcard(filter)) {
      wanted = shards_.size() < 64 ? (routing::ShardSet{1} << shards_.size()) - 1
                                   : ~routing::ShardSet{0};
      break;
    }
    wanted |= routing::ShardSet{1} << shard_of(filter).value % 64U;
  }
  return wanted & ~led;
}

void SessionTable::gather_retained(const std::vector<std::string_view>& filters, Gathered done) {
  constexpr routing::ShardSet kAll = ~routing::ShardSet{0};
  if (elsewhere_ == nullptr) {
    gather_led(filters, kAll, [done = std::move(done)](Led led) { done(std::move(led.kept)); });
    return;
  }
  std::vector<std::string> texts(filters.begin(), filters.end());
  gather_led(filters, kAll, [this, texts = std::move(texts), done = std::move(done)](Led led) {
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const routing::ShardSet elsewhere = shards_elsewhere(views, led.shards);
    if (elsewhere == 0) return done(std::move(led.kept));
    elsewhere_->gather(texts, elsewhere,
                       [here = std::move(led.kept), done](std::vector<Kept> kept) mutable {
                         here.insert(here.end(), std::make_move_iterator(kept.begin()),
                                     std::make_move_iterator(kept.end()));
                         done(std::move(here));
                       });
  });
}

}  // namespace roost::session
