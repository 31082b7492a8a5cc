// SPDX-License-Identifier: Apache-2.0
// Puts a body together that came in parts. Memory grows with what has come, not with what a part
// says of the whole.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/gates/peer_message.h"

namespace roost::gates {

class BodyBuffer final : public SharedBlock {
 public:
  explicit BodyBuffer(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  ByteView bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

class PartJoiner {
 public:
  // The whole body with its last part, else null. A first part begins anew; one that doesn't follow
  // the one before drops what was collected.
  SharedPtr<BodyBuffer> add(const FormHead& part) {
    if (part.offset == 0) {
      bytes_.clear();
      size_ = part.size;
    }
    if (part.offset != bytes_.size() || part.size != size_) {
      drop();
      return {};
    }
    bytes_.insert(bytes_.end(), part.rest.begin(), part.rest.end());
    if (bytes_.size() < size_) return {};
    auto whole = SharedPtr<BodyBuffer>::adopt(new BodyBuffer(std::exchange(bytes_, {})));
    drop();
    return whole;
  }
  void drop() {
    bytes_ = {};
    size_ = 0;
  }
  std::size_t collected() const { return bytes_.size(); }

 private:
  std::vector<std::uint8_t> bytes_;
  std::uint64_t size_ = 0;
};

}  // namespace roost::gates
