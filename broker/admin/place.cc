// SPDX-License-Identifier: Apache-2.0
#include "broker/admin/place.h"

#include "storage/lock.h"

namespace roost::admin {

std::optional<std::string> owner_of(const std::string& data_dir) {
  return storage::lock_owner(data_dir);
}

}  // namespace roost::admin
