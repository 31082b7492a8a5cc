// SPDX-License-Identifier: Apache-2.0
// What every chapter of the session tests begins with: a broker of one core, and one of three.
// Thread: core-bound. Owner: GoogleTest.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/session/broker.h"
#include "tests/session/client.h"
#include "tests/support/hello.h"

namespace roost::session {

using support::Client;
using support::Hello;
using support::kQos0;
using support::kQos1;
using support::kQos2;
using support::Lines;
using support::Pub;
using support::Sub;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Chapter : public testing::TestWithParam<int> {
 protected:
  support::Broker broker{static_cast<std::uint16_t>(GetParam())};

  // The lines of PUBLISHes 1..count to `topic` with payloads "1".."count", ids from 1 on.
  static Lines numbered(int count, const std::string& topic, int qos, int first = 1) {
    Lines lines;
    for (int i = first; i < first + count; ++i) {
      const std::string n = std::to_string(i);
      lines.push_back(topic + '=' + n + " q" + std::to_string(qos) + " #" + n);
    }
    return lines;
  }
  static void publish_numbered(Client& from, int count, std::string_view topic, mqtt::Qos qos,
                               int first = 1) {
    for (int i = first; i < first + count; ++i) {
      const std::string n = std::to_string(i);
      from.publish(Pub(topic, n, qos));
    }
    from.finish_all();
  }
};

}  // namespace roost::session

#define ROOST_CHAPTER(Suite)       \
  class Suite : public Chapter {}; \
  INSTANTIATE_TEST_SUITE_P(Cores, Suite, testing::Values(1, 3))
