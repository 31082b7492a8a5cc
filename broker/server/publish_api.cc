// SPDX-License-Identifier: Apache-2.0
#include "broker/server/publish_api.h"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include "broker/http/query.h"
#include "broker/server/api_answer.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using mqtt::ReasonCode;
using Kind = PublishOutcome::Kind;

constexpr std::string_view kPrefix = "/api/v1/publish/";

Unexpected<Error> bad(std::string text) {
  return error(ErrorKind::invalid_argument, std::move(text));
}

Result<std::uint32_t> checked_timeout(std::int64_t seconds) {
  if (seconds >= 1 && seconds <= PublishApi::kTimeoutMaxS) {
    return static_cast<std::uint32_t>(seconds);
  }
  return bad("timeout_s must be a number from 1 to " + std::to_string(PublishApi::kTimeoutMaxS));
}

Result<std::uint32_t> timeout_of(std::string_view query_text) {
  const auto query = http::Query::parse(query_text);
  if (!query) return Unexpected(query.error());
  for (const auto& [name, text] : query->all()) {
    if (name != "timeout_s") continue;
    std::int64_t seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return checked_timeout(seconds);
  }
  return PublishApi::kTimeoutDefaultS;
}

struct Wanted {
  std::vector<WebMessage> messages;
  bool is_batch = false;
  std::uint32_t timeout_s = PublishApi::kTimeoutDefaultS;
};

Result<void> read_batch(const json::value& list, const mqtt::Limits& limits, Wanted& wanted) {
  const json::array* const all = list.if_array();
  if (all == nullptr || all->empty() || all->size() > PublishApi::kMessagesMax) {
    return bad("messages must be a list of 1 to " + std::to_string(PublishApi::kMessagesMax) +
               " messages");
  }
  for (std::size_t i = 0; i < all->size(); ++i) {
    auto message = message_of((*all)[i], limits);
    if (!message) return bad("messages[" + std::to_string(i) + "]: " + message.error().message);
    wanted.messages.push_back(*std::move(message));
  }
  wanted.is_batch = true;
  return {};
}

Result<Wanted> wanted_of(const http::Request& request, const mqtt::Limits& limits) {
  boost::system::error_code fault;
  json::value body = json::parse(request.body, fault);
  if (fault) return bad("the body is no JSON: " + fault.message());
  if (!body.is_object()) return bad("the body must be an object like {\"topic\": \"a/b\"}");
  json::object& object = body.get_object();
  Wanted wanted;
  auto timeout = timeout_of(request.query);
  if (const json::value* const own = object.if_contains("timeout_s")) {
    timeout = checked_timeout(own->is_int64() ? own->get_int64() : 0);
    object.erase("timeout_s");
  }
  if (!timeout) return Unexpected(timeout.error());
  wanted.timeout_s = *timeout;
  if (const json::value* const list = object.if_contains("messages")) {
    if (object.size() > 1) return bad("beside messages there may only be timeout_s");
    if (auto read = read_batch(*list, limits, wanted); !read) return Unexpected(read.error());
    return wanted;
  }
  auto message = message_of(body, limits);
  if (!message) return Unexpected(message.error());
  wanted.messages.push_back(*std::move(message));
  return wanted;
}

// "no_matching_subscribers" of "No matching subscribers"
std::string reason_word(ReasonCode reason) {
  std::string word(reason == ReasonCode::success ? "success" : mqtt::name(reason));
  for (char& c : word) c = c == ' ' ? '_' : static_cast<char>(std::tolower(c));
  return word;
}

unsigned status_of(const PublishOutcome& outcome) {
  switch (outcome.kind) {
    case Kind::answered:
      return http_status(outcome.reason);
    case Kind::waiting:
      return 504;
    default:
      return 503;
  }
}

json::object json_of(const PublishOutcome& outcome) {
  switch (outcome.kind) {
    case Kind::answered: {
      json::object object = {{"reason_code", static_cast<int>(outcome.reason)},
                             {"reason", reason_word(outcome.reason)}};
      if (mqtt::is_error(outcome.reason)) {
        object["error"] =
            "the broker refused the message: " + std::string(mqtt::name(outcome.reason));
      }
      return object;
    }
    case Kind::waiting:
      return {{"error", "no acknowledgement in time: it isn't known whether it was stored"}};
    case Kind::unknown:
      return {{"error",
               "the connection to the broker was lost before the acknowledgement: it "
               "isn't known whether it was stored"}};
    default:
      return {{"error", "not published: the broker takes no messages now"}};
  }
}

http::Response answer_of(const PublishOutcomes& outcomes, bool is_batch) {
  if (!is_batch) {
    http::Response response = answer(json_of(outcomes[0]), status_of(outcomes[0]));
    if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  json::array results;
  std::size_t failed = 0;
  unsigned status = status_of(outcomes[0]);
  for (const PublishOutcome& outcome : outcomes) {
    json::object one = json_of(outcome);
    const unsigned own = status_of(outcome);
    one["status"] = own;
    failed += own != 200;
    if (own != status) status = 207;
    results.push_back(std::move(one));
  }
  return answer(json::object{{"published", outcomes.size() - failed},
                             {"failed", failed},
                             {"results", std::move(results)}},
                status);
}

// Nothing more will be known of it, and who asks again should hear the same.
bool is_final(const PublishOutcomes& outcomes) {
  const auto has = [&](Kind kind) {
    return std::any_of(outcomes.begin(), outcomes.end(),
                       [kind](const PublishOutcome& one) { return one.kind == kind; });
  };
  return has(Kind::answered) && !has(Kind::unknown);
}

}  // namespace

