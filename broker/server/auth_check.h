// SPDX-License-Identifier: Apache-2.0
// What must fit together in the settings of authentication and rules.
// Thread: any thread (pure).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/config.h"

namespace roost::server {

enum class AuthSource { jwt, password, http };

// Whom a listener asks, in order. Requires: the setting was checked.
std::vector<AuthSource> sources_of(const ListenerConfig& listener, const AuthConfig& config);

void check_auth(const Config& config,
                const std::function<void(const std::string& path, const std::string& text)>& add);

}  // namespace roost::server
