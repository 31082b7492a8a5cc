// SPDX-License-Identifier: Apache-2.0
// What must fit together in the settings of bridges and webhooks, and what they mean. Part of
// config_check.
// Thread: any thread (pure).
#pragma once

#include <functional>
#include <string>

#include "broker/outgoing/bridge.h"
#include "broker/outgoing/webhook.h"
#include "broker/server/config.h"

namespace roost::server {

void check_ways(const Config& config,
                const std::function<void(const std::string& path, const std::string& text)>& add);

// Requires: checked.
outgoing::BridgeSettings settings_of(const BridgeConfig& config);
outgoing::WebhookSettings settings_of(const WebhookConfig& config);

}  // namespace roost::server
