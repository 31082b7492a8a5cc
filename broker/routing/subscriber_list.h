// SPDX-License-Identifier: Apache-2.0
// The subscribers of one filter. Nearly every filter has one, which stands in the record itself;
// some have thousands, which find their place by an index. Trivially copyable, so that it can live
// in a Pool: empty it (or call release) before it is dropped.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <span>

#include "broker/routing/topic_tree.h"

namespace roost::routing {

class SubscriberList {
 public:
  // True: added; false: the owner's entry was replaced.
  bool insert(const Subscriber& subscriber);
  // True if the owner was there. The last one takes its place.
  bool erase(void* owner);
  void release();

  bool empty() const { return size_ == 0; }
  std::span<const Subscriber> view() const {
    return {size_ <= 1 ? &held_.one : many_items(), size_};
  }
  std::size_t memory_size() const;  // besides the record itself

 private:
  struct Many;
  const Subscriber* many_items() const;

  union Held {
    Subscriber one = {};  // size_ <= 1
    Many* many;           // size_ > 1
  };
  Held held_;
  std::uint32_t size_ = 0;
};

}  // namespace roost::routing
