// SPDX-License-Identifier: Apache-2.0
// What the commands that work on a data directory share: finding it, and asking the node that runs
// there.
// Thread: own thread.
#pragma once

#include <boost/json/value.hpp>

#include <optional>
#include <string>

#include "broker/base/result.h"
#include "broker/cli/arguments.h"

namespace roost::cli {

inline constexpr int kExitFailed = 1;         // the answer is no, and says why
inline constexpr int kExitDataDirectory = 3;  // it can't be used
inline constexpr int kExitNoNode = 5;         // no node answers there

inline constexpr const char* kPlaceHelp =
    "The data directory is --data-dir, or what `roost serve` would use here: that of the config\n"
    "file (--config, or ROOST_CONFIG), ROOST_DATA_DIR, ./roost-data.\n";

struct PlaceOptions {
  std::optional<std::string> config_file;
  std::optional<std::string> data_dir;
};

void add_place(Arguments& arguments, PlaceOptions& place);

// As serve resolves it. Nothing: the config is wrong, and that was said.
std::optional<std::string> find_data_dir(const std::string& command, const PlaceOptions& place);

// An answer of the admin API. Nothing: there is none, or an error; said, with the code to end with.
struct NodeAnswer {
  std::optional<boost::json::object> body;
  int exit_code = 0;
};
NodeAnswer ask_node(const std::string& command, const std::string& data_dir,
                    const std::string& method, const std::string& target,
                    const std::string& body = {});

// "roost restore: why" on stderr; returns the code.
int complain(const std::string& command, const std::string& why, int code);

}  // namespace roost::cli
