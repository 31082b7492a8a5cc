// SPDX-License-Identifier: Apache-2.0
// Commands as child processes, which end with the thread that started them.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace roost::cluster {

// Output goes to the end of the file.
pid_t start_child(const std::vector<std::string>& command, const std::string& output);

struct Ran {
  int status = 0;  // of the exit; -1: a signal
  std::string output;
};
// Waits for its end. `output`: a file for it, replaced.
Ran run_child(const std::vector<std::string>& command, const std::string& output);

}  // namespace roost::cluster
