// SPDX-License-Identifier: Apache-2.0
// Password hashes as text: written as Argon2id or scrypt, read also as mosquitto_passwd wrote them
// (hash_kinds.h has the forms).
// Thread: any thread; a check may take tens of ms and megabytes, so never on a core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace roost::auth {

// OWASP's second choice of 2023 for Argon2id: about 20 ms on a common server core.
struct HashCost {
  std::uint32_t memory_kib = 19 * 1024;
  std::uint32_t passes = 2;
};

// OWASP's choice for scrypt with 32 MiB: about 100 ms.
struct ScryptCost {
  std::uint32_t log_n = 15;
  std::uint32_t block = 8;
  std::uint32_t parallel = 3;
};

// With a fresh random salt. Errors: resource_exhausted.
Result<std::string> hash_password(std::string_view password, HashCost cost = {});
Result<std::string> hash_password(std::string_view password, ScryptCost cost);

// Compares in constant time. False also for a text that check_hash refuses.
bool verify_password(const std::string& encoded, std::string_view password);

// About how many ns a check of `encoded` takes on a common server core. Errors: corrupt; say what
// it is instead of a hash of bounded cost.
Result<std::uint64_t> check_hash(std::string_view encoded);

}  // namespace roost::auth
