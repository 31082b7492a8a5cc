// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/rules.h"

namespace roost::auth {

std::string_view to_text(Right right) {
  switch (right) {
    case Right::publish:
      return "publish";
    case Right::subscribe:
      return "subscribe";
    case Right::receive:
      return "receive";
    case Right::retain:
      return "retain";
  }
  return "?";
}

}  // namespace roost::auth
