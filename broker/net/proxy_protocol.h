// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol's prelude, versions 1 and 2: a load balancer says who the client is before
// the client's first byte. Required where it is switched on: anything else ends the connection.
// Thread: wherever its connection is.
#pragma once

#include <memory>

#include "broker/net/byte_filter.h"

namespace roost::net {

std::unique_ptr<ByteFilter> make_proxy_filter();

}  // namespace roost::net
