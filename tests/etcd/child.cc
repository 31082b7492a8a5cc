// SPDX-License-Identifier: Apache-2.0
#include "tests/etcd/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "broker/base/file.h"

namespace roost::cluster {

pid_t start_child(const std::vector<std::string>& command, const std::string& output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    // Only what is safe between fork and exec.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  return child;
}

Ran run_child(const std::vector<std::string>& command, const std::string& output) {
  std::filesystem::remove(output);
  const pid_t child = start_child(command, output);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    ADD_FAILURE() << "cannot run " << command[0];
    return {-1, ""};
  }
  auto text = base::read_file(output);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text ? *text : ""};
}

}  // namespace roost::cluster
