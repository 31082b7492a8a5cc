// SPDX-License-Identifier: Apache-2.0
#include "broker/server/why_api.h"

#include <boost/json/array.hpp>

#include <optional>
#include <utility>

#include "broker/http/query.h"
#include "broker/mqtt/topic.h"
#include "broker/server/api_answer.h"
#include "broker/server/core_call.h"
#include "broker/session/drop_cause.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using Told = Fleet::Told;

constexpr std::string_view kSessionPath = "/api/v1/explain/session/";
constexpr std::int64_t kLateMs = 5'000;  // an acknowledgement that takes longer is worth a word

std::string seconds(std::int64_t count) { return std::to_string(count) + " s"; }

class Causes {
 public:
  void add(const char* cause, const std::string& text) {
    causes_.push_back(json::object{{"cause", cause}, {"text", text}});
  }
  json::array take() { return std::move(causes_); }
  bool empty() const { return causes_.empty(); }

 private:
  json::array causes_;
};

// What is to be done where messages are dropped, by the cause of the last one.
std::string advice(const std::string& cause) {
  if (cause == "expired") return "its Message Expiry Interval was over before the client took it";
  if (cause == "queue_full" || cause == "queue_overflow_oldest") {
    return "its queue is at mqtt.max_queued_messages or mqtt.max_queued_bytes";
  }
  if (cause == "keep_last") return "a newer one of its topic came (mqtt.keep_last)";
  if (cause == "queued_too_long") return "it waited longer than mqtt.max_queued_age";
  if (cause == "too_large") return "it is over the client's Maximum Packet Size";
  if (cause == "slow_reader") return "QoS 0 to a client that doesn't read fast enough";
  if (cause == "not_receivable")
    return "the rules don't let the client have it (roost explain acl)";
  if (cause == "rejected_by_subscriber") return "the client answered PUBREC with an error";
  return "it stood on a damaged page of the disk";
}

void judge_topic(const json::object& session, const std::string& topic, Causes& causes) {
  const json::value* const matching = session.if_contains("matching");
  if (matching == nullptr || !matching->is_array()) return;
  if (matching->get_array().empty()) {
    causes.add("not_subscribed", "none of its " +
                                     std::to_string(number_of(session, "subscriptions")) +
                                     " filters matches " + topic);
    return;
  }
  const json::value* const rules = session.if_contains("may_receive");
  if (rules != nullptr && rules->is_object() && !flag_of(rules->get_object(), "allowed")) {
    causes.add("acl", "the rules don't let it receive " + topic + ": " +
                          text_of(rules->get_object(), "why"));
  }
  bool keeps = false;
  for (const json::value& one : session.at("filters").as_array()) {
    const auto* const filter = one.if_object();
    if (filter == nullptr || number_of(*filter, "qos") == 0) continue;
    for (const json::value& match : matching->get_array()) {
      keeps = keeps || match == filter->at("filter");
    }
  }
  if (!keeps && !flag_of(session, "connected")) {
    causes.add("qos0", "it subscribes at QoS 0 there: nothing is kept while it is away");
  }
}

void judge_connection(const json::object& session, Causes& causes) {
  const std::int64_t in_flight = number_of(session, "in_flight");
  const std::int64_t window = number_of(session, "receive_maximum");
  const std::int64_t unacked_ms = number_of(session, "oldest_unacked_ms");
  if (in_flight >= window && window > 0) {
    causes.add("window_full", "it has " + std::to_string(in_flight) +
                                  " messages that it hasn't acknowledged, as many as it may "
                                  "(Receive Maximum); the oldest came " +
                                  seconds(unacked_ms / 1000) + " ago");
  } else if (unacked_ms > kLateMs) {
    causes.add("unacknowledged", "it has had a message for " + seconds(unacked_ms / 1000) +
                                     " without acknowledging it");
  }
  if (flag_of(session, "reads_slowly")) {
    causes.add("slow_reader", "it doesn't read: what is written to it waits in the node");
  }
  const std::int64_t silent_s = number_of(session, "silent_s");
  const std::int64_t keep_alive_s = number_of(session, "keep_alive_s");
  if (keep_alive_s > 0 && silent_s > keep_alive_s) {
    causes.add("silent", "nothing came from it for " + seconds(silent_s) + " (keep alive " +
                             seconds(keep_alive_s) + "): its connection may be dead");
  }
}

Unexpected<Error> invalid(std::string what) {
  return error(ErrorKind::invalid_argument, std::move(what));
}

// The topic of a query. Errors: invalid_argument.
Result<std::string> topic_of(const http::Request& request, bool needed) {
  const auto query = http::Query::parse(request.query);
  if (!query) return Unexpected(query.error());
  if (auto known = query->expect_only({"topic"}); !known) return Unexpected(known.error());
  const std::string* const topic = query->find("topic");
  if (topic == nullptr) {
    if (needed) return invalid("?topic= names the topic");
    return std::string();
  }
  if (!mqtt::TopicName::parse(*topic, UINT32_MAX)) {
    return invalid("\"" + *topic + "\" is no topic name");
  }
  return *topic;
}

