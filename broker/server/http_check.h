// SPDX-License-Identifier: Apache-2.0
// What must fit together in the settings of HTTP. Part of config_check.
// Thread: any thread; reads the token file.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "broker/server/config.h"

namespace roost::server {

void check_http(const HttpConfig& http,
                const std::function<void(const std::string& path, const std::string& text)>& add);
std::vector<std::string> warn_http(const HttpConfig& http);

}  // namespace roost::server
