// SPDX-License-Identifier: Apache-2.0
// How two topic filters lie to each other, as sets of topic names. Exact: wildcards at the first
// level don't stand for `$SYS/...` [MQTT-4.7.2-1], `a/#` has `a` in it.
// Thread: any thread (pure).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace roost::mqtt {

// All of these require valid filters without "$share/group/".

// Every topic that `narrow` matches is matched by `wide`.
bool covers(std::string_view wide, std::string_view narrow);
// Some topic is matched by both.
bool overlaps(std::string_view one, std::string_view other);
// The filter that matches what both match; none where nothing is.
std::optional<std::string> intersection(std::string_view one, std::string_view other);

}  // namespace roost::mqtt
