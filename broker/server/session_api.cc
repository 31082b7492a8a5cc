// SPDX-License-Identifier: Apache-2.0
#include "broker/server/session_api.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "broker/http/query.h"
#include "broker/mqtt/topic.h"
#include "broker/server/api_answer.h"
#include "broker/server/node.h"
#include "broker/server/session_json.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using session::SessionPage;
using session::SessionQuery;

constexpr std::string_view kPath = "/api/v1/sessions/";
constexpr std::uint64_t kPayloadShown = 64 * 1024;

http::Response bad(const std::string& what) { return refusal({ErrorKind::invalid_argument, what}); }

http::Response said(const Fleet::Told& told) {
  return told ? answer(*told) : refusal(told.error());
}

// The sequence, or nothing.
std::optional<std::uint64_t> sequence_of(std::string_view text) {
  const auto query = http::Query::parse("n=" + std::string(text));
  const auto number = query ? query->number("n", 0, 0, UINT64_MAX) : Result<std::uint64_t>(0);
  if (text.empty() || !number) return std::nullopt;
  return *number;
}

}  // namespace

SessionApi::SessionApi(Node& node, Fleet& fleet) : node_(node), fleet_(fleet) {
  using Told = Fleet::Told;
  using Verb = Told (SessionApi::*)(const Fleet::Object&);
  const auto add = [&](const char* name, Verb verb) {
    fleet.add(name, [this, verb](const Fleet::Object& object) { return (this->*verb)(object); });
  };
  add("sessions.list", &SessionApi::list);
  add("sessions.show", &SessionApi::show);
  add("sessions.kick", &SessionApi::kick);
  add("sessions.kick_these", &SessionApi::kick_these);
  add("sessions.remove", &SessionApi::remove);
  add("queue.list", &SessionApi::queue);
  add("queue.purge", &SessionApi::purge);
}

std::vector<http::Route> SessionApi::routes() {
  const auto list = [this](bool connected_only) {
    return [this, connected_only](const http::Request& request) {
      return list_all(request, connected_only);
    };
  };
  const auto one = [this](const http::Request& request) { return this->one(request); };
  return {{"GET", "/api/v1/sessions", list(false)},
          {"GET", "/api/v1/clients", list(true)},
          {"POST", "/api/v1/clients/kick",
           [this](const http::Request& request) { return kick_all(request); }},
          {"GET", "/api/v1/sessions/*", one},
          {"POST", "/api/v1/sessions/*", one},
          {"DELETE", "/api/v1/sessions/*", one}};
}

http::Response SessionApi::list_all(const http::Request& request, bool connected_only) {
  const auto parsed = http::Query::parse(request.query);
  if (!parsed) return refusal(parsed.error());
  auto query = session_query_of(*parsed);
  if (!query) return refusal(query.error());
  if (connected_only) query->connected = true;
  Merged found = merged(*query);
  json::object result = {{"matched", found.matched}};
  if (found.has_more && !found.rows.empty()) result["next"] = cursor_of(found.rows.back().first);
  json::array sessions;
  for (auto& [place, session] : found.rows) sessions.push_back(std::move(session));
  result["sessions"] = std::move(sessions);
  if (!found.missing.empty()) result["missing"] = std::move(found.missing);
  return answer(result);
}

