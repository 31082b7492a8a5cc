// SPDX-License-Identifier: Apache-2.0
// How often a number was added again while a bit elsewhere says that it is there: nearly always
// never, so the bit alone is kept and only repeats take memory. Thread: core-bound.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>

#include "broker/routing/table_hash.h"

namespace roost::routing {

struct KeyedHash {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t key) const { return table_hash(key, process_key()); }
};

template <typename Key>
class RepeatCounts {
 public:
  void add(Key key) { ++counts_[key]; }

  // True: one repeat less. False: there was none, it is the bit's turn.
  bool remove(Key key) {
    const auto at = counts_.find(key);
    if (at == counts_.end()) return false;
    if (--at->second == 0) counts_.erase(at);
    return true;
  }

 private:
  boost::unordered_flat_map<Key, std::uint32_t, KeyedHash> counts_;
};

}  // namespace roost::routing
