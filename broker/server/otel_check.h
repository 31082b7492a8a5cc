// SPDX-License-Identifier: Apache-2.0
// What the settings of OpenTelemetry say, and whether they can be right. Part of config_check.
// Thread: any thread; reads the file of headers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "broker/server/config.h"

namespace roost::server {

using WebHeaders = std::vector<std::pair<std::string, std::string>>;

// One "Name: value" a line; # comments and empty lines are left out. Errors name `file_name` and
// the line, never a value.
Result<WebHeaders> parse_headers(std::string_view text, const std::string& file_name);

// Of "0.01" that many of 2^32. Errors: invalid_argument.
Result<std::uint64_t> parse_fraction(std::string_view text);

// None of "". Errors: those of reading, and of parse_headers().
Result<WebHeaders> read_headers(const std::string& path);

void check_otel(const OtelConfig& otel,
                const std::function<void(const std::string& path, const std::string& text)>& add);

}  // namespace roost::server
