// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/topic_pattern.h"

#include <algorithm>
#include <utility>

#include "broker/mqtt/topic.h"

namespace roost::auth {
namespace {

constexpr std::uint32_t kLevelsMax = 65'536;  // the config's limit is for clients

auto bad(std::string what) { return error(ErrorKind::invalid_argument, std::move(what)); }

}  // namespace

std::optional<std::pair<TopicPattern::Piece, std::size_t>> TopicPattern::placeholder_at(
    std::string_view text, std::size_t at, Syntax syntax) {
  using Kind = Piece::Kind;
  const std::string_view rest = text.substr(at + 1);
  const auto found = [](Kind kind, std::size_t size) { return std::pair{Piece{kind, {}}, size}; };
  if (syntax == Syntax::mosquitto) {
    if (rest.starts_with('c')) return found(Kind::client_id, 2);
    if (rest.starts_with('u')) return found(Kind::user_name, 2);
    return std::pair{Piece{Kind::text, "%"}, std::size_t{1}};
  }
  if (rest.starts_with("cn")) return found(Kind::common_name, 3);
  if (rest.starts_with('c')) return found(Kind::client_id, 2);
  if (rest.starts_with('u')) return found(Kind::user_name, 2);
  if (rest.starts_with('%')) return std::pair{Piece{Kind::text, "%"}, std::size_t{2}};
  const std::size_t end = rest.find('}');
  if (!rest.starts_with('{') || end == std::string_view::npos || end == 1) return std::nullopt;
  const std::string_view name = rest.substr(1, end - 1);
  if (name.find_first_of("+#/{") != std::string_view::npos) return std::nullopt;
  return std::pair{Piece{Kind::claim, std::string(name)}, end + 2};
}

Result<TopicPattern::Pieces> TopicPattern::split(std::string& probe) const {
  Pieces pieces;
  const auto add_text = [&](std::string_view more) {
    if (pieces.empty() || pieces.back().kind != Piece::Kind::text) pieces.emplace_back();
    pieces.back().text += more;
    probe += more;
  };
  for (std::size_t at = 0; at < text_.size();) {
    const char c = text_[at];
    if (c == '%' && syntax_ != Syntax::plain) {
      auto placeholder = placeholder_at(text_, at, syntax_);
      if (!placeholder) {
        return bad(
            "has a placeholder that is none: allowed are %c (client id), %u (user name), %cn"
            " (common name), %{claim}, and %% for a percent sign");
      }
      at += placeholder->second;
      if (placeholder->first.kind == Piece::Kind::text) {
        add_text(placeholder->first.text);
      } else {
        pieces.push_back(std::move(placeholder->first));
        probe += 'x';
      }
      continue;
    }
    if (c == '+' || c == '#') {
      pieces.push_back({c == '+' ? Piece::Kind::one : Piece::Kind::all, {}});
      probe += c;
    } else {
      add_text({&c, 1});
    }
    ++at;
  }
  return pieces;
}

Result<TopicPattern> TopicPattern::parse(std::string_view text, Syntax syntax) {
  TopicPattern pattern(text, syntax);
  std::string probe;
  auto pieces = pattern.split(probe);
  if (!pieces) return Unexpected(std::move(pieces).error());
  const auto filter = mqtt::TopicFilter::parse(probe, kLevelsMax);
  if (syntax == Syntax::roost && filter && filter->is_shared()) {
    return bad("is shared: rules are about the filter without $share/group/");
  }
  if (!filter) {
    return bad(
        "is no topic filter: + and # fill their level, # the last one; UTF-8 of 1 to 65535"
        " bytes without control characters");
  }
  const bool is_filled = std::any_of(pieces->begin(), pieces->end(), [](const Piece& piece) {
    return piece.kind != Piece::Kind::text && piece.kind != Piece::Kind::one &&
           piece.kind != Piece::Kind::all;
  });
  if (is_filled || probe != text) {
    pattern.kind_ = Kind::pieces;
    pattern.pieces_ = std::make_unique<Pieces>(std::move(*pieces));
  } else if (pieces->size() == 2 && text.ends_with("/#")) {
    pattern.kind_ = Kind::below;
  } else if (pieces->size() > 1 || pieces->front().kind != Piece::Kind::text) {
    pattern.kind_ = Kind::filter;
  }
  return pattern;
}

std::optional<std::string_view> TopicPattern::value_of(const Piece& piece,
                                                       const Subject& who) const {
  std::string_view value;
  switch (piece.kind) {
    case Piece::Kind::text:
      return piece.text;
    case Piece::Kind::one:
      return "+";
    case Piece::Kind::all:
      return "#";
    case Piece::Kind::client_id:
      value = who.client_id;
      break;
    case Piece::Kind::user_name:
      value = who.identity.user_name;
      break;
    case Piece::Kind::common_name:
      value = who.identity.certificate_common_name;
      break;
    case Piece::Kind::claim:
      if (const std::string* claim = who.identity.claim(piece.text)) value = *claim;
      break;
  }
  if (value.empty()) return std::nullopt;
  if (syntax_ == Syntax::mosquitto) return value;  // is_barred() has looked
  if (value.find_first_of("+#/") != std::string_view::npos) return std::nullopt;
  const bool is_first = &piece == &pieces_->front();
  return is_first && value.front() == '$' ? std::nullopt : std::optional(value);
}

// As mosquitto: to who has a wildcard in either name no pattern applies, with %c and %u or without.
bool TopicPattern::is_barred(const Subject& who) const {
  if (syntax_ != Syntax::mosquitto) return false;
  return who.client_id.find_first_of("+#") != std::string_view::npos ||
         who.identity.user_name.find_first_of("+#") != std::string::npos;
}

bool TopicPattern::matches(std::string_view topic, const Subject& who) const {
  if (is_barred(who)) return false;
  switch (kind_) {
    case Kind::exact:
      return topic == text_;
    case Kind::below: {
      const std::string_view parent(text_.data(), text_.size() - 2);
      if (!topic.starts_with(parent)) return false;
      return topic.size() == parent.size() || topic[parent.size()] == '/';
    }
    case Kind::filter:
      return mqtt::matches(text_, topic);
    case Kind::pieces:
      break;
  }
  return pieces_match(topic, who);
}

bool TopicPattern::pieces_match(std::string_view topic, const Subject& who) const {
  std::string_view rest = topic;
  for (const Piece& piece : *pieces_) {
    if (piece.kind == Piece::Kind::one) {
      if (rest.data() == topic.data() && topic.starts_with('$')) return false;  // [MQTT-4.7.2-1]
      rest.remove_prefix(std::min(rest.find('/'), rest.size()));
      continue;
    }
    if (piece.kind == Piece::Kind::all) return true;
    const auto value = value_of(piece, who);
    if (!value) return false;
    if (!rest.starts_with(*value)) {
      // "a/" before "#": "a" is matched as well.
      const bool ends = &piece + 1 == &pieces_->back();
      return ends && pieces_->back().kind == Piece::Kind::all && value->ends_with('/') &&
             rest == value->substr(0, value->size() - 1);
    }
    rest.remove_prefix(value->size());
  }
  return rest.empty();
}

bool TopicPattern::can_fill(const Subject& who) const {
  if (is_barred(who)) return false;
  return !pieces_ || std::all_of(pieces_->begin(), pieces_->end(), [&](const Piece& piece) {
    return value_of(piece, who).has_value();
  });
}

std::optional<std::string> TopicPattern::filled(const Subject& who) const {
  if (is_barred(who)) return std::nullopt;
  if (!pieces_) return text_;
  std::string filter;
  for (const Piece& piece : *pieces_) {
    const auto value = value_of(piece, who);
    if (!value) return std::nullopt;
    filter += *value;
  }
  return filter;
}

std::string TopicPattern::widened(const Subject& who) const {
  if (!pieces_) return text_;
  std::string filter;
  for (const Piece& piece : *pieces_) {
    const auto value = value_of(piece, who);
    if (!value) {
      const std::size_t slash = filter.rfind('/');
      if (slash == std::string::npos) return "";
      return filter.substr(0, slash + 1) + "#";
    }
    filter += *value;
  }
  return filter;
}

}  // namespace roost::auth
