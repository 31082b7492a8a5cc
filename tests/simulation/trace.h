// SPDX-License-Identifier: Apache-2.0
// What happened, as text for a person. Costs nothing while it is off: a failing seed is run again
// with it on.
// Thread: one at a time.
// Owner: the Simulation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/event_queue.h"

namespace roost::simulation {

class Trace {
 public:
  Trace(const EventQueue& queue, bool is_on) : queue_(queue), is_on_(is_on) {}

  bool is_on() const { return is_on_; }
  // `who`: "n1", "network", "faults". Built by a function, so that nothing is built while it is
  // off.
  template <typename Text>
  void say(std::string_view who, Text&& text) {
    if (is_on_) {
      add(who, text());
    }
  }
  // The same for what comes in masses, such as messages: left out of a short trace.
  template <typename Text>
  void say_detail(std::string_view who, Text&& text) {
    if (is_on_) {
      add(who, text());
      lines_.back().is_detail = true;
    }
  }

  struct Line {
    std::string text;
    bool is_detail = false;
  };
  const std::vector<Line>& lines() const { return lines_; }

 private:
  void add(std::string_view who, const std::string& text);

  const EventQueue& queue_;
  bool is_on_;
  std::vector<Line> lines_;
};

}  // namespace roost::simulation