unsigned http_status(ReasonCode reason) {
  if (!mqtt::is_error(reason)) return 200;
  switch (reason) {
    case ReasonCode::not_authorized:
      return 403;
    case ReasonCode::topic_name_invalid:
    case ReasonCode::topic_filter_invalid:
    case ReasonCode::payload_format_invalid:
    case ReasonCode::retain_not_supported:
    case ReasonCode::qos_not_supported:
    case ReasonCode::malformed_packet:
    case ReasonCode::protocol_error:
      return 400;
    case ReasonCode::packet_too_large:
      return 413;
    case ReasonCode::message_rate_too_high:
      return 429;
    case ReasonCode::quota_exceeded:
      return 507;  // the disk, or what may be retained; of the node, not of the caller
    case ReasonCode::server_unavailable:
    case ReasonCode::server_busy:
    case ReasonCode::server_shutting_down:
    case ReasonCode::use_another_server:
    case ReasonCode::server_moved:
      return 503;
    default:
      return 500;
  }
}

PublishApi::PublishApi(InsideDoor& door, const HttpConfig& config, const Clock& clock)
    : door_(door),
      kept_(config.idempotency_keys, static_cast<SteadyMs>(config.idempotency_age_ms), clock),
      publisher_(door) {}

std::vector<http::Route> PublishApi::routes() {
  const auto route = [](const char* path, http::LaterHandler later) {
    return http::Route{.method = "POST", .path = path, .handler = {}, .later = std::move(later)};
  };
  return {route("/api/v1/publish",
                [this](http::Request request, const http::Reply& reply) {
                  publish_json(std::move(request), reply);
                }),
          route("/api/v1/publish/*", [this](http::Request request, const http::Reply& reply) {
            publish_plain(std::move(request), reply);
          })};
}

void PublishApi::publish_json(http::Request request, const http::Reply& reply) {
  auto wanted = wanted_of(request, door_.limits());
  if (!wanted) return reply(refusal(wanted.error()));
  publish(request, std::move(wanted->messages), wanted->is_batch, wanted->timeout_s, reply);
}

void PublishApi::publish_plain(http::Request request, const http::Reply& reply) {
  const auto timeout = timeout_of(request.query);
  if (!timeout) return reply(refusal(timeout.error()));
  auto message =
      message_of(request, std::string_view(request.path).substr(kPrefix.size()), door_.limits());
  if (!message) return reply(refusal(message.error()));
  std::vector<WebMessage> one;
  one.push_back(*std::move(message));
  publish(request, std::move(one), false, *timeout, reply);
}

void PublishApi::publish(const http::Request& request, std::vector<WebMessage> messages,
                         bool is_batch, std::uint32_t timeout_s, const http::Reply& reply) {
  const std::string key(request.header("Idempotency-Key"));
  if (key.size() > KeptAnswers::kKeyMax) {
    return reply(refusal({ErrorKind::invalid_argument, "an Idempotency-Key has at most " +
                                                           std::to_string(KeptAnswers::kKeyMax) +
                                                           " characters"}));
  }
  if (!key.empty() &&
      kept_.begin(key, KeptAnswers::fingerprint(request), reply) != KeptAnswers::Turn::yours) {
    return;
  }
  const auto end = [this, key, is_batch](const PublishOutcomes& outcomes) {
    const http::Response response = answer_of(outcomes, is_batch);
    if (key.empty()) return response;
    is_final(outcomes) ? kept_.finish(key, response) : kept_.forget(key, response);
    return response;
  };
  const auto told = [this, key, is_batch, reply, end](const PublishOutcomes& outcomes,
                                                      bool is_late) {
    if (!is_late) return reply(end(outcomes));
    const http::Response response = answer_of(outcomes, is_batch);
    if (!key.empty()) kept_.late(key, response);
    reply(response);
  };
  publisher_.publish(std::move(messages), timeout_s * 1000, told, end);
}

void PublishApi::add_metrics(observe::Metrics& metrics) const {
  const auto number = [](const std::atomic<std::uint64_t>& counter) {
    return [&counter] { return static_cast<double>(counter.load()); };
  };
  const PublisherCounters& counters = publisher_.counters();
  const std::pair<const char*, const std::atomic<std::uint64_t>*> outcomes[] = {
      {"accepted", &counters.accepted},
      {"refused", &counters.refused},
      {"not_sent", &counters.not_sent},
      {"unknown", &counters.unknown}};
  for (const auto& [outcome, counter] : outcomes) {
    metrics.add_counter("roost_api_publishes_total",
                        "Messages that came by HTTP, by outcome; not_sent: the broker hasn't seen "
                        "them, unknown: it may have.",
                        number(*counter), {{"outcome", outcome}});
  }
  metrics.add_counter("roost_api_publish_timeouts_total",
                      "Requests whose messages weren't acknowledged in time.",
                      number(counters.timeouts));
  metrics.add_gauge("roost_api_publish_connections", "Kept connections inside, for publishing.",
                    number(counters.connections));
  const KeptAnswersCounters& kept = kept_.counters();
  metrics.add_counter("roost_api_idempotent_replays_total",
                      "Requests answered as the first under their Idempotency-Key.",
                      number(kept.replays));
  metrics.add_counter("roost_api_idempotency_conflicts_total",
                      "Requests under the Idempotency-Key of another one (422).",
                      number(kept.conflicts));
  metrics.add_counter("roost_api_idempotency_evicted_total",
                      "Answers given up before http.idempotency_age.", number(kept.evicted));
  metrics.add_counter("roost_api_idempotency_refused_total",
                      "Requests refused because all keys were of requests under way.",
                      number(kept.refused));
  metrics.add_gauge("roost_api_idempotency_keys", "Idempotency-Keys that are remembered.",
                    number(kept.keys));
}

}  // namespace roost::server
