// SPDX-License-Identifier: Apache-2.0
// Argon2id hashes as PHC strings: $argon2id$v=19$m=...,t=...,p=...$salt$hash.
// Thread: any thread; hashing takes tens of ms and megabytes, so never on a core.
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

// With a fresh random salt of 16 bytes. Errors: resource_exhausted.
Result<std::string> hash_password(std::string_view password, HashCost cost = {});

// Compares in constant time. False also for a text that check_hash refuses.
bool verify_password(const std::string& encoded, std::string_view password);

// Whether `encoded` is an Argon2id hash of bounded cost; the error says what it is instead.
Result<HashCost> check_hash(std::string_view encoded);

}  // namespace roost::auth
