// SPDX-License-Identifier: Apache-2.0
#include "broker/net/remainder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "broker/base/check.h"

namespace roost::net {

void Remainder::keep(ByteView rest, std::uint64_t wanted) {
  if (rest.empty()) {
    clear();
    return;
  }
  CHECK(wanted <= std::numeric_limits<std::uint32_t>::max());
  wanted_ = wanted > rest.size() ? static_cast<std::uint32_t>(wanted) : 0;
  const std::size_t capacity =
      std::max({rest.size(), kSmallest, std::min(std::size_t{wanted_}, kAnnouncedMax)});
  // Not in a buffer far too large either: that was another packet's.
  if (capacity > capacity_ || capacity_ > kLarge + capacity) {
    const auto old = std::exchange(data_, nullptr);  // `rest` may be in it
    data_ = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
    capacity_ = static_cast<std::uint32_t>(capacity);
    std::memcpy(data_.get(), rest.data(), rest.size());
  } else {
    std::memmove(data_.get(), rest.data(), rest.size());
  }
  size_ = static_cast<std::uint32_t>(rest.size());
}

void Remainder::append(ByteView more) {
  if (size_ + more.size() > capacity_) {
    grow(std::max(size_ + more.size(), larger_capacity()));
  }
  std::memcpy(data_.get() + size_, more.data(), more.size());
  added(more.size());
}

MutableByteView Remainder::room() {
  if (size_ == capacity_) grow(larger_capacity());
  return {data_.get() + size_, capacity_ - size_};
}

// Twice as much, but no more than the packet that is coming.
std::size_t Remainder::larger_capacity() const {
  const std::size_t twice = 2 * std::max(std::size_t{capacity_}, kSmallest);
  return wanted_ > capacity_ ? std::min(twice, std::size_t{wanted_}) : twice;
}

void Remainder::grow(std::size_t capacity) {
  CHECK(capacity <= std::numeric_limits<std::uint32_t>::max());
  auto data = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
  if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
  data_ = std::move(data);
  capacity_ = static_cast<std::uint32_t>(capacity);
}

}  // namespace roost::net
