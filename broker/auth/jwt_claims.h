// SPDX-License-Identifier: Apache-2.0
// What a token with a right signature says, against what the settings demand.
// Thread: any thread.
#pragma once

#include <boost/json/object.hpp>

#include "broker/auth/jwt_verifier.h"

namespace roost::auth {

// Times, issuer, audience and client id; then who it is.
JwtVerdict judge_claims(const boost::json::object& claims, const AuthRequest& request,
                        const JwtSettings& settings, std::uint64_t now_s);

}  // namespace roost::auth
