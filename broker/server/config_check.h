// SPDX-License-Identifier: Apache-2.0
// What no single row of the settings table can check: settings that belong together, and values
// that are derived from the machine.
// Thread: any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/gates/client_classes.h"
#include "broker/server/config.h"

namespace roost::server {

// "roost.yaml:12" or "--set": who gave the setting of that path; empty where nobody did.
using Origin = std::function<std::string(std::string_view path)>;

// Names listeners, resolves what is inherited or "auto".
void derive(Config& config);

// metrics.classes, as far as it is right.
std::vector<gates::ClientClassRule> class_rules(const MetricsConfig& config);

// Everything wrong, one sentence each. Requires: derive().
std::vector<std::string> check_config(const Config& config, const Origin& origin);
std::vector<std::string> warn_config(const Config& config);

}  // namespace roost::server
