// SPDX-License-Identifier: Apache-2.0
#include "broker/server/events_api.h"

#include <boost/json/serialize.hpp>

#include <future>
#include <utility>

#include "broker/http/query.h"
#include "broker/mqtt/topic.h"
#include "broker/server/api_answer.h"
#include "broker/server/inside_client.h"
#include "broker/server/publish_api.h"
#include "broker/server/web_message.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using mqtt::ReasonCode;

// Messages that may be under way to a stream and not acknowledged.
constexpr std::uint16_t kReceiveMaximum = 100;
constexpr const char* kHeartbeat = ": still here\n\n";

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

Unexpected<Error> bad(std::string text) {
  return error(ErrorKind::invalid_argument, std::move(text));
}

json::object end_of(ReasonCode reason, const std::string& why) {
  return {{"reason_code", static_cast<int>(reason)}, {"reason", why}};
}

}  // namespace

struct EventsApi::Wanted {
  std::vector<std::string> filters;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
};

class EventsApi::EventStream final : public InsideClient::Events {
 public:
  EventStream(EventsApi& api, std::uint64_t number, Wanted wanted, http::Reply reply)
      : api_(api), number_(number), wanted_(std::move(wanted)), reply_(std::move(reply)) {}
  ~EventStream() { end(ReasonCode::server_shutting_down, "server shutting down"); }

  Result<void> connect(std::size_t node_core);
  void resume() { client_->resume(); }
  void leave() { client_->close(); }

 private:
  void on_open() override;
  void on_suback(const mqtt::Suback& suback) override;
  void on_message(const mqtt::Publish& message) override;
  void on_lost(ReasonCode reason, const std::string& why) override;

  void begin_stream(const mqtt::Suback& suback);
  void refuse(unsigned status, const std::string& why);
  void send(const char* event, const json::object& data);
  void end(ReasonCode reason, const std::string& why);

  EventsApi& api_;
  const std::uint64_t number_;
  const Wanted wanted_;
  const http::Reply reply_;
  std::shared_ptr<http::BodySource> source_;  // null: not answered yet, or over
  bool is_over_ = false;                      // answered by a refusal, or ended
  std::uint64_t last_id_ = 0;
  std::unique_ptr<InsideClient> client_;
};

Result<void> EventsApi::EventStream::connect(std::size_t node_core) {
  auto connection = api_.door_.connect(node_core);
  if (!connection) return Unexpected(connection.error());
  client_ = std::make_unique<InsideClient>(api_.door_.core(), *std::move(connection),
                                           kReceiveMaximum, *this, api_.door_.counters());
  return {};
}

void EventsApi::EventStream::on_open() {
  mqtt::Subscribe subscribe;
  for (const std::string& filter : wanted_.filters) {
    subscribe.entries.push_back({filter, {.qos = wanted_.qos}});
  }
  client_->subscribe(subscribe);
}

// All of them, or none: who asked for something should not wait for it in vain.
void EventsApi::EventStream::on_suback(const mqtt::Suback& suback) {
  for (std::size_t i = 0; i < suback.reasons.size(); ++i) {
    const ReasonCode reason = suback.reasons[i];
    if (!mqtt::is_error(reason)) continue;
    refuse(http_status(reason), "the broker refused the filter \"" + wanted_.filters[i] +
                                    "\": " + std::string(mqtt::name(reason)));
    return client_->close();
  }
  begin_stream(suback);
}

void EventsApi::EventStream::begin_stream(const mqtt::Suback& suback) {
  EventsApi& api = api_;
  const std::uint64_t number = number_;
  source_ = std::make_shared<http::BodySource>(
      http::BodySource::Events{
          [&api, number] { api.on_stream(number, [](EventStream& it) { it.resume(); }); },
          [&api, number] { api.on_stream(number, [](EventStream& it) { it.leave(); }); }},
      kHeartbeat, http::BodySource::Limits());
  json::array filters;
  for (std::size_t i = 0; i < suback.reasons.size(); ++i) {
    filters.push_back(
        json::object{{"filter", wanted_.filters[i]}, {"qos", static_cast<int>(suback.reasons[i])}});
  }
  count(api_.counters_.streams);
  send("subscribed", {{"filters", std::move(filters)}});
  http::Response response{200, {}, "text/event-stream"};
  response.headers.emplace_back("X-Accel-Buffering", "no");  // nginx would keep events back
  response.stream = source_;
  reply_(std::move(response));
}

void EventsApi::EventStream::on_message(const mqtt::Publish& message) {
  if (source_ == nullptr) return;
  count(api_.counters_.events);
  ++last_id_;
  send("message", json_of(message));
  if (source_->is_full()) client_->pause();
}

