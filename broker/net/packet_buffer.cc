// SPDX-License-Identifier: Apache-2.0
#include "broker/net/packet_buffer.h"

#include <sys/mman.h>

#include "broker/base/check.h"

namespace roost::net {

PacketBuffer::PacketBuffer(std::size_t capacity) : capacity_(capacity) {
  void* const pages =
      ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  data_ = static_cast<std::uint8_t*>(pages);
}

PacketBuffer::~PacketBuffer() { ::munmap(data_, capacity_); }

void PacketBuffer::grow(std::size_t capacity) {
  CHECK(capacity > capacity_);
  void* const pages = ::mremap(data_, capacity_, capacity, MREMAP_MAYMOVE);
  CHECK(pages != MAP_FAILED);
  data_ = static_cast<std::uint8_t*>(pages);
  capacity_ = capacity;
}

}  // namespace roost::net
