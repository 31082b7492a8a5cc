// SPDX-License-Identifier: Apache-2.0
// What a replica keeps beside its log, as bytes on its disk.
// Thread: any thread (pure functions).
#pragma once

#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "cluster/replication/output.h"

namespace roost::cluster {

std::string encode(const replication::Meta& meta);
// Of an empty text: a meta of a replica that never had one. Errors: corrupt.
Result<replication::Meta> decode_meta(std::string_view text);

}  // namespace roost::cluster
