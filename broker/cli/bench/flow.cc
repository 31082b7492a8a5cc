// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/flow.h"

#include <cstring>

#include "broker/base/check.h"

namespace roost::cli::bench {
namespace {

void add_fan_in(const Options& options, const std::string& root, Plan& plan) {
  for (std::uint32_t i = 0; i < options.publishers; ++i) {
    plan.publishers.push_back({{root + "/" + std::to_string(i)}, 1, i % options.threads});
  }
  plan.subscribers.push_back({{root + "/+"}, 0, options.publishers, 0});
}

// Every publisher to every subscriber.
void add_all_to_all(const Options& options, const std::string& root, Plan& plan) {
  for (std::uint32_t i = 0; i < options.publishers; ++i) {
    plan.publishers.push_back(
        {{root + "/" + std::to_string(i)}, options.subscribers, i % options.threads});
  }
  const std::string filter = options.publishers == 1 ? root + "/0" : root + "/+";
  for (std::uint32_t i = 0; i < options.subscribers; ++i) {
    plan.subscribers.push_back({{filter}, 0, options.publishers, i % options.threads});
  }
}

void add_pairs(const Options& options, const std::string& root, Plan& plan) {
  for (std::uint32_t i = 0; i < options.publishers; ++i) {
    const std::string topic = root + "/" + std::to_string(i);
    plan.publishers.push_back({{topic}, 1, i % options.threads});
    plan.subscribers.push_back({{topic}, i, 1, i % options.threads});
  }
}

void add_shared(const Options& options, const std::string& root, Plan& plan) {
  for (std::uint32_t i = 0; i < options.publishers; ++i) {
    plan.publishers.push_back({{root + "/" + std::to_string(i)}, 1, i % options.threads});
  }
  for (std::uint32_t i = 0; i < options.subscribers; ++i) {
    plan.subscribers.push_back({{"$share/bench/" + root + "/+"}, 0, options.publishers, 0});
  }
}

std::string filled(std::string shape, const std::string& prefix, std::uint64_t number) {
  for (auto at = shape.find("%p"); at != std::string::npos; at = shape.find("%p", at)) {
    shape.replace(at, 2, prefix);
  }
  for (auto at = shape.find("%n"); at != std::string::npos; at = shape.find("%n", at)) {
    shape.replace(at, 2, std::to_string(number));
  }
  return shape;
}

// A name that the filter matches.
std::string name_for(std::string filter) {
  for (char& c : filter) {
    if (c == '+' || c == '#') c = 'x';
  }
  return filter;
}

void add_wildcards(const Options& options, Plan& plan) {
  CHECK(options.publishers > 0);
  for (std::uint32_t i = 0; i < options.publishers; ++i) {
    plan.publishers.push_back({{}, 1, i % options.threads});
    plan.subscribers.push_back({{}, i, 1, i % options.threads});
  }
  for (std::uint64_t n = 0; n < options.count; ++n) {
    const auto pair = n % options.publishers;
    const std::string filter = filled(options.filter_shape, options.topic_prefix, n);
    plan.subscribers[pair].filters.push_back(filter);
    plan.publishers[pair].topics.push_back(name_for(filter));
  }
}

}  // namespace

bool read_stamp(ByteView payload, std::uint32_t run, Stamp& out) {
  if (payload.size() < sizeof out) return false;
  std::memcpy(&out, payload.data(), sizeof out);
  return out.run == run;
}

Plan make_plan(const Options& options) {
  Plan plan;
  const std::string root =
      options.topic_prefix + "/" + mode_names()[static_cast<std::size_t>(options.mode)];
  switch (options.mode) {
    case Mode::fan_in:
      add_fan_in(options, root, plan);
      break;
    case Mode::fan_out:
      add_all_to_all(options, root, plan);
      break;
    case Mode::shared:
      add_shared(options, root, plan);
      break;
    case Mode::wildcards:
      add_wildcards(options, plan);
      break;
    case Mode::offline:
      options.publishers == 1 ? add_all_to_all(options, root, plan)
                              : add_pairs(options, root, plan);
      break;
    default:
      add_pairs(options, root, plan);
      break;
  }
  return plan;
}

std::uint64_t Flow::arrived(std::size_t publisher) const {
  std::uint64_t sum = 0;
  for (const auto& tally : tallies) sum += tally->arrived[publisher].value();
  return sum;
}

std::uint64_t Flow::sum(Counter Tally::*counter) const {
  std::uint64_t sum = 0;
  for (const auto& tally : tallies) sum += ((*tally).*counter).value();
  return sum;
}

}  // namespace roost::cli::bench
