// SPDX-License-Identifier: Apache-2.0
// Any bytes as a stream of packets: what next_frame says of a part must agree with what it says
// of the whole.
#include "broker/mqtt/frame.h"

#include "broker/base/check.h"
#include "broker/mqtt/limits.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/wire_cases.h"

namespace roost::fuzz {
namespace {

using namespace mqtt;

constexpr std::uint32_t kLimit = 64 * 1024;

// The bytes come one at a time.
void check_growing(ByteView bytes, const FrameResult& whole) {
  for (std::size_t size = 0; size <= bytes.size() && size <= 16; ++size) {
    const FrameResult part = next_frame(bytes.first(size), kLimit);
    if (part.status != FrameStatus::incomplete) {
      CHECK(part.status == whole.status);
      CHECK(part.wanted == whole.wanted);
      return;
    }
    if (part.wanted != 0) {
      CHECK(part.wanted > size);
      CHECK(part.wanted == whole.wanted);
    }
  }
}

void run(ByteView bytes) {
  while (true) {
    const FrameResult result = next_frame(bytes, kLimit);
    check_growing(bytes, result);
    CHECK((reason_of(result) == ReasonCode::success) ==
          (result.status == FrameStatus::complete || result.status == FrameStatus::incomplete));
    if (result.status != FrameStatus::complete) return;
    CHECK(result.frame.size() == result.wanted);
    CHECK(result.frame.size() <= bytes.size() && result.frame.size() <= kLimit);
    CHECK(result.frame.body.data() == bytes.data() + result.frame.header_size);
    bytes = bytes.subspan(result.frame.size());
  }
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::vector<roost::fuzz::Input> seeds;
  roost::fuzz::Input stream;
  for (const auto& row : roost::support::all_wire_cases()) {
    const auto bytes = roost::support::wire_bytes(row.bytes);
    if (bytes.size() > 4096) continue;
    seeds.push_back(bytes);
    if (stream.size() < 4096) stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  seeds.push_back(stream);
  roost::fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run({data, size});
  return 0;
}
