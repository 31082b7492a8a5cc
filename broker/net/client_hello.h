// SPDX-License-Identifier: Apache-2.0
// What the first bytes of a TLS connection say before anything is spent on it.
// Thread: any thread.
#pragma once

#include "broker/base/bytes.h"

namespace roost::net {

// Whether `bytes` begin a TLS ClientHello that offers to resume a session: a pre-shared key (TLS
// 1.3) or a ticket (1.2). Behind a PROXY prelude too. A hint only: false where the hello is not
// all there, comes in several records, or is none.
bool offers_ticket(ByteView bytes);

}  // namespace roost::net
