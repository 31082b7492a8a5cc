// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/subscriber_list.h"

#include <algorithm>
#include <vector>

#include "broker/routing/index_table.h"
#include "broker/routing/table_hash.h"

namespace roost::routing {

namespace {

// With more subscribers than this an index by owner is kept, ...
constexpr std::size_t kScannedMax = 16;
// ... until there are as few as this again.
constexpr std::size_t kIndexedMin = 8;

std::uint64_t owner_hash(const void* owner) {
  return table_hash(reinterpret_cast<std::uintptr_t>(owner), process_key());
}

}  // namespace

struct SubscriberList::Many {
  std::vector<Subscriber> items;
  IndexTable by_owner;  // position + 1; empty while there are few

  bool is_indexed() const { return by_owner.size() > 0; }

  // Position of the owner's entry; items.size(): none.
  std::size_t find(const void* owner) const {
    if (is_indexed()) {
      const std::uint32_t found = by_owner.find(
          owner_hash(owner), [&](std::uint32_t index) { return items[index - 1].owner == owner; });
      return found == kNoIndex ? items.size() : found - 1;
    }
    const auto at = std::find_if(items.begin(), items.end(),
                                 [&](const Subscriber& item) { return item.owner == owner; });
    return static_cast<std::size_t>(at - items.begin());
  }

  void add(const Subscriber& subscriber) {
    items.push_back(subscriber);
    if (is_indexed()) {
      index(items.size() - 1);
    } else if (items.size() > kScannedMax) {
      for (std::size_t i = 0; i < items.size(); ++i) index(i);
    }
  }

  void remove(std::size_t at) {
    if (is_indexed()) {
      const auto last = static_cast<std::uint32_t>(items.size());
      by_owner.erase(owner_hash(items[at].owner), static_cast<std::uint32_t>(at + 1));
      if (at + 1 != last) {
        by_owner.replace(owner_hash(items.back().owner), last, static_cast<std::uint32_t>(at + 1));
      }
    }
    items[at] = items.back();
    items.pop_back();
    if (items.size() < kIndexedMin) by_owner = IndexTable();
    if (items.size() * 4 < items.capacity()) shrink();
  }

  void index(std::size_t at) {
    by_owner.insert(owner_hash(items[at].owner), static_cast<std::uint32_t>(at + 1));
  }

  void shrink() {
    std::vector<Subscriber> fitting;
    fitting.reserve(items.size() * 2);
    fitting.assign(items.begin(), items.end());
    items.swap(fitting);
  }
};

static_assert(sizeof(SubscriberList) == 24);

const Subscriber* SubscriberList::many_items() const { return held_.many->items.data(); }

bool SubscriberList::insert(const Subscriber& subscriber) {
  if (size_ == 0 || (size_ == 1 && held_.one.owner == subscriber.owner)) {
    held_.one = subscriber;
    const bool added = size_ == 0;
    size_ = 1;
    return added;
  }
  if (size_ == 1) {
    auto* many = new Many();
    many->items = {held_.one, subscriber};
    held_.many = many;
    size_ = 2;
    return true;
  }
  const std::size_t at = held_.many->find(subscriber.owner);
  if (at < size_) {
    held_.many->items[at] = subscriber;
    return false;
  }
  held_.many->add(subscriber);
  ++size_;
  return true;
}

bool SubscriberList::erase(void* owner) {
  if (size_ <= 1) {
    if (size_ == 0 || held_.one.owner != owner) return false;
    size_ = 0;
    return true;
  }
  const std::size_t at = held_.many->find(owner);
  if (at == size_) return false;
  held_.many->remove(at);
  if (--size_ == 1) {
    const Subscriber left = held_.many->items.front();
    delete held_.many;
    held_.one = left;
  }
  return true;
}

void SubscriberList::release() {
  if (size_ > 1) delete held_.many;
  held_.one = Subscriber{};
  size_ = 0;
}

std::size_t SubscriberList::memory_size() const {
  if (size_ <= 1) return 0;
  return sizeof(Many) + held_.many->items.capacity() * sizeof(Subscriber) +
         held_.many->by_owner.memory_size();
}

}  // namespace roost::routing