void EventsApi::EventStream::send(const char* event, const json::object& data) {
  std::string text;
  if (last_id_ > 0) text = "id: " + std::to_string(last_id_) + "\n";
  text += "event: ";
  text += event;
  text += "\ndata: " + json::serialize(data) + "\n\n";
  source_->append(text);
}

void EventsApi::EventStream::refuse(unsigned status, const std::string& why) {
  if (std::exchange(is_over_, true)) return;
  count(api_.counters_.refused);
  http::Response response = http::error_response(status, why, true);
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  reply_(std::move(response));
}

void EventsApi::EventStream::on_lost(ReasonCode reason, const std::string& why) {
  end(reason, why);
  api_.streams_.erase(number_);  // this
}

void EventsApi::EventStream::end(ReasonCode reason, const std::string& why) {
  if (source_ == nullptr) return refuse(503, "no stream now: " + why);
  if (std::exchange(is_over_, true)) return;
  send("end", end_of(reason, why));
  source_->end();
}

EventsApi::EventsApi(InsideDoor& door) : door_(door) {}

EventsApi::~EventsApi() = default;

std::vector<http::Route> EventsApi::routes() {
  return {{.method = "GET",
           .path = "/api/v1/subscribe",
           .handler = {},
           .later = [this](const http::Request& request, const http::Reply& reply) {
             subscribe(request, reply);
           }}};
}

void EventsApi::subscribe(const http::Request& request, const http::Reply& reply) {
  const auto wanted_of = [&]() -> Result<Wanted> {
    const auto query = http::Query::parse(request.query);
    if (!query) return Unexpected(query.error());
    Wanted wanted;
    for (const auto& [name, value] : query->all()) {
      if (name == "filter") {
        wanted.filters.push_back(value);
        if (!mqtt::TopicFilter::parse(value, door_.limits().topic_levels_max)) {
          return bad("\"" + value + "\" is no topic filter");
        }
      } else if (name == "qos") {
        if (value != "0" && value != "1" && value != "2") return bad("qos must be 0, 1 or 2");
        wanted.qos = static_cast<mqtt::Qos>(value[0] - '0');
      } else {
        return bad("there is no \"" + name + "\" in the query; there are filter and qos");
      }
    }
    if (wanted.filters.empty() || wanted.filters.size() > kFiltersMax) {
      return bad("the query needs 1 to " + std::to_string(kFiltersMax) +
                 " filters, like ?filter=home/%23&filter=lab/temperature");
    }
    return wanted;
  };
  auto wanted = wanted_of();
  if (!wanted) return reply(refusal(wanted.error()));
  if (request.method == "HEAD") return reply({200, {}, "text/event-stream"});
  door_.core().post([this, wanted = *std::move(wanted), reply] { begin(wanted, reply); });
}

void EventsApi::begin(const Wanted& wanted, const http::Reply& reply) {
  if (is_stopped_ || !door_.is_open()) {
    count(counters_.refused);
    return reply(refusal({ErrorKind::unavailable, "this node is starting or stopping"}));
  }
  const std::uint64_t number = ++last_number_;
  auto stream = std::make_unique<EventStream>(*this, number, wanted, reply);
  if (auto connected = stream->connect(number % door_.node_cores()); !connected) {
    return reply(refusal({ErrorKind::unavailable, connected.error().message}));
  }
  streams_.emplace(number, std::move(stream));
}

template <typename Call>
void EventsApi::on_stream(std::uint64_t number, Call call) {
  door_.core().post([this, number, call] {
    if (const auto at = streams_.find(number); at != streams_.end()) call(*at->second);
  });
}

void EventsApi::stop() {
  const auto done = std::make_shared<std::promise<void>>();
  door_.core().post([this, done] {
    is_stopped_ = true;
    streams_.clear();
    done->set_value();
  });
  done->get_future().wait();
}

void EventsApi::add_metrics(observe::Metrics& metrics) const {
  const auto number = [](const std::atomic<std::uint64_t>& counter) {
    return [&counter] { return static_cast<double>(counter.load()); };
  };
  metrics.add_counter("roost_api_streams_total", "Event streams that began.",
                      number(counters_.streams));
  metrics.add_counter("roost_api_events_total", "Messages sent to event streams.",
                      number(counters_.events));
  metrics.add_counter("roost_api_streams_refused_total",
                      "Event streams refused by the broker, or because it stops.",
                      number(counters_.refused));
}

}  // namespace roost::server
