// SPDX-License-Identifier: Apache-2.0
// Who may do what with which topics: an ordered list, the first rule that fits decides.
// What the files look like: README.md.
// Thread: any thread (immutable once made).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/auth/identity.h"
#include "broker/base/result.h"

namespace roost::auth {

enum class Right : std::uint8_t {
  publish,
  subscribe,  // of the filter as a whole
  receive,    // of each message
  retain,     // publish with RETAIN=1, beside publish itself
};
std::string_view to_text(Right right);

struct Subject {
  std::string_view client_id;
  const Identity& identity;
};

class Rules {
 public:
  struct Explanation {
    bool allowed = false;
    // Which one, with its place: "acl.yaml:12: deny publish on secret/#", or why none fits.
    std::string why;
  };

  virtual ~Rules() = default;
  // `topic`: a valid topic name; for Right::subscribe a valid filter, without "$share/group/".
  // Topic names are compared without allocation, but where a deny meets a value that can't stand
  // in a topic (README.md); filters are filled in.
  virtual bool allows(Right right, const Subject& who, std::string_view topic) const = 0;
  // The same, in words.
  virtual Explanation explain(Right right, const Subject& who, std::string_view topic) const = 0;
  // False: whatever was subscribed to may be received, nobody needs to ask.
  virtual bool asks_on_receive() const = 0;
  virtual std::size_t size() const = 0;  // rules
};

using RulesPtr = std::shared_ptr<const Rules>;

// `name`: of the file, for errors and explanations ("acl.yaml:12: ...").
// A YAML list alone is rules without groups of their own: what a token brings, as JSON too.
// Errors: invalid_argument with file, line, what was found and what is allowed; larger than 4 MiB
// of YAML or 16 MiB of mosquitto's.
Result<RulesPtr> parse_rules(std::string_view yaml, std::string_view name);
Result<RulesPtr> parse_mosquitto_acl(std::string_view text, std::string_view name);

// Errors: those of base::read_file, and those of parsing.
Result<RulesPtr> read_rules(const std::string& path);
Result<RulesPtr> read_mosquitto_acl(const std::string& path);

}  // namespace roost::auth
