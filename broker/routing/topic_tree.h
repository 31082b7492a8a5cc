// SPDX-License-Identifier: Apache-2.0
// Filters -> entries, and who matches a topic. Exact filters live in a hash table of whole topics;
// filters with wildcards in a trie of levels with interned level texts, so that 100 000 distinct
// filters stay under 600 B each and a topic costs a few probes. [MQTT5-4.7]
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "broker/mqtt/topic.h"

namespace roost::routing {

class ExactFilters;
class FilterTrie;

// One subscriber of a filter. `owner` identifies it: a filter holds each owner once.
struct Subscriber {
  void* owner = nullptr;              // a Session or a ShareGroup; the tree never looks inside
  std::uint32_t subscription_id = 0;  // 0: none [MQTT5-3.8.2.1.2]
  mqtt::SubscriptionOptions options;  // 4 bytes
};

class TopicTree {
 public:
  TopicTree();
  ~TopicTree();
  TopicTree(const TopicTree&) = delete;
  TopicTree& operator=(const TopicTree&) = delete;

  // `filter`: without "$share/group/". True: added; false: replaced the owner's entry.
  bool insert(std::string_view filter, const Subscriber& subscriber);
  // True if the owner was there.
  bool erase(std::string_view filter, void* owner);

  // Calls visit(const Subscriber&) for every entry of every matching filter (an owner with
  // overlapping filters comes several times). `visit` must not change the tree.
  template <typename Visit>
  void match(std::string_view topic, Visit&& visit) const {
    using Callee = std::remove_reference_t<Visit>;
    collect(
        topic,
        [](void* callee, std::span<const Subscriber> found) {
          for (const Subscriber& subscriber : found) (*static_cast<Callee*>(callee))(subscriber);
          return true;
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(visit))));
  }
  // Whether match(...) would find anybody for whom wanted(const Subscriber&) holds; stops at the
  // first filter that has one.
  template <typename Wanted>
  bool matches_any(std::string_view topic, Wanted&& wanted) const {
    struct Search {
      std::remove_reference_t<Wanted>& wanted;
      bool found = false;
    } search{wanted};
    collect(
        topic,
        [](void* callee, std::span<const Subscriber> subscribers) {
          auto& mine = *static_cast<Search*>(callee);
          for (const Subscriber& one : subscribers) mine.found = mine.found || mine.wanted(one);
          return !mine.found;
        },
        &search);
    return search.found;
  }
  bool matches_any(std::string_view topic) const {
    return matches_any(topic, [](const Subscriber&) { return true; });
  }

  std::size_t size() const;          // entries
  std::size_t filter_count() const;  // distinct filters
  std::size_t memory_size() const;   // heap bytes, close enough for a metric

 private:
  // One matching filter's entries; false: stop looking.
  using Found = bool (*)(void* callee, std::span<const Subscriber> found);
  void collect(std::string_view topic, Found found, void* callee) const;

  std::unique_ptr<ExactFilters> exact_;
  std::unique_ptr<FilterTrie> trie_;
};

}  // namespace roost::routing
