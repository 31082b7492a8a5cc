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
  if (rest.data() == data() && rest.size() == size_ && !is_shared_) {
    if (capacity > capacity_) grow(capacity);
    return;
  }
  // Not in a buffer far too large either: that was another packet's.
  if (is_shared_ || capacity > capacity_ || capacity_ > kLarge + capacity) {
    const auto old_small = std::exchange(small_, nullptr);  // `rest` may be in one of them
    const auto old_large = std::exchange(large_, {});
    make(capacity);
    is_shared_ = false;
    std::memcpy(data(), rest.data(), rest.size());
  } else {
    std::memmove(data(), rest.data(), rest.size());
  }
  size_ = static_cast<std::uint32_t>(rest.size());
}

void Remainder::append(ByteView more) {
  if (size_ + more.size() > capacity_) {
    grow(std::max(size_ + more.size(), larger_capacity()));
  }
  std::memcpy(data() + size_, more.data(), more.size());
  added(more.size());
}

MutableByteView Remainder::room() {
  if (size_ == capacity_) grow(larger_capacity());
  return {data() + size_, capacity_ - size_};
}

SharedPtr<const SharedBlock> Remainder::share() {
  is_shared_ = static_cast<bool>(large_);
  return SharedPtr<const SharedBlock>::share(large_.get());
}

// Twice as much, but no more than the packet that is coming.
std::size_t Remainder::larger_capacity() const {
  const std::size_t twice = 2 * std::max(std::size_t{capacity_}, kSmallest);
  return wanted_ > capacity_ ? std::min(twice, std::size_t{wanted_}) : twice;
}

void Remainder::grow(std::size_t capacity) {
  if (large_ && !is_shared_) {
    CHECK(capacity <= std::numeric_limits<std::uint32_t>::max());
    large_->grow(capacity);
    capacity_ = static_cast<std::uint32_t>(capacity);
    return;
  }
  const auto old_small = std::exchange(small_, nullptr);
  const auto old_large = std::exchange(large_, {});
  const std::uint8_t* const old = old_large ? old_large->data() : old_small.get();
  make(capacity);
  is_shared_ = false;
  if (size_ > 0) std::memcpy(data(), old, size_);
}

// Requires: neither small_ nor large_.
void Remainder::make(std::size_t capacity) {
  CHECK(capacity <= std::numeric_limits<std::uint32_t>::max());
  if (capacity > kAnnouncedMax) {
    large_ = SharedPtr<PacketBuffer>::adopt(new PacketBuffer(capacity));
  } else {
    small_ = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
  }
  capacity_ = static_cast<std::uint32_t>(capacity);
}

}  // namespace roost::net