SessionApi::Merged SessionApi::merged(const SessionQuery& query) {
  const auto said = fleet_.ask_all("sessions.list", json_of(query));
  Merged found;
  for (const Fleet::Said& one : said) {
    if (!one.told) continue;
    const json::object& object = one.told->as_object();
    found.matched += object.at("matched").to_number<std::uint64_t>();
    found.has_more = found.has_more || object.at("more").as_bool();
    for (const json::value& row : object.at("rows").as_array()) {
      found.rows.emplace_back(place_of(row.at("place").as_object()), row.at("session"));
    }
  }
  std::sort(found.rows.begin(), found.rows.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  if (found.rows.size() > query.limit) {
    found.rows.resize(query.limit);
    found.has_more = true;
  }
  found.missing = missing(said);
  return found;
}

Fleet::Told SessionApi::of_one(const std::string& verb, const Fleet::Object& parameters) {
  std::optional<Error> trouble;
  std::string silent;
  for (Fleet::Said& one : fleet_.ask_all(verb, parameters)) {
    if (one.told) return std::move(one.told);
    const Error& why = one.told.error();
    if (why.kind == ErrorKind::unavailable) {
      silent += (silent.empty() ? "" : ", ") + one.node + " (" + why.message + ")";
    } else if (!trouble || trouble->kind == ErrorKind::not_found) {
      trouble = why;
    }
  }
  if (trouble && trouble->kind != ErrorKind::not_found) return Unexpected(*trouble);
  if (!silent.empty()) {
    return error(ErrorKind::unavailable,
                 "no node that answers has it; who doesn't answer may: " + silent);
  }
  return Unexpected(*trouble);  // this node's at least
}

// /api/v1/sessions/ID[/kick | /queue[/SEQUENCE]], the id percent-encoded.
http::Response SessionApi::one(const http::Request& request) {
  const std::string_view path = std::string_view(request.path).substr(kPath.size());
  const std::size_t slash = std::min(path.find('/'), path.size());
  const auto id = http::percent_decode(path.substr(0, slash));
  if (!id || id->empty()) return bad("behind sessions/ stands a client id, percent-encoded UTF-8");
  const std::string_view rest = path.substr(slash);
  if (rest == "/queue" || rest.starts_with("/queue/")) {
    return queue_of(request, *id, rest.substr(std::string_view("/queue").size()));
  }
  const auto query = http::Query::parse(request.query);
  if (!query) return refusal(query.error());
  Fleet::Object parameters = {{"client_id", *id}};
  const bool acts = request.method == "DELETE" || (request.method == "POST" && rest == "/kick");
  if (auto known = query->expect_only({}); acts && !known) return refusal(known.error());
  if (request.method == "POST" && rest == "/kick") return said(of_one("sessions.kick", parameters));
  if (!rest.empty()) return refusal({ErrorKind::not_found, "there is no " + request.path});
  if (request.method == "DELETE") return said(of_one("sessions.remove", parameters));
  if (request.method == "POST") return refusal({ErrorKind::not_found, "POST .../kick ends it"});
  if (auto known = query->expect_only({"topic"}); !known) return refusal(known.error());
  if (const std::string* const topic = query->find("topic")) parameters["topic"] = *topic;
  return said(of_one("sessions.show", parameters));
}

http::Response SessionApi::queue_of(const http::Request& request, const std::string& client_id,
                                    std::string_view rest) {
  const auto query = http::Query::parse(request.query);
  if (!query) return refusal(query.error());
  if (auto known = query->expect_only({"from", "to", "limit", "payload", "prefix"}); !known) {
    return refusal(known.error());
  }
  auto from = query->number("from", 0, 0, UINT64_MAX);
  auto to = query->number("to", UINT64_MAX, 0, UINT64_MAX);
  auto limit = query->number("limit", 100, 1, session::QueuePage::kMessagesMax);
  auto payload = query->flag("payload");
  for (const auto* number : {&from, &to, &limit}) {
    if (!*number) return refusal(number->error());
  }
  if (!payload) return refusal(payload.error());
  Fleet::Object parameters = {{"client_id", client_id}, {"from", *from}, {"to", *to}};
  if (request.method == "DELETE" && rest.empty()) return said(of_one("queue.purge", parameters));
  if (request.method == "POST" && rest == "/replay") return replay(*query, std::move(parameters));
  if (request.method != "GET") return refusal({ErrorKind::not_found, "there is no such verb"});
  parameters["limit"] = *limit;
  parameters["payload_max"] = payload->value_or(false) ? kPayloadShown : 0;
  if (rest.empty()) return said(of_one("queue.list", parameters));
  const auto sequence = sequence_of(rest.substr(1));
  if (!sequence) return bad("behind queue/ stands the sequence of a message");
  parameters["from"] = *sequence;
  parameters["limit"] = 1;
  parameters["payload_max"] = kPayloadShown;
  auto page = of_one("queue.list", parameters);
  if (!page) return refusal(page.error());
  const json::array& messages = page->as_object().at("messages").as_array();
  if (messages.empty() || messages[0].at("sequence").to_number<std::uint64_t>() != *sequence) {
    return refusal({ErrorKind::not_found, "no such message is in the queue (any more)"});
  }
  return answer(messages[0]);
}

// Piece by piece, by whichever node has the session then, for some seconds: with "next" there is
// more. What failed is said with how far it came. What is in the queue when it begins is replayed,
// not what comes of that.
http::Response SessionApi::replay(const http::Query& query, Fleet::Object parameters) {
  const std::string* const prefix = query.find("prefix");
  if (prefix != nullptr && !mqtt::TopicName::parse(*prefix + "x", UINT32_MAX)) {
    return bad("\"" + *prefix + "\" can't begin a topic name");
  }
  parameters["prefix"] = prefix == nullptr ? "" : *prefix;
  std::uint64_t replayed = 0, refused = 0;
  json::object result;
  const auto until = std::chrono::steady_clock::now() + kGoesOnFor;
  while (true) {
    auto piece = of_one("queue.replay", parameters);
    if (!piece && replayed == 0) return refusal(piece.error());
    if (!piece) {
      result["stopped"] = piece.error().message;
      result["next"] = parameters["from"];
      break;
    }
    const json::object& said = piece->as_object();
    replayed += said.at("replayed").to_number<std::uint64_t>();
    refused += said.at("refused").to_number<std::uint64_t>();
    const auto end = said.at("end").to_number<std::uint64_t>();
    if (count_of(parameters, "to", UINT64_MAX) > end) parameters["to"] = end;
    const json::value* const next = said.if_contains("next");
    if (next == nullptr || next->to_number<std::uint64_t>() >= end) break;
    parameters["from"] = *next;
    const json::value* const stopped = said.if_contains("stopped");
    if (stopped == nullptr && std::chrono::steady_clock::now() < until) continue;
    if (stopped != nullptr) result["stopped"] = *stopped;
    result["next"] = *next;
    break;
  }
  if (result.contains("next")) result["to"] = parameters["to"];
  result["replayed"] = replayed;
  result["refused"] = refused;
  return answer(result);
}

}  // namespace roost::server
