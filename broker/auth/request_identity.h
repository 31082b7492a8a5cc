// SPDX-License-Identifier: Apache-2.0
// What is known of a client before anybody looked at its password.
// Thread: any thread.
#pragma once

#include "broker/auth/authenticator.h"

namespace roost::auth {

// Listener, certificate and address (without its port); no user name, no groups.
Identity identity_of(const AuthRequest& request);

}  // namespace roost::auth
