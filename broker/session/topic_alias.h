// SPDX-License-Identifier: Apache-2.0
// Topic aliases of one connection, each direction. [MQTT5-3.3.2.3.4] They never outlive it.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace roost::session {

// What the client taught us.
class TopicAliasIn {
 public:
  // Requires: 1 <= alias <= maximum announced.
  void learn(std::uint16_t alias, std::string_view topic);
  // Empty: unknown.
  std::string_view resolve(std::uint16_t alias) const;

 private:
  std::vector<std::string> topics_;
};

// What we teach the client: the first topics sent get one each, until they are used up.
class TopicAliasOut {
 public:
  explicit TopicAliasOut(std::uint16_t maximum) : maximum_(maximum) {}
  struct Choice {
    std::uint16_t alias = 0;  // 0: none left, send the topic
    bool known = false;       // the client knows it: send an empty topic
  };
  Choice choose(std::string_view topic);

 private:
  std::uint16_t maximum_;
  boost::unordered_flat_map<std::string, std::uint16_t> aliases_;
};

}  // namespace roost::session
