// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/exact_filters.h"

namespace roost::routing {

ExactFilters::~ExactFilters() {
  by_text_.for_each([this](std::uint32_t index) {
    records_[index].list.release();
    records_[index].text.release();
  });
}

std::uint32_t ExactFilters::find(std::uint64_t hash, std::string_view topic) const {
  return by_text_.find(hash,
                       [&](std::uint32_t index) { return records_[index].text.view() == topic; });
}

std::span<const Subscriber> ExactFilters::find(std::string_view topic) const {
  if (by_text_.size() == 0) return {};
  const std::uint32_t index = find(hash_(topic), topic);
  if (index == kNoIndex) return {};
  return records_[index].list.view();
}

bool ExactFilters::insert(std::string_view filter, const Subscriber& subscriber) {
  const std::uint64_t hash = hash_(filter);
  std::uint32_t index = find(hash, filter);
  if (index == kNoIndex) {
    index = records_.add({SubscriberList(), ShortText<36>::make(filter)});
    heap_bytes_ += records_[index].text.heap_size();
    by_text_.insert(hash, index);
  }
  SubscriberList& list = records_[index].list;
  heap_bytes_ -= list.memory_size();
  const bool added = list.insert(subscriber);
  heap_bytes_ += list.memory_size();
  entries_ += added ? 1 : 0;
  return added;
}

bool ExactFilters::erase(std::string_view filter, void* owner) {
  const std::uint64_t hash = hash_(filter);
  const std::uint32_t index = find(hash, filter);
  if (index == kNoIndex) return false;
  Record& record = records_[index];
  const std::size_t before = record.list.memory_size();
  if (!record.list.erase(owner)) return false;
  heap_bytes_ = heap_bytes_ - before + record.list.memory_size();
  --entries_;
  if (record.list.empty()) {
    by_text_.erase(hash, index);
    heap_bytes_ -= record.text.heap_size();
    record.text.release();
    records_.remove(index);
  }
  return true;
}

std::size_t ExactFilters::memory_size() const {
  return sizeof(*this) + records_.memory_size() + by_text_.memory_size() + heap_bytes_;
}

}  // namespace roost::routing
