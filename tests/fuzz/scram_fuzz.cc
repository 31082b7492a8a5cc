// SPDX-License-Identifier: Apache-2.0
// Any text as SCRAM's two messages and as a line of the password file: nobody gets in without the
// password, a refusal says why, and a line that is understood is written again as it was read.
// Input: first message, final message, line; a line each.
#include <algorithm>
#include <string>
#include <string_view>

#include "broker/auth/password_hash.h"
#include "broker/auth/scram.h"
#include "broker/base/bytes.h"
#include "broker/base/check.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace auth;

std::string_view take_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

void check_refusal(const ScramStep& step) { CHECK(step.data.starts_with("e=")); }

void exchange(std::string_view first, std::string_view final, std::string_view line) {
  static const ScramDecoys decoys{ScramKey{1}};
  ScramExchange server(
      [&](std::string_view user) -> std::optional<std::string> {
        if (user != "user") return std::nullopt;
        return std::string(line);
      },
      decoys, kScramIterationsMin, [] { return std::string("nonce"); });
  const ScramStep challenge = server.first(first);
  if (!challenge.refusal.empty()) {
    check_refusal(challenge);
    CHECK(server.final(final).is_garbled);
    return;
  }
  CHECK(first.size() <= kScramMessageMax && challenge.data.starts_with("r="));
  CHECK(!server.user().empty());
  // No proof of what is unguessable.
  check_refusal(server.final(final));
  check_refusal(server.final(final));
}

void run(std::string_view input) {
  const std::string_view first = take_line(input);
  const std::string_view final = take_line(input);
  exchange(first, final, input);
  const auto secret = read_scram(input);
  CHECK(secret.has_value() == (is_scram(input) && check_hash(input).has_value()));
  if (!secret) return;
  const std::string written = write_scram(*secret);
  CHECK(read_scram(written) && write_scram(*read_scram(written)) == written);
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::vector<roost::fuzz::Input> seeds;
  const std::string key(43, 'A');
  const std::string line = "$scram-sha-256$i=4096$W22ZaJ0SNY7soEsUEjb6gQ$" + key + "$" + key;
  for (const std::string& text :
       {"n,,n=user,r=abc\nc=biws,r=abcnonce,p=" + key + "=\n" + line,
        "y,a=user,n=user,r=abc,x=y\nc=eSxhPXVzZXIs,r=abcnonce,x=y,p=" + key + "=\n" + line,
        "p=tls-exporter,,n=a=2Cb=3D,r=abc\nc=biws,r=abcnonce\n" + line,
        std::string("n,,m=x,n=nobody,r=abc\n\n$scram-sha-256$i=4096$$$")}) {
    seeds.emplace_back(text.begin(), text.end());
  }
  roost::fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run(roost::as_text({data, size}));
  return 0;
}
