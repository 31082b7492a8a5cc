// SPDX-License-Identifier: Apache-2.0
#include "broker/server/trace_api.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "broker/http/query.h"
#include "broker/mqtt/topic.h"
#include "broker/server/api_answer.h"
#include "broker/server/core_call.h"
#include "broker/server/time_text.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using Told = Fleet::Told;

constexpr std::string_view kPath = "/api/v1/traces/";

TraceWish wish_of(const json::object& object) {
  return {text_of(object, "client"), text_of(object, "topic"), text_of(object, "address"),
          number_of(object, "for_s", 60)};
}

std::string new_name() {
  std::random_device random;
  return std::to_string((std::uint64_t{random()} << 21) ^ random());
}

json::value json_of(TraceHub::Fetched fetched) {
  json::array lines;
  for (const TraceLine& line : fetched.lines) {
    lines.push_back(
        json::object{{"at_ms", line.at_ms}, {"client_id", line.client_id}, {"text", line.text}});
  }
  return json::object{
      {"lines", std::move(lines)}, {"lost", fetched.lost}, {"over", fetched.is_over}};
}

http::Response bad(const std::string& what) { return refusal({ErrorKind::invalid_argument, what}); }

}  // namespace

TraceApi::TraceApi(Node& node, Fleet& fleet)
    : node_(node), fleet_(fleet), hub_(node.clock, [this](bool is_on) { follow(is_on); }) {
  fleet.add("trace.begin", [this](const Fleet::Object& object) -> Told {
    auto begun = hub_.begin(text_of(object, "name"), wish_of(object));
    if (!begun) return Unexpected(begun.error());
    return json::value(nullptr);
  });
  fleet.add("trace.fetch", [this](const Fleet::Object& object) -> Told {
    return json_of(hub_.fetch(text_of(object, "name"), kLinesAPage));
  });
  fleet.add("trace.end", [this](const Fleet::Object& object) -> Told {
    hub_.end(text_of(object, "name"));
    return json::value(nullptr);
  });
}

// Cores that have ended drop it.
void TraceApi::follow(bool is_on) {
  for (const auto& core : node_.on_core) {
    core->sessions.core().post([&table = core->sessions, tracer = is_on ? &hub_ : nullptr] {
      table.use(static_cast<session::Tracer*>(tracer));
    });
  }
}

void TraceApi::add_metrics(observe::Metrics& metrics) const {
  metrics.add_counter("roost_trace_lines_lost_total",
                      "Lines of traces that nobody fetched in time, 10 000 of each wait.",
                      [this] { return static_cast<double>(hub_.lines_lost()); });
  metrics.add_counter("roost_traces_refused_total", "Traces refused: eight were under way.",
                      [this] { return static_cast<double>(hub_.refused()); });
}

std::vector<http::Route> TraceApi::routes() {
  return {{"POST", "/api/v1/traces", [this](const http::Request& one) { return begin(one); }},
          {"GET", "/api/v1/traces/*", [this](const http::Request& one) { return fetch(one); }},
          {"DELETE", "/api/v1/traces/*", [this](const http::Request& one) { return end(one); }}};
}

// {"client": "lamp-*", "topic": "home/#", "address": "192.0.2.7", "for_s": 60} -> 201 {"id"}
http::Response TraceApi::begin(const http::Request& request) {
  const auto body = object_of(request);
  if (!body) return bad("the body must be an object");
  const TraceWish wish = wish_of(*body);
  if (wish.client_id.empty() && wish.topic.empty() && wish.address.empty()) {
    return bad("client, topic or address says what to follow");
  }
  if (!wish.topic.empty() && !mqtt::TopicFilter::parse(wish.topic, UINT32_MAX)) {
    return bad("\"" + wish.topic + "\" is no topic filter");
  }
  Fleet::Object parameters = {{"name", new_name()},
                              {"client", wish.client_id},
                              {"topic", wish.topic},
                              {"address", wish.address},
                              {"for_s", wish.for_s}};
  const auto said = fleet_.ask_all("trace.begin", parameters);
  if (!said.front().told) {
    // Nobody hears its name: the others needn't keep it.
    fleet_.ask_all("trace.end", {{"name", parameters.at("name")}});
    return refusal(said.front().told.error());
  }
  json::object result = {{"id", parameters.at("name")}, {"for_s", wish.for_s}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result, 201);
}

// What came since the last time, by time.
http::Response TraceApi::fetch(const http::Request& request) {
  const std::string name = request.path.substr(kPath.size());
  const auto said = fleet_.ask_all("trace.fetch", {{"name", name}});
  std::vector<std::pair<std::int64_t, json::object>> lines;
  std::uint64_t lost = 0;
  bool is_over = true;
  for (const Fleet::Said& one : said) {
    if (!one.told) continue;
    lost += one.told->at("lost").to_number<std::uint64_t>();
    is_over = is_over && one.told->at("over").as_bool();
    for (const json::value& line : one.told->at("lines").as_array()) {
      json::object object = line.as_object();
      const auto at_ms = object.at("at_ms").to_number<std::int64_t>();
      object["at"] = time_text(at_ms);
      object["node"] = one.node;
      lines.emplace_back(at_ms, std::move(object));
    }
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  json::array sorted;
  for (auto& [at_ms, line] : lines) sorted.push_back(std::move(line));
  json::object result = {{"lines", std::move(sorted)}, {"lost", lost}, {"over", is_over}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

http::Response TraceApi::end(const http::Request& request) {
  const std::string name = request.path.substr(kPath.size());
  const auto said = fleet_.ask_all("trace.end", {{"name", name}});
  json::object result = {{"ended", true}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

}  // namespace roost::server
