// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/filter_relation.h"

#include "broker/mqtt/topic.h"

namespace roost::mqtt {
namespace {

bool begins_wild(std::string_view filter) {
  return filter.starts_with('+') || filter.starts_with('#');
}

bool is_hidden_from(std::string_view filter, std::string_view other) {
  return filter.starts_with('$') && begins_wild(other);
}

}  // namespace

bool covers(std::string_view wide, std::string_view narrow) {
  if (is_hidden_from(narrow, wide)) return false;
  if (narrow == "#" && wide == "+/#") return true;  // every topic has a first level
  LevelCursor outer(wide), inner(narrow);
  while (!outer.done()) {
    const std::string_view level = outer.next();
    if (level == "#") return true;
    if (inner.done()) return false;
    const std::string_view found = inner.next();
    if (found == "#") return false;
    if (level != "+" && level != found) return false;
  }
  return inner.done();
}

bool overlaps(std::string_view one, std::string_view other) {
  if (is_hidden_from(one, other) || is_hidden_from(other, one)) return false;
  LevelCursor left(one), right(other);
  while (!left.done() && !right.done()) {
    const std::string_view a = left.next(), b = right.next();
    if (a == "#" || b == "#") return true;
    if (a != "+" && b != "+" && a != b) return false;
  }
  if (left.done() && right.done()) return true;
  return (left.done() ? right : left).next() == "#";  // "a" and "a/#"
}

std::optional<std::string> intersection(std::string_view one, std::string_view other) {
  if (!overlaps(one, other)) return std::nullopt;
  std::string text;
  LevelCursor left(one), right(other);
  for (bool first = true; !left.done() && !right.done(); first = false) {
    const std::string_view a = left.next(), b = right.next();
    if (!first) text += '/';
    text += a == "#" || (a == "+" && b != "#") ? b : a;
    if (a != "#" && b != "#") continue;
    LevelCursor& rest = a == "#" ? right : left;
    while (!rest.done()) text.append("/").append(rest.next());
    return text;
  }
  return text;  // a "#" that is left stands for its parent
}

}  // namespace roost::mqtt
