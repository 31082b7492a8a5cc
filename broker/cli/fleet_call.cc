// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/fleet_call.h"

#include <boost/json/serialize.hpp>

#include <cstdio>

#include "broker/admin/words.h"
#include "broker/cli/json_fields.h"

namespace roost::cli {

namespace json = boost::json;

const std::string kFleetFooter =
    std::string(kPlaceHelp) +
    "\nExit codes: 0; 1 the node answers with an error; 2 usage or config; 3 the data directory\n"
    "may not be used by this user; 5 no node answers there.";

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

std::string query_text(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) out += (out.empty() ? "?" : "&") + name + "=" + percent_encode(value);
  }
  return out;
}

void say_missing(const std::string& command, const json::object& answer) {
  for (const json::value& one : list_field(answer, "missing")) {
    if (!one.is_object()) continue;
    const std::string node = admin::printable(text_field(one.get_object(), "node"));
    const std::string what = node.empty() ? "some shards hold" : "node " + node + " has";
    std::fprintf(stderr, "%s: this is without what %s: %s\n", command.c_str(), what.c_str(),
                 admin::printable(text_field(one.get_object(), "error")).c_str());
  }
}

void add_fleet(Arguments& arguments, FleetOptions& options) {
  arguments.flag("--json", options.as_json, "Print the node's answer as it is");
  add_place(arguments, options.place);
}

NodeAnswer ask_fleet(const std::string& command, const FleetOptions& options,
                     const std::string& method, const std::string& target) {
  const auto data_dir = find_data_dir(command, options.place);
  if (!data_dir) return {std::nullopt, 2};
  NodeAnswer answer = ask_node(command, *data_dir, method, target);
  if (!answer.body) return answer;
  say_missing(command, *answer.body);
  if (!options.as_json) return answer;
  std::printf("%s\n", json::serialize(*answer.body).c_str());
  answer.body.reset();
  return answer;
}

}  // namespace roost::cli
