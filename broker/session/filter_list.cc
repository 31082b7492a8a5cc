// SPDX-License-Identifier: Apache-2.0
#include "broker/session/filter_list.h"

#include <cstring>
#include <type_traits>

namespace roost::session {

namespace {

struct Head {
  Subscription subscription;
  std::uint16_t size;
};
static_assert(std::is_trivially_copyable_v<Head>);

}  // namespace

FilterList::Item FilterList::item_at(std::size_t begin) const {
  Head head;
  std::memcpy(&head, packed_.data() + begin, sizeof(head));
  const std::size_t text = begin + sizeof(head);
  return {std::string_view(packed_).substr(text, head.size), head.subscription, begin,
          text + head.size};
}

std::optional<FilterList::Item> FilterList::packed_item(std::string_view filter) const {
  for (std::size_t at = 0; at < packed_.size();) {
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

void FilterList::append(std::string_view filter, const Subscription& subscription) {
  const Head head{subscription, static_cast<std::uint16_t>(filter.size())};
  char bytes[sizeof(head)];
  std::memcpy(bytes, &head, sizeof(head));
  packed_.reserve(packed_.size() + sizeof(head) + filter.size());
  packed_.append(bytes, sizeof(head));
  packed_.append(filter);
}

bool FilterList::set(std::string_view filter, const Subscription& subscription) {
  if (many_ == nullptr && size_ >= kPackedMax && !contains(filter)) {
    auto many = std::make_unique<Many>();
    for_each([&](std::string_view text, const Subscription& one) { many->emplace(text, one); });
    many_ = std::move(many);
    packed_ = {};
  }
  if (many_ != nullptr) {
    const bool is_new = many_->insert_or_assign(std::string(filter), subscription).second;
    size_ += is_new;
    return is_new;
  }
  const bool was_there = erase(filter);
  append(filter, subscription);
  ++size_;
  return !was_there;
}

bool FilterList::erase(std::string_view filter) {
  if (many_ != nullptr) {
    const auto at = many_->find(filter);
    if (at == many_->end()) return false;
    many_->erase(at);
  } else {
    const auto item = packed_item(filter);
    if (!item) return false;
    packed_.erase(item->begin, item->end - item->begin);
  }
  --size_;
  return true;
}

}  // namespace roost::session
