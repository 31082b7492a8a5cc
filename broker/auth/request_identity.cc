// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/request_identity.h"

namespace roost::auth {

Identity identity_of(const AuthRequest& request) {
  Identity identity;
  identity.listener = request.listener;
  identity.address = request.address;
  identity.certificate_common_name = request.certificate_common_name;
  return identity;
}

}  // namespace roost::auth
