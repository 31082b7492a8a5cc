// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/level_symbols.h"

namespace roost::routing {

LevelSymbols::~LevelSymbols() {
  by_text_.for_each([this](Symbol symbol) { records_[symbol].text.release(); });
}

Symbol LevelSymbols::find(std::uint64_t hash, std::string_view text) const {
  return by_text_.find(hash, [&](Symbol symbol) { return this->text(symbol) == text; });
}

Symbol LevelSymbols::find(std::string_view text) const { return find(hash_(text), text); }

Symbol LevelSymbols::acquire(std::string_view text) {
  const std::uint64_t hash = hash_(text);
  Symbol symbol = find(hash, text);
  if (symbol != kNoSymbol) {
    ++records_[symbol].uses;
    return symbol;
  }
  symbol = records_.add({1, ShortText<20>::make(text)});
  heap_bytes_ += records_[symbol].text.heap_size();
  by_text_.insert(hash, symbol);
  return symbol;
}

void LevelSymbols::release(Symbol symbol) {
  Record& record = records_[symbol];
  if (--record.uses > 0) return;
  by_text_.erase(hash_(record.text.view()), symbol);
  heap_bytes_ -= record.text.heap_size();
  record.text.release();
  records_.remove(symbol);
}

std::size_t LevelSymbols::memory_size() const {
  return records_.memory_size() + by_text_.memory_size() + heap_bytes_;
}

}  // namespace roost::routing
