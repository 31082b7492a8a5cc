// SPDX-License-Identifier: Apache-2.0
// All clients that a filter matches are sent off: a page of them at a time, by client id, so that
// who comes back meanwhile isn't sent off again.
#include <boost/json/array.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/server/api_answer.h"
#include "broker/server/core_call.h"
#include "broker/server/session_api.h"
#include "broker/server/session_json.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using Told = Fleet::Told;
using session::SessionQuery;

// Those of a core, some of them a turn.
class Kicking : public std::enable_shared_from_this<Kicking> {
 public:
  static constexpr std::size_t kATurn = 100;
  using Done = std::function<void(Result<std::uint64_t>)>;

  Kicking(NodeCore& core, std::vector<std::string> ids, Done done)
      : table_(core.sessions), ids_(std::move(ids)), done_(std::move(done)) {}

  void step() {
    for (std::size_t i = 0; i < kATurn && next_ < ids_.size(); ++i) {
      session::Session* const live = table_.live(ids_[next_++]);
      if (live == nullptr) continue;
      live->kick(mqtt::ReasonCode::administrative_action, "kicked by an operator");
      ++kicked_;
    }
    if (next_ == ids_.size()) return done_(kicked_);
    table_.core().post([self = shared_from_this()] { self->step(); });
  }

 private:
  session::SessionTable& table_;
  const std::vector<std::string> ids_;
  const Done done_;
  std::size_t next_ = 0;
  std::uint64_t kicked_ = 0;
};

bool has_filter(const SessionQuery& query) {
  return query.durable || !query.client_id.empty() || !query.user.empty() ||
         !query.listener.empty() || !query.address.empty();
}

// The parameters of the list without those that kicking has for itself.
Result<SessionQuery> clients_of(const http::Query& query) {
  const std::vector<std::string_view> known = {"client",  "durable", "user",   "listener",
                                               "address", "limit",   "cursor", "dry_run"};
  if (auto only = query.expect_only(known); !only) return Unexpected(only.error());
  auto wanted = session_query_of(query.without("dry_run"));
  if (!wanted) return wanted;
  wanted->connected = true;
  if (query.find("limit") == nullptr) wanted->limit = SessionQuery::kLimitMax;
  if (has_filter(*wanted)) return wanted;
  return error(ErrorKind::invalid_argument,
               "client, user, listener, address or durable says who goes; client=* is everybody");
}

}  // namespace

// {"client_ids": [...]} -> how many of them were connected here.
Told SessionApi::kick_these(const Fleet::Object& parameters) {
  using Ids = std::vector<std::string>;
  // Shared: a core that answers too late still reads its own.
  const auto by_core = std::make_shared<std::vector<Ids>>(node_.on_core.size());
  for (const json::value& id : parameters.at("client_ids").as_array()) {
    std::string name(id.as_string());
    const std::size_t core = core_of(node_, name).sessions.core().id().value;
    (*by_core)[core].push_back(std::move(name));
  }
  const auto kicked =
      from_cores<std::uint64_t>(node_, [by_core](NodeCore& core, Kicking::Done done) {
        Ids& own = (*by_core)[core.sessions.core().id().value];
        std::make_shared<Kicking>(core, std::move(own), std::move(done))->step();
      });
  if (!kicked) return Unexpected(kicked.error());
  std::uint64_t sum = 0;
  for (const std::uint64_t one : *kicked) sum += one;
  return json::value(json::object{{"kicked", sum}});
}

// ?client=lamp-*&dry_run=true: {"matched", "kicked", "next"}; matched: of the first page.
http::Response SessionApi::kick_all(const http::Request& request) {
  const auto query = http::Query::parse(request.query);
  if (!query) return refusal(query.error());
  const auto is_dry = query->flag("dry_run");
  if (!is_dry) return refusal(is_dry.error());
  auto wanted = clients_of(*query);
  if (!wanted) return refusal(wanted.error());
  if (is_dry->value_or(false)) wanted->limit = 1;
  const auto until = std::chrono::steady_clock::now() + kGoesOnFor;
  Merged page = merged(*wanted);
  json::object result = {{"matched", page.matched}};
  std::uint64_t kicked = 0;
  while (!is_dry->value_or(false)) {
    json::array ids;
    for (const auto& [place, session] : page.rows) ids.emplace_back(place.client_id);
    const auto said = fleet_.ask_all("sessions.kick_these", {{"client_ids", std::move(ids)}});
    for (const Fleet::Said& one : said) {
      if (one.told) kicked += one.told->at("kicked").to_number<std::uint64_t>();
    }
    if (page.missing.empty()) page.missing = missing(said);
    if (!page.has_more || page.rows.empty()) break;
    wanted->after = page.rows.back().first;
    if (std::chrono::steady_clock::now() >= until) {
      result["next"] = cursor_of(*wanted->after);
      break;
    }
    json::array silent = std::move(page.missing);
    page = merged(*wanted);
    if (!silent.empty()) page.missing = std::move(silent);
  }
  result["kicked"] = kicked;
  if (!page.missing.empty()) result["missing"] = std::move(page.missing);
  return answer(result);
}

}  // namespace roost::server
