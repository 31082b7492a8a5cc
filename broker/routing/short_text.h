// SPDX-License-Identifier: Apache-2.0
// A text that stands in the record itself when it has at most `kRoom` bytes, else on the heap.
// Trivially copyable, so that it can live in a Pool: whoever drops it calls release().
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace roost::routing {

template <std::uint32_t kRoom>
class ShortText {
  static_assert(kRoom >= sizeof(char*));

 public:
  static ShortText make(std::string_view text) {
    ShortText made;
    made.size_ = static_cast<std::uint32_t>(text.size());
    char* to = made.room_;
    if (text.size() > kRoom) {
      to = new char[text.size()];
      std::memcpy(made.room_, &to, sizeof(to));
    }
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return made;
  }

  void release() {
    if (size_ > kRoom) delete[] heap();
    size_ = 0;
  }

  std::string_view view() const { return {size_ > kRoom ? heap() : room_, size_}; }
  std::size_t heap_size() const { return size_ > kRoom ? size_ : 0; }

 private:
  char* heap() const {
    char* at;
    std::memcpy(&at, room_, sizeof(at));
    return at;
  }

  std::uint32_t size_ = 0;
  char room_[kRoom] = {};
};

}  // namespace roost::routing
