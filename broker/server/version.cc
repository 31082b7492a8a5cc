// SPDX-License-Identifier: Apache-2.0
#include "broker/server/version.h"

namespace roost::server {

std::string version() { return ROOST_VERSION; }

}  // namespace roost::server