json::object json_of(const session::Route& route) {
  json::array receivers, groups;
  for (const auto& one : route.receivers) {
    receivers.push_back(json::object{{"client_id", one.client_id},
                                     {"qos", static_cast<int>(one.qos)},
                                     {"durable", one.is_durable},
                                     {"connected", one.is_connected},
                                     {"shard", one.shard.value}});
  }
  for (const auto& one : route.groups) {
    groups.push_back(json::object{{"group", one.name},
                                  {"filter", one.filter},
                                  {"members", one.members},
                                  {"connected", one.has_connected},
                                  {"shard", one.shard.value}});
  }
  return {
      {"count", route.count}, {"receivers", std::move(receivers)}, {"groups", std::move(groups)}};
}

}  // namespace

json::array causes_of(const json::object& session, const std::string& topic) {
  Causes causes;
  if (!flag_of(session, "connected")) {
    causes.add("offline", "it isn't connected, for " + seconds(number_of(session, "offline_s")) +
                              " now; " + std::to_string(number_of(session, "queued")) +
                              " messages wait for it");
  } else {
    judge_connection(session, causes);
  }
  if (!topic.empty()) judge_topic(session, topic, causes);
  if (topic.empty() && number_of(session, "subscriptions") == 0) {
    causes.add("not_subscribed", "it has no subscriptions");
  }
  if (const std::int64_t dropped = number_of(session, "dropped"); dropped > 0) {
    const std::string cause = text_of(session, "last_drop");
    causes.add("dropped", std::to_string(dropped) +
                              " messages for it were dropped, the last one "
                              "for this: " +
                              cause + ", " + advice(cause));
  }
  if (causes.empty()) {
    causes.add("none",
               "nothing holds its messages up: it is connected, takes and acknowledges "
               "what it gets");
  }
  return causes.take();
}

WhyApi::WhyApi(Node& node, Fleet& fleet) : node_(node), fleet_(fleet) {
  fleet.add("route", [this](const Fleet::Object& object) { return route_here(object); });
}

std::vector<http::Route> WhyApi::routes() {
  return {{"GET", "/api/v1/explain/route",
           [this](const http::Request& request) { return explain_route(request); }},
          {"GET", "/api/v1/explain/session/*",
           [this](const http::Request& request) { return explain_session(request); }}};
}

Told WhyApi::route_here(const Fleet::Object& parameters) {
  const std::string topic = text_of(parameters, "topic");
  auto parts = from_cores<session::Route>(
      node_, [topic](NodeCore& core, const std::function<void(Result<session::Route>)>& done) {
        done(core.sessions.route_of(topic));
      });
  if (!parts) return Unexpected(parts.error());
  session::Route all;
  for (session::Route& part : *parts) {
    all.count += part.count;
    for (auto& one : part.receivers) all.receivers.push_back(std::move(one));
    for (auto& one : part.groups) all.groups.push_back(std::move(one));
  }
  return json::value(json_of(all));
}

http::Response WhyApi::explain_route(const http::Request& request) {
  const auto topic = topic_of(request, true);
  if (!topic) return refusal(topic.error());
  const auto said = fleet_.ask_all("route", {{"topic", *topic}});
  json::array nodes;
  std::uint64_t count = 0;
  for (const Fleet::Said& one : said) {
    if (!one.told) continue;
    json::object node = one.told->as_object();
    count += node.at("count").to_number<std::uint64_t>();
    node["node"] = one.node;
    nodes.push_back(std::move(node));
  }
  json::object result = {{"topic", *topic},
                         {"retained_shard", shard_of(*topic, node_.config.shards).value},
                         {"receivers", count},
                         {"nodes", std::move(nodes)}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

http::Response WhyApi::explain_session(const http::Request& request) {
  const auto id = http::percent_decode(std::string_view(request.path).substr(kSessionPath.size()));
  if (!id || id->empty()) {
    return refusal({ErrorKind::invalid_argument, "behind session/ stands a client id"});
  }
  const auto topic = topic_of(request, false);
  if (!topic) return refusal(topic.error());
  Fleet::Object parameters = {{"client_id", *id}};
  if (!topic->empty()) parameters["topic"] = *topic;
  const auto said = fleet_.ask_all("sessions.show", parameters);
  json::object result = {{"client_id", *id}};
  if (!topic->empty()) result["topic"] = *topic;
  json::array silent;
  for (const Fleet::Said& one : said) {
    if (one.told) {
      const json::object& session = one.told->as_object();
      result["causes"] = causes_of(session, *topic);
      result["session"] = session;
      return answer(result);
    }
    if (one.told.error().kind == ErrorKind::not_found) continue;
    silent.push_back(json::object{{"node", one.node}, {"error", one.told.error().message}});
  }
  Causes causes;
  if (silent.empty()) {
    causes.add("unknown",
               "no node has a session of that client id: it never came with one that outlives its "
               "connection, or that has expired or was ended");
  } else {
    causes.add("missing", "who has its session doesn't answer");
    result["missing"] = std::move(silent);
  }
  result["causes"] = causes.take();
  return answer(result);
}

}  // namespace roost::server
