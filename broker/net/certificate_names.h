// SPDX-License-Identifier: Apache-2.0
// Thread: any thread (pure).
#pragma once

#include <openssl/types.h>

#include "broker/net/peer_info.h"

namespace roost::net {

// A name with a NUL in it counts as missing: "alice\0.example" must not pass for alice.
CertificateNames names_of(const X509& certificate);

}  // namespace roost::net
