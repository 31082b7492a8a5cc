// SPDX-License-Identifier: Apache-2.0
// Topics and filters of few words, so that random ones meet often; the same ones from a seed.
// Thread: own thread (tests).
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace roost::routing {

class RandomTopics {
 public:
  explicit RandomTopics(std::uint64_t seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  std::string topic() {
    std::string text(word());
    for (std::uint32_t i = below(5); i > 0; --i) (text += '/') += word();
    return text.empty() ? "a" : text;
  }

  std::string filter() {
    std::string text;
    for (std::uint32_t i = below(5);; --i) {
      const std::uint32_t kind = below(8);
      if (kind == 0) return text += '#';
      text += kind < 3 ? "+" : word();
      if (i == 0) return text.empty() ? "b" : text;
      text += '/';
    }
  }

 private:
  std::string_view word() {
    static constexpr std::array<std::string_view, 8> kWords = {
        "a", "b", "", "$SYS", "$", "kitchen", "c", "a level of more than twenty bytes"};
    return kWords[below(kWords.size())];
  }

  std::mt19937_64 random_;
};

}  // namespace roost::routing
