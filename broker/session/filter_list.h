// SPDX-License-Identifier: Apache-2.0
// The filters of one session. Few of them stand in one packed text, so that a million sleeping
// devices with a filter each cost little; many in a map.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/mqtt/types.h"

namespace roost::session {

struct Subscription {
  mqtt::SubscriptionOptions options;
  std::uint32_t id = 0;  // 0: none
};

class FilterList {
 public:
  bool empty() const { return size() == 0; }
  std::size_t size() const;
  bool contains(std::string_view filter) const { return find(filter).has_value(); }
  std::optional<Subscription> find(std::string_view filter) const;
  // True: it is new.
  bool set(std::string_view filter, const Subscription& subscription);
  // True if it was there.
  bool erase(std::string_view filter);
  // Calls visit(filter, subscription); the list must not change meanwhile.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    if (many_ != nullptr) {
      for (const auto& [filter, subscription] : *many_)
        visit(std::string_view(filter), subscription);
      return;
    }
    for (std::size_t at = 0; at < packed_size();) {
      const Item item = item_at(at);
      visit(item.filter, item.subscription);
      at = item.end;
    }
  }

 private:
  static constexpr std::size_t kPackedMax = 16;
  using Many = std::map<std::string, Subscription, std::less<>>;
  struct Item {
    std::string_view filter;
    Subscription subscription;
    std::size_t begin = 0, end = 0;
  };
  std::size_t packed_size() const;  // bytes of the items
  Item item_at(std::size_t begin) const;
  std::optional<Item> packed_item(std::string_view filter) const;
  // Without one item; behind the others a new one of `added_size` bytes, whose place is returned.
  char* repack(const Item& without, std::size_t added_size);

  std::unique_ptr<char[]> packed_;  // size of the items, count; then each: subscription, size, text
  std::unique_ptr<Many> many_;
};

}  // namespace roost::session
