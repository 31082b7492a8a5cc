// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/table_hash.h"

#include <random>

namespace roost::routing {

namespace {

TableKey random_key() {
  std::random_device device;
  const auto word = [&] { return std::uint64_t{device()} << 32 | device(); };
  // Odd: a factor of zero would fold everything to zero.
  return {word() | 1, word() | 1};
}

}  // namespace

const TableKey& process_key() {
  static const TableKey kKey = random_key();
  return kKey;
}

}  // namespace roost::routing
