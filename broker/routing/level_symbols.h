// SPDX-License-Identifier: Apache-2.0
// The texts of topic levels, each kept once and known by a number. Thread: core-bound.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/routing/index_table.h"
#include "broker/routing/pool.h"
#include "broker/routing/short_text.h"
#include "broker/routing/table_hash.h"

namespace roost::routing {

using Symbol = std::uint32_t;
inline constexpr Symbol kNoSymbol = 0;

class LevelSymbols {
 public:
  LevelSymbols() = default;
  ~LevelSymbols();
  LevelSymbols(const LevelSymbols&) = delete;
  LevelSymbols& operator=(const LevelSymbols&) = delete;

  // kNoSymbol: nobody uses this text.
  Symbol find(std::string_view text) const;
  // Adds a use of `text`.
  Symbol acquire(std::string_view text);
  // Takes back a use. Requires: acquired.
  void release(Symbol symbol);
  // Requires: acquired.
  std::string_view text(Symbol symbol) const { return records_[symbol].text.view(); }

  std::size_t size() const { return records_.size(); }
  std::size_t memory_size() const;

 private:
  struct Record {
    std::uint32_t uses;
    ShortText<20> text;  // room for what devices have: names, and EUI-64s as 0x00158d0001e3b6a7
  };

  Symbol find(std::uint64_t hash, std::string_view text) const;

  TableHash hash_;
  Pool<Record> records_;
  IndexTable by_text_;
  std::size_t heap_bytes_ = 0;
};

}  // namespace roost::routing
