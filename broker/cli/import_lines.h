// SPDX-License-Identifier: Apache-2.0
// The lines of a mosquitto.conf, those of included files in their places.
// Thread: own thread.
#pragma once

#include <string>
#include <vector>

#include "broker/base/result.h"

namespace roost::cli {

struct ConfigLine {
  std::string place;   // "mosquitto.conf:12"
  std::string option;  // the first word
  std::string value;   // the rest, without spaces at its ends
};

// Comments and empty lines are left out; include_dir is followed: its *.conf files in the order of
// their names, as mosquitto reads them. Errors: those of reading a file; invalid_argument: an
// include within an include, or a folder that can't be listed.
Result<std::vector<ConfigLine>> read_mosquitto_lines(const std::string& file);

}  // namespace roost::cli
