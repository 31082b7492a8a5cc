// SPDX-License-Identifier: Apache-2.0
// A rule's topic filter: what of it needs no client is worked out once, placeholders are compared
// where they stand.
// Thread: any thread (immutable once made).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/auth/rules.h"
#include "broker/base/result.h"

namespace roost::auth {

class TopicPattern {
 public:
  enum class Syntax {
    plain,      // no placeholders: a `topic` of mosquitto's
    roost,      // %c, %u, %cn, %{claim}, %% for a percent sign
    mosquitto,  // %c, %u; other percent signs are just that
  };

  // Errors: invalid_argument; the message is what is wrong, to stand behind the quoted text.
  static Result<TopicPattern> parse(std::string_view text, Syntax syntax);

  std::string_view text() const { return text_; }  // as the file has it

  // False as well where a value can't be used: empty, with '+', '#' or '/' in it, or making a
  // first level that begins with '$'; in mosquitto's syntax only what mosquitto refuses.
  bool matches(std::string_view topic, const Subject& who) const;

  // Whether all its values can be used.
  bool can_fill(const Subject& who) const;
  // The filter with its values; none where one can't be used.
  std::optional<std::string> filled(const Subject& who) const;
  // For a rule that forbids: where a value can't be used, all from its level on. Nobody gets by a
  // deny by what he calls himself. "" is everything, `$SYS` too.
  std::string widened(const Subject& who) const;
  // False: there is nothing to widen.
  bool widens() const { return pieces_ && syntax_ == Syntax::roost; }

 private:
  enum class Kind : unsigned char {
    exact,   // no wildcard
    below,   // "a/b/#"
    filter,  // other wildcards
    pieces,  // placeholders or %%
  };
  struct Piece {
    enum class Kind : unsigned char { text, client_id, user_name, common_name, claim, one, all };
    Kind kind = Kind::text;
    std::string text;  // or the claim's name
  };
  using Pieces = std::vector<Piece>;

  TopicPattern(std::string_view text, Syntax syntax) : text_(text), syntax_(syntax) {}
  // What stands at `at`, a percent sign, and how long it is. None: nothing that is known.
  static std::optional<std::pair<Piece, std::size_t>> placeholder_at(std::string_view text,
                                                                     std::size_t at, Syntax syntax);
  // Errors: see parse. `probe`: the filter with something harmless for each value.
  Result<Pieces> split(std::string& probe) const;
  bool is_barred(const Subject& who) const;
  // Null: can't be used.
  std::optional<std::string_view> value_of(const Piece& piece, const Subject& who) const;
  bool pieces_match(std::string_view topic, const Subject& who) const;

  std::string text_;
  std::unique_ptr<Pieces> pieces_;
  Kind kind_ = Kind::exact;
  Syntax syntax_;
};

}  // namespace roost::auth
