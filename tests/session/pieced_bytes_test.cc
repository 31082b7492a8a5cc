// SPDX-License-Identifier: Apache-2.0
#include "broker/session/pieced_bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace roost::session {
namespace {

std::string copied(const PiecedBytes& pieced, std::size_t offset, std::size_t size) {
  std::vector<std::uint8_t> out;
  pieced.copy(offset, size, out);
  return std::string(as_text(out));
}

TEST(PiecedBytes, ReadAsIfThePiecesStoodAmongTheBytes) {
  const std::string first = "PIECE", second = "other", text = "abcd";
  PiecedBytes pieced;
  pieced.bytes.assign(text.begin(), text.end());
  pieced.pieces = {{0, as_bytes(second)}, {2, as_bytes(first)}, {4, as_bytes(second)}};
  const std::string all = "otherabPIECEcdother";
  ASSERT_EQ(pieced.size(), all.size());
  for (std::size_t offset = 0; offset <= all.size(); ++offset) {
    for (std::size_t size = 0; offset + size <= all.size(); ++size) {
      EXPECT_EQ(copied(pieced, offset, size), all.substr(offset, size));
    }
  }
}

}  // namespace
}  // namespace roost::session
