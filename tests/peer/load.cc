// SPDX-License-Identifier: Apache-2.0
#include "tests/peer/load.h"

#include <cstring>

namespace roost::cluster {

std::string numbered(std::uint32_t sender, std::uint32_t number, std::size_t size) {
  std::string bytes(size, static_cast<char>(sender * 31 + number));
  std::memcpy(bytes.data(), &sender, 4);
  std::memcpy(bytes.data() + 4, &number, 4);
  return bytes;
}

std::size_t random_size(std::minstd_rand& random) {
  const auto kind = random() % 200;
  if (kind == 0) return kChunkBytesMax;
  if (kind < 10) return 8 + random() % 100'000;
  return 8 + random() % 300;
}

void LoadCheck::take(PeerId from, Lane lane, const std::string& bytes) {
  std::uint32_t sender = 0, number = 0;
  if (bytes.size() >= 8) {
    std::memcpy(&sender, bytes.data(), 4);
    std::memcpy(&number, bytes.data() + 4, 4);
  }
  const bool is_whole = bytes.size() >= 8 && bytes == numbered(sender, number, bytes.size());
  std::lock_guard lock(mutex_);
  std::uint32_t& next = next_[{from.value, static_cast<std::uint32_t>(lane), sender}];
  if (!is_whole || number != next) ++faults_;
  next = number + 1;
  ++count_;
}

std::uint64_t LoadCheck::count() const {
  std::lock_guard lock(mutex_);
  return count_;
}

std::uint64_t LoadCheck::faults() const {
  std::lock_guard lock(mutex_);
  return faults_;
}

void LoadCheck::start_again() {
  std::lock_guard lock(mutex_);
  next_.clear();
}

}  // namespace roost::cluster
