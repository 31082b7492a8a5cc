// SPDX-License-Identifier: Apache-2.0
#include "broker/session/filter_list.h"

#include <cstring>

namespace roost::session {

namespace {

// Bytes without padding: what stands before all items, and before the text of each.
constexpr std::size_t kCountAt = sizeof(std::uint32_t);
constexpr std::size_t kItemsAt = kCountAt + sizeof(std::uint16_t);
constexpr std::size_t kOptionsAt = sizeof(std::uint32_t);
constexpr std::size_t kTextSizeAt = kOptionsAt + sizeof(mqtt::SubscriptionOptions);
constexpr std::size_t kTextAt = kTextSizeAt + sizeof(std::uint16_t);

template <typename Value>
Value load(const char* at) {
  Value value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

template <typename Value>
void store(char* at, const Value& value) {
  std::memcpy(at, &value, sizeof(value));
}

}  // namespace

std::size_t FilterList::size() const {
  if (many_ != nullptr) return many_->size();
  return packed_ == nullptr ? 0 : load<std::uint16_t>(packed_.get() + kCountAt);
}

std::size_t FilterList::packed_size() const {
  return packed_ == nullptr ? 0 : load<std::uint32_t>(packed_.get());
}

FilterList::Item FilterList::item_at(std::size_t begin) const {
  const char* const item = packed_.get() + kItemsAt + begin;
  const auto text_size = load<std::uint16_t>(item + kTextSizeAt);
  return {{item + kTextAt, text_size},
          {load<mqtt::SubscriptionOptions>(item + kOptionsAt), load<std::uint32_t>(item)},
          begin,
          begin + kTextAt + text_size};
}

std::optional<FilterList::Item> FilterList::packed_item(std::string_view filter) const {
  for (std::size_t at = 0; at < packed_size();) {
    const Item item = item_at(at);
    if (item.filter == filter) return item;
    at = item.end;
  }
  return std::nullopt;
}

std::optional<Subscription> FilterList::find(std::string_view filter) const {
  if (many_ == nullptr) {
    const auto item = packed_item(filter);
    return item ? std::optional(item->subscription) : std::nullopt;
  }
  const auto at = many_->find(filter);
  return at == many_->end() ? std::nullopt : std::optional(at->second);
}

char* FilterList::repack(const Item& without, std::size_t added_size) {
  const std::size_t count = size() - (without.end > 0 ? 1 : 0) + (added_size > 0 ? 1 : 0);
  if (count == 0) {
    packed_.reset();
    return nullptr;
  }
  const std::size_t kept = packed_size() - (without.end - without.begin);
  auto packed = std::make_unique_for_overwrite<char[]>(kItemsAt + kept + added_size);
  char* const items = packed.get() + kItemsAt;
  if (packed_ != nullptr) {
    const char* const old = packed_.get() + kItemsAt;
    std::memcpy(items, old, without.begin);
    std::memcpy(items + without.begin, old + without.end, packed_size() - without.end);
  }
  store(packed.get(), static_cast<std::uint32_t>(kept + added_size));
  store(packed.get() + kCountAt, static_cast<std::uint16_t>(count));
  packed_ = std::move(packed);
  return items + kept;
}

bool FilterList::set(std::string_view filter, const Subscription& subscription) {
  const auto before = many_ == nullptr ? packed_item(filter) : std::nullopt;
  if (many_ == nullptr && size() >= kPackedMax && !before) {
    auto many = std::make_unique<Many>();
    for_each([&](std::string_view text, const Subscription& one) { many->emplace(text, one); });
    many_ = std::move(many);
    packed_.reset();
  }
  if (many_ != nullptr) return many_->insert_or_assign(std::string(filter), subscription).second;
  char* const item = repack(before.value_or(Item()), kTextAt + filter.size());
  store(item, subscription.id);
  store(item + kOptionsAt, subscription.options);
  store(item + kTextSizeAt, static_cast<std::uint16_t>(filter.size()));
  std::memcpy(item + kTextAt, filter.data(), filter.size());
  return !before;
}

bool FilterList::erase(std::string_view filter) {
  if (many_ != nullptr) {
    const auto at = many_->find(filter);
    if (at == many_->end()) return false;
    many_->erase(at);
    return true;
  }
  const auto item = packed_item(filter);
  if (!item) return false;
  repack(*item, 0);
  return true;
}

}  // namespace roost::session
