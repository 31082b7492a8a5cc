// SPDX-License-Identifier: Apache-2.0
// Wall clock time as text.
// Thread: any thread.
#pragma once

#include <string>

#include "broker/base/clock.h"

namespace roost::server {

std::string time_text(WallMs ms);  // "2026-11-26T14:20:45Z"

}  // namespace roost::server
