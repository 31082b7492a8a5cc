// SPDX-License-Identifier: Apache-2.0
// One command's arguments. A narrow front of CLI11, whose header costs seconds to compile and
// stands only in arguments.cc. Names are written "-p,--port"; what an option holds before parse()
// is its default and shown in --help.
// Thread: own thread.
// Owner: the command; the variables must live until parse() returns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace roost::cli {

inline constexpr int kExitUsage = 2;

class Arguments {
 public:
  // `name` as typed, "roost pub". Commands whose -h means something else pass help_letter = false.
  Arguments(const std::string& name, const std::string& description, bool help_letter = true);
  ~Arguments();
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  void flag(const std::string& names, bool& to, const std::string& help);
  void option(const std::string& names, std::string& to, const std::string& help);
  void option(const std::string& names, std::optional<std::string>& to, const std::string& help);
  void option(const std::string& names, std::uint16_t& to, const std::string& help);
  void option(const std::string& names, std::uint32_t& to, const std::string& help);
  void option(const std::string& names, std::uint64_t& to, const std::string& help);
  void option(const std::string& names, std::optional<std::uint32_t>& to, const std::string& help);
  void option(const std::string& names, int& to, const std::string& help);
  void option(const std::string& names, double& to, const std::string& help);
  void choice(const std::string& names, std::string& to, const std::vector<std::string>& allowed,
              const std::string& help);
  // May be given several times, one value each.
  void list(const std::string& names, std::vector<std::string>& to, const std::string& help);
  // May be given several times, `least` to `most` words each; fewer than `most` end with an empty
  // one (CLI11's way to tell them apart).
  void words(const std::string& names, std::vector<std::vector<std::string>>& to, int least,
             int most, const std::string& help);
  // Words without a dash, in the order they were declared.
  void positional(const std::string& name, std::string& to, bool required, const std::string& help);
  // Starts a new heading in --help for what follows.
  void group(const std::string& heading);
  // Printed at the end of --help.
  void footer(const std::string& text);

  // Nothing: go on. Else the exit code, help or the complaint being printed already.
  std::optional<int> parse(int argc, char** argv);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace roost::cli
