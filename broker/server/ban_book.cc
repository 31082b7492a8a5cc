// SPDX-License-Identifier: Apache-2.0
#include "broker/server/ban_book.h"

#include <boost/json/value.hpp>

#include <optional>
#include <utility>

#include "broker/base/file.h"
#include "broker/server/api_answer.h"

namespace roost::server {

namespace {

namespace json = boost::json;
constexpr std::int64_t kForMaxS = 10LL * 365 * 86'400;

http::Response bad_body() {
  return refusal({ErrorKind::invalid_argument,
                  R"(the body must be {"kind": "client, user or address", "what": "its name"}, )"
                  R"(of a new ban also "for_s": seconds (none: for good) and "why")"});
}

}  // namespace

BanBook::BanBook(std::string path, const Clock& clock, Log& log)
    : path_(std::move(path)), clock_(clock), list_(clock) {
  const auto text = base::read_file(path_);
  if (!text && text.error().kind == ErrorKind::not_found) return;
  const auto bans = text ? auth::read_bans(*text)
                         : Result<std::vector<auth::Ban>>(Unexpected(Error(text.error())));
  if (!bans) {
    log.write(LogLevel::error, "nobody is banned: " + path_ + " " + bans.error().message);
    return;
  }
  for (const auth::Ban& ban : *bans) {
    if (const auto added = list_.add(ban); !added) {
      log.write(LogLevel::error, path_ + ": " + added.error().message);
    }
  }
}

std::vector<http::Route> BanBook::routes(std::function<void()> banned) {
  return {{"GET", "/api/v1/bans", [this](const http::Request&) { return show(); }},
          {"POST", "/api/v1/bans",
           [this, banned = std::move(banned)](const http::Request& request) {
             return add(request, banned);
           }},
          {"POST", "/api/v1/bans/remove",
           [this](const http::Request& request) { return remove(request); }}};
}

http::Response BanBook::show() {
  json::array bans;
  for (const auth::Ban& ban : list_.all()) {
    bans.push_back(json::object{{"kind", auth::to_text(ban.kind)},
                                {"what", ban.what},
                                {"until_ms", ban.until_ms},
                                {"why", ban.why}});
  }
  return answer(json::object{{"bans", std::move(bans)}, {"now_ms", clock_.wall_ms()}});
}

http::Response BanBook::add(const http::Request& request, const std::function<void()>& banned) {
  const auto body = object_of(request);
  const auto kind = body ? auth::ban_kind_of(text_of(*body, "kind")) : std::nullopt;
  if (!kind) return bad_body();
  auth::Ban ban{*kind, text_of(*body, "what"), 0, text_of(*body, "why")};
  if (const json::value* const for_s = body->if_contains("for_s")) {
    if (!for_s->is_int64() || for_s->get_int64() <= 0 || for_s->get_int64() > kForMaxS) {
      return bad_body();
    }
    ban.until_ms = clock_.wall_ms() + for_s->get_int64() * 1000;
  }
  if (const auto added = list_.add(std::move(ban)); !added) return refusal(added.error());
  banned();  // also where it can't be saved: it holds until this node's next start
  if (const auto saved = save(); !saved) return refusal(saved.error());
  return show();
}

http::Response BanBook::remove(const http::Request& request) {
  const auto body = object_of(request);
  const auto kind = body ? auth::ban_kind_of(text_of(*body, "kind")) : std::nullopt;
  if (!kind) return bad_body();
  const std::string what = text_of(*body, "what");
  if (!list_.remove(*kind, what)) {
    return refusal({ErrorKind::not_found,
                    std::string(auth::to_text(*kind)) + " \"" + what + "\" is not banned"});
  }
  if (const auto saved = save(); !saved) return refusal(saved.error());
  return show();
}

Result<void> BanBook::save() { return base::replace_file(path_, auth::to_json(list_.all())); }

}  // namespace roost::server
