// SPDX-License-Identifier: Apache-2.0
// The traceparent of a message: of any bytes, and what is read as it is written again.
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/check.h"
#include "broker/observe/traceparent.h"
#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  std::vector<roost::fuzz::Input> seeds;
  for (const std::string& text : {parent, "cc" + parent.substr(2) + "-more",
                                  std::string("\x26\0\x0btraceparent\0\x37", 16) + parent}) {
    seeds.emplace_back(text.begin(), text.end());
  }
  roost::fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace roost;
  observe::find_traceparent({data, size});
  const std::string_view text = as_text({data, size});
  const auto parent = observe::parse_traceparent(text);
  if (!parent) return 0;
  const std::string again = observe::traceparent_text(*parent);
  CHECK(observe::parse_traceparent(again) == parent);
  CHECK(again.substr(2, 51) == text.substr(2, 51));
  return 0;
}
