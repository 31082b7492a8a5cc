// SPDX-License-Identifier: Apache-2.0
// roost drain: a node gives its leadership away, sends its clients off and ends.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>

#include "broker/admin/place.h"
#include "broker/cli/cli.h"
#include "broker/cli/node_call.h"
#include "broker/http/client.h"

namespace roost::cli {
namespace {

constexpr const char* kName = "roost drain";
constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr std::uint32_t kWaitDefaultS = 600;

const std::string kFooter =
    std::string(
        "What SIGTERM does: the node says that it isn't ready, others lead its shards, clients "
        "are\n"
        "sent off at drain.rate, then it ends. It comes back by a start; nothing moves its "
        "data.\n\n") +
    kPlaceHelp +
    "\nExit codes: 0 it has ended; 1 refused, or not within --wait (it goes on); 2 usage or "
    "config;\n"
    "3 the data directory may not be used by this user; 5 no node answers there.";

// Until the process that uses the directory has left it.
bool wait_until_left(const std::string& data_dir, const std::string& owner, std::uint32_t wait_s) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(wait_s);
  while (admin::owner_of(data_dir) == owner) {
    if (std::chrono::steady_clock::now() >= limit) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

}  // namespace

int run_drain(int argc, char** argv) {
  PlaceOptions place;
  std::uint32_t wait_s = kWaitDefaultS;
  Arguments arguments(kName, "Drains the node and waits until it has ended.");
  arguments.option("--wait", wait_s, "Seconds to wait for its end at most; it goes on after them");
  add_place(arguments, place);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const auto data_dir = find_data_dir(kName, place);
  if (!data_dir) return kExitUsage;
  const NodeAnswer status = ask_node(kName, *data_dir, "GET", "/api/v1/status");
  if (!status.body) return status.exit_code;
  const auto owner = admin::owner_of(*data_dir);
  if (owner) {
    // It may end before the answer is out: then the lock says all.
    const auto begun = http::ask_unix(admin::socket_path(*data_dir), "POST", "/api/v1/drain");
    if (begun && begun->status >= 300) {
      return complain(kName, "refused: " + begun->body, kExitFailed);
    }
    if (!wait_until_left(*data_dir, *owner, wait_s)) {
      return complain(kName, "not ended within " + std::to_string(wait_s) + " s; it goes on",
                      kExitFailed);
    }
  }
  std::printf("Ended.\n");
  return 0;
}

}  // namespace roost::cli
