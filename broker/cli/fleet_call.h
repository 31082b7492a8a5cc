// SPDX-License-Identifier: Apache-2.0
// What the commands about sessions, queues and retained messages share: targets of the API, and
// answers that are for the whole cluster.
// Thread: own thread.
#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/cli/node_call.h"

namespace roost::cli {

// The end of their --help.
extern const std::string kFleetFooter;

// All but letters, digits and "-._~", as a part of a path or a query.
std::string percent_encode(std::string_view text);

// "?a=1&b=x%20y" of those that have a value; empty where none has.
std::string query_text(const std::vector<std::pair<std::string, std::string>>& parameters);

// Which nodes didn't answer, on stderr: what was printed is a part.
void say_missing(const std::string& command, const boost::json::object& answer);

// Options that all of them have.
struct FleetOptions {
  PlaceOptions place;
  bool as_json = false;
};
void add_fleet(Arguments& arguments, FleetOptions& options);

// Asks; prints the answer where as_json, and then `body` is empty. Errors are said.
NodeAnswer ask_fleet(const std::string& command, const FleetOptions& options,
                     const std::string& method, const std::string& target);

}  // namespace roost::cli
