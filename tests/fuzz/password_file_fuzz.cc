// SPDX-License-Identifier: Apache-2.0
// Any text as a password file, mosquitto's hashes among them: what is taken has names and hashes
// that are good one by one, what isn't names its lines, and a check costs what was said before.
#include "broker/auth/password_file.h"

#include <string>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/base/check.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace auth;

constexpr std::uint64_t kCheapNs = 1'000'000;  // others are too slow for a fuzzer

void run(std::string_view text) {
  const std::string name = "file";
  const auto table = parse_passwords(text, name);
  if (!table) {
    CHECK(table.error().message.starts_with(name + ":"));
    return;
  }
  std::string again;
  for (const auto& [user, hash] : *table) {
    CHECK(check_user_name(user).has_value());
    const auto cost = check_hash(hash);
    CHECK(cost.has_value());
    if (*cost <= kCheapNs) CHECK(!verify_password(hash, "nobody has this one"));
    again.append(user).append(":").append(hash).append("\n");
  }
  const auto read_again = parse_passwords(again, name);
  CHECK(read_again.has_value() && *read_again == *table);
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::vector<roost::fuzz::Input> seeds;
  const std::string salt = "MTIzNDU2Nzg5MDEyMzQ1Ng==";
  const std::string digest(86, 'A');
  const std::string key(43, 'A');
  for (const std::string& text :
       {"# users\n\nann:$6$" + salt + "$" + digest + "==\n",
        "bob:$7$101$" + salt + "$" + digest + "==\r\nann:$7$1$" + salt + "$" + digest + "==\n",
        "a:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + key + "\n",
        "s:$scrypt$ln=1,r=1,p=1$c2FsdHNhbHQ$" + key + "\n",
        "x:$scram-sha-256$i=4096$W22ZaJ0SNY7soEsUEjb6gQ$" + key + "$" + key + "\n",
        std::string("nohash\n:x\na:b\na:b\n")}) {
    seeds.emplace_back(text.begin(), text.end());
  }
  roost::fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run(roost::as_text({data, size}));
  return 0;
}
