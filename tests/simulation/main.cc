// SPDX-License-Identifier: Apache-2.0
// simulation --seeds A..B [--steps N] [--trace] [--until PROPERTY]
// Runs the seeds one after the other. Prints each that fails, with the end of its trace; the last
// line, 'total ...', is for tests/simulation/run.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/simulation/simulation.h"

namespace {

using roost::simulation::name_of;
using roost::simulation::RunReport;
using roost::simulation::RunSetup;
using roost::simulation::Trace;

constexpr std::size_t kShortLines = 100;
constexpr std::size_t kAllLines = 20;

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
  RunSetup setup;
  std::string until;  // stops at the first seed that shows this property
};

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const bool has_value = i + 1 < count;
    if (word == "--trace") {
      arguments.setup.is_traced = true;
    } else if (word == "--seeds" && has_value) {
      char* end = nullptr;
      arguments.first = arguments.last = std::strtoull(words[++i], &end, 10);
      if (std::strncmp(end, "..", 2) == 0) {
        arguments.last = std::strtoull(end + 2, nullptr, 10);
      }
    } else if (word == "--steps" && has_value) {
      arguments.setup.steps = std::strtoull(words[++i], nullptr, 10);
    } else if (word == "--until" && has_value) {
      arguments.until = words[++i];
    } else {
      return false;
    }
  }
  return true;
}

// The last of what matters, and all of the very last.
void print_short(const std::vector<Trace::Line>& lines) {
  const std::size_t all_from = lines.size() > kAllLines ? lines.size() - kAllLines : 0;
  std::size_t from = all_from;
  for (std::size_t count = 0; from > 0 && count < kShortLines; --from) {
    count += lines[from - 1].is_detail ? 0 : 1;
  }
  for (std::size_t i = from; i < lines.size(); ++i) {
    if (i >= all_from || !lines[i].is_detail) {
      std::puts(lines[i].text.c_str());
    }
  }
}

void print_violation(std::uint64_t seed, const RunReport& report) {
  std::printf("seed %llu: %s: %s\n  (%s)\n", static_cast<unsigned long long>(seed),
              std::string(name_of(report.violation->property)).c_str(),
              report.violation->what.c_str(), report.about.c_str());
}

// For mutants, in which also a CHECK of ours may fail: each seed in a process of its own, and only
// the wanted property counts.
int find_property(const Arguments& arguments) {
  for (std::uint64_t seed = arguments.first; seed <= arguments.last; ++seed) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      RunSetup setup = arguments.setup;
      setup.seed = seed;
      const RunReport report = run_seed(setup);
      if (report.violation) {
        print_violation(seed, report);
        std::fflush(stdout);
      }
      _exit(report.violation && arguments.until == name_of(report.violation->property) ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) {
      std::printf("found in seed %llu\n", static_cast<unsigned long long>(seed));
      return 0;
    }
  }
  return 1;
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    std::fputs("usage: simulation --seeds A..B [--steps N] [--trace] [--until PROPERTY]\n", stderr);
    return 2;
  }
  if (!arguments.until.empty()) {
    return find_property(arguments);
  }
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  roost::simulation::Counters counters;
  for (std::uint64_t seed = arguments.first; seed <= arguments.last; ++seed) {
    RunSetup setup = arguments.setup;
    setup.seed = seed;
    const RunReport report = run_seed(setup);
    counters.add_all(report.counters);
    ++(report.violation ? failed : passed);
    if (setup.is_traced) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), report.about.c_str());
      for (const Trace::Line& line : report.trace) {
        std::puts(line.text.c_str());
      }
    }
    if (!report.violation) {
      continue;
    }
    print_violation(seed, report);
    if (!setup.is_traced) {
      setup.is_traced = true;
      print_short(run_seed(setup).trace);
    }
    std::fflush(stdout);
  }
  std::printf("total passed %llu failed %llu", static_cast<unsigned long long>(passed),
              static_cast<unsigned long long>(failed));
  for (const auto& [name, value] : counters.all()) {
    std::printf(" %s %llu", name.c_str(), static_cast<unsigned long long>(value));
  }
  std::puts("");
  return failed == 0 ? 0 : 1;
}
