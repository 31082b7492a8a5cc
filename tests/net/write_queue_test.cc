// SPDX-License-Identifier: Apache-2.0
#include "broker/net/write_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <utility>

namespace roost::net {
namespace {

class Text final : public SharedBlock {
 public:
  Text(std::string value, int& alive) : value_(std::move(value)), alive_(alive) { ++alive_; }
  ~Text() override { --alive_; }
  ByteView bytes() const { return as_bytes(value_); }

 private:
  const std::string value_;
  int& alive_;
};

std::string all_of(const WriteQueue& queue) {
  std::array<iovec, 4096> segments;
  const std::size_t count = queue.gather(segments.data(), segments.size());
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    all.append(static_cast<const char*>(segments[i].iov_base), segments[i].iov_len);
  }
  return all;
}

std::size_t segments_of(const WriteQueue& queue) {
  std::array<iovec, 4096> segments;
  return queue.gather(segments.data(), segments.size());
}

TEST(WriteQueue, PacksSmallWritesTogether) {
  WriteQueue queue;
  std::string expected;
  for (int i = 0; i < 10'000; ++i) {
    queue.append(as_bytes("twelve bytes"));
    expected += "twelve bytes";
  }
  EXPECT_EQ(queue.size(), 120'000U);
  EXPECT_EQ(all_of(queue), expected);
  EXPECT_LE(segments_of(queue), 6U);
}

TEST(WriteQueue, TakesAWriteLargerThanAnyBlock) {
  WriteQueue queue;
  const std::string large(1'000'000, 'x');
  queue.append(as_bytes(large));
  EXPECT_EQ(all_of(queue), large);
}

TEST(WriteQueue, KeepsSharedBytesWithoutCopyingUntilTheyAreConsumed) {
  WriteQueue queue;
  int alive = 0;
  auto text = SharedPtr<const Text>::adopt(new Text("shared payload", alive));
  const std::uint8_t* const where = text->bytes().data();
  queue.append(as_bytes("head"));
  queue.append_shared(text->bytes(), SharedPtr<const SharedBlock>::share(text.get()));
  queue.append(as_bytes("tail"));
  text = {};
  std::array<iovec, 3> segments;
  ASSERT_EQ(queue.gather(segments.data(), 3), 3U);
  EXPECT_EQ(segments[1].iov_base, where);
  EXPECT_EQ(all_of(queue), "headshared payloadtail");
  queue.consume(17);
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(all_of(queue), "dtail");
  queue.consume(1);
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(all_of(queue), "tail");
}

TEST(WriteQueue, GathersNoMoreThanItIsAskedFor) {
  WriteQueue queue;
  int alive = 0;
  for (int i = 0; i < 10; ++i) {
    auto text = SharedPtr<const Text>::adopt(new Text(std::to_string(i), alive));
    queue.append_shared(text->bytes(), SharedPtr<const SharedBlock>::share(text.get()));
  }
  std::array<iovec, 4> segments;
  EXPECT_EQ(queue.gather(segments.data(), 4), 4U);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(alive, 0);
}

TEST(WriteQueue, GathersNoMoreBytesThanItIsAskedFor) {
  WriteQueue queue;
  int alive = 0;
  queue.append(as_bytes("head"));
  auto text = SharedPtr<const Text>::adopt(new Text("shared payload", alive));
  queue.append_shared(text->bytes(), SharedPtr<const SharedBlock>::share(text.get()));
  queue.append(as_bytes("tail"));
  std::array<iovec, 4> segments;
  ASSERT_EQ(queue.gather(segments.data(), 4, 10), 2U);
  EXPECT_EQ(segments[1].iov_len, 6U);
  EXPECT_EQ(queue.gather(segments.data(), 4, 4), 1U);
  EXPECT_EQ(queue.gather(segments.data(), 4, 0), 0U);
  EXPECT_EQ(queue.gather(segments.data(), 4, 100), 3U);
}

TEST(WriteQueue, MovesWithEverythingInIt) {
  WriteQueue first;
  first.append(as_bytes("cargo"));
  WriteQueue second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): emptiness is the promise
  EXPECT_EQ(all_of(second), "cargo");
  WriteQueue third;
  third.append(as_bytes("new"));
  second = std::move(third);
  EXPECT_EQ(all_of(second), "new");
}

TEST(WriteQueue, IsAStringAsSeenFromOutside) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    WriteQueue queue;
    std::string model;
    int alive = 0;
    for (int step = 0; step < 2'000; ++step) {
      const std::string piece(random() % 3'000, static_cast<char>('a' + random() % 26));
      switch (random() % 4) {
        case 0:
          queue.append(as_bytes(piece));
          model += piece;
          break;
        case 1: {
          auto text = SharedPtr<const Text>::adopt(new Text(piece, alive));
          queue.append_shared(text->bytes(), SharedPtr<const SharedBlock>::share(text.get()));
          model += piece;
          break;
        }
        default: {
          const std::size_t size = model.empty() ? 0 : random() % (model.size() + 1);
          queue.consume(size);
          model.erase(0, size);
        }
      }
      ASSERT_EQ(queue.size(), model.size());
      ASSERT_EQ(all_of(queue), model);
    }
    queue.consume(model.size());
    EXPECT_EQ(alive, 0);
  }
}

}  // namespace
}  // namespace roost::net
