// SPDX-License-Identifier: Apache-2.0
// Filters without wildcards: a hash table of whole topics. Thread: core-bound.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "broker/routing/index_table.h"
#include "broker/routing/pool.h"
#include "broker/routing/short_text.h"
#include "broker/routing/subscriber_list.h"
#include "broker/routing/table_hash.h"

namespace roost::routing {

class ExactFilters {
 public:
  ExactFilters() = default;
  ~ExactFilters();
  ExactFilters(const ExactFilters&) = delete;
  ExactFilters& operator=(const ExactFilters&) = delete;

  bool insert(std::string_view filter, const Subscriber& subscriber);  // as TopicTree
  bool erase(std::string_view filter, void* owner);                    // as TopicTree
  std::span<const Subscriber> find(std::string_view topic) const;

  std::size_t size() const { return entries_; }
  std::size_t filter_count() const { return records_.size(); }
  std::size_t memory_size() const;

 private:
  struct Record {
    SubscriberList list;
    ShortText<36> text;
  };
  static_assert(sizeof(Record) == 64);

  std::uint32_t find(std::uint64_t hash, std::string_view topic) const;

  TableHash hash_;
  Pool<Record> records_;
  IndexTable by_text_;
  std::size_t entries_ = 0;
  std::size_t heap_bytes_ = 0;  // of lists and long texts
};

}  // namespace roost::routing
