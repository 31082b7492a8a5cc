// SPDX-License-Identifier: Apache-2.0
// How sessions are resumed: by tickets that the clients keep, under the node's keys.
// Thread: any thread, before the context is used.
#pragma once

#include <openssl/ssl.h>

#include "broker/base/result.h"
#include "broker/net/settings.h"

namespace roost::net {

// A ticket is good where clients are asked for the same certificates: another authority, another
// list of revoked ones or another rule than when it was made, and the client shakes hands in full.
// So does one whose certificate has expired meanwhile. Errors: io.
[[nodiscard]] Result<void> set_resumption(SSL_CTX& context, const TlsSettings& settings);

}  // namespace roost::net
