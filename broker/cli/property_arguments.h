// SPDX-License-Identifier: Apache-2.0
// -D COMMAND NAME VALUE: MQTT 5 properties in mosquitto's words, for the packets that a command
// sends.
// Thread: own thread.
// Owner: the command; the properties are views into it, so it must live as long as they do.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/mqtt/properties.h"

namespace roost::cli {

class PropertyArguments {
 public:
  // One -D: command, name, value; for user-property: command, name, key, value.
  // An empty word behind a value that is alone is ignored. Errors: invalid_argument, a sentence.
  Result<void> add(std::vector<std::string> words);

  mqtt::Properties connect, publish, subscribe, unsubscribe, disconnect, will;

 private:
  mqtt::Properties* properties_of(const std::string& command);

  std::deque<std::string> texts_;  // what the views point to
};

}  // namespace roost::cli
