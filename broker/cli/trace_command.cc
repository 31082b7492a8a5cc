// SPDX-License-Identifier: Apache-2.0
// roost trace: follows a client, a topic or an address on all nodes, live and into a file.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "broker/cli/cli.h"
#include "broker/cli/fleet_call.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/table.h"
#include "broker/server/settings_value.h"

namespace roost::cli {
namespace {

namespace json = boost::json;

constexpr const char* kName = "roost trace";
constexpr long kBetweenNs = 300'000'000;

volatile std::sig_atomic_t g_stopped = 0;
void stop(int) { g_stopped = 1; }

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

std::string line_of(const json::object& line, bool as_json) {
  if (as_json) return json::serialize(line);
  return text_field(line, "at") + " " + cell(text_field(line, "node")) + " " +
         cell(text_field(line, "client_id")) + " " + cell(text_field(line, "text"));
}

void print(const json::object& answer, bool as_json, std::FILE* file) {
  for (const json::value& one : list_field(answer, "lines")) {
    if (!one.is_object()) continue;
    const std::string line = line_of(one.get_object(), as_json);
    std::printf("%s\n", line.c_str());
    if (file != nullptr) std::fprintf(file, "%s\n", line.c_str());
  }
  const std::uint64_t lost = number_field(answer, "lost");
  if (lost > 0) {
    std::fprintf(stderr, "%s: %llu lines were too many and are lost\n", kName,
                 static_cast<unsigned long long>(lost));
  }
  std::fflush(stdout);
  if (file != nullptr) std::fflush(file);
}

// Until its time is over or SIGINT comes.
int follow(const std::string& data_dir, const std::string& path, bool as_json, std::FILE* file) {
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  int code = 0;
  while (true) {
    const NodeAnswer answer = ask_node(kName, data_dir, "GET", path);
    if (!answer.body) {
      code = answer.exit_code;
      break;
    }
    print(*answer.body, as_json, file);
    if (g_stopped != 0 || flag_field(*answer.body, "over")) break;
    const timespec pause{0, kBetweenNs};
    ::nanosleep(&pause, nullptr);
  }
  if (code == 0) ask_node(kName, data_dir, "DELETE", path);
  return code;
}

}  // namespace

int run_trace(int argc, char** argv) {
  PlaceOptions place;
  bool as_json = false;
  std::string client, topic, address, time = "60s", path;
  Arguments arguments(kName, "Follows packets of a client, of a topic or from an address, live.");
  arguments.positional("CLIENT", client, false, "A client id; '*' stands for anything");
  arguments.option("--topic", topic, "PUBLISHes to topics that this filter matches");
  arguments.option("--address", address, "Of clients from that address");
  arguments.option("--for", time, "How long, such as 90s, 10m; at most 1h, else 60s");
  arguments.option("--file", path, "Written to that file as well, which must not be there");
  arguments.flag("--json", as_json, "A JSON object a line");
  add_place(arguments, place);
  arguments.footer(
      "On all nodes; <- came from the client, -> was sent to it. SIGINT ends it.\n\n" +
      std::string(kPlaceHelp) +
      "\nExit codes: 0; 1 the node answers with an error; 2 usage or config; 3 the data directory\n"
      "may not be used by this user; 5 no node answers there.");
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const auto ms = server::parse_duration_ms(time);
  if (!ms || *ms < 1000) {
    return complain(kName, "--for is \"" + time + "\"; allowed is a time like 90s, 10m", 2);
  }
  const auto data_dir = find_data_dir(kName, place);
  if (!data_dir) return 2;
  File file;
  if (!path.empty()) {
    file.reset(std::fopen(path.c_str(), "wxe"));
    if (file == nullptr) return complain(kName, path + " is there already, or can't be written", 2);
  }
  const json::object wish = {{"client", client},
                             {"topic", topic},
                             {"address", address},
                             {"for_s", static_cast<std::int64_t>(*ms / 1000)}};
  const NodeAnswer begun =
      ask_node(kName, *data_dir, "POST", "/api/v1/traces", json::serialize(wish));
  if (!begun.body) return begun.exit_code;
  say_missing(kName, *begun.body);
  return follow(*data_dir, "/api/v1/traces/" + text_field(*begun.body, "id"), as_json, file.get());
}

}  // namespace roost::cli
