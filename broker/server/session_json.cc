// SPDX-License-Identifier: Apache-2.0
#include "broker/server/session_json.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "broker/server/api_answer.h"
#include "broker/server/web_message.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using session::SessionOrder;
using session::SessionPlace;
using session::SessionQuery;

struct OrderName {
  std::string_view name;
  SessionOrder order;
};
constexpr std::array<OrderName, 10> kOrders = {{
    {"client_id", SessionOrder::client_id},
    {"queued", SessionOrder::queued},
    {"queued_bytes", SessionOrder::queued_bytes},
    {"in_flight", SessionOrder::in_flight},
    {"oldest_unacked", SessionOrder::oldest_unacked},
    {"dropped", SessionOrder::dropped},
    {"subscriptions", SessionOrder::subscriptions},
    {"connected", SessionOrder::connected},
    {"silent", SessionOrder::silent},
    {"offline", SessionOrder::offline},
}};

std::string_view name_of(mqtt::ProtocolVersion version) {
  switch (version) {
    case mqtt::ProtocolVersion::v3_1:
      return "3.1";
    case mqtt::ProtocolVersion::v3_1_1:
      return "3.1.1";
    default:
      return "5.0";
  }
}

Unexpected<Error> invalid(std::string what) {
  return error(ErrorKind::invalid_argument, std::move(what));
}

Result<SessionOrder> order_of(const std::string& name) {
  std::string allowed;
  for (const OrderName& one : kOrders) {
    if (one.name == name) return one.order;
    allowed += (allowed.empty() ? "" : ", ") + std::string(one.name);
  }
  return invalid("sort is \"" + name + "\"; allowed are " + allowed);
}

Result<SessionPlace> place_of(const std::string& cursor) {
  SessionPlace place;
  const char* const begin = cursor.data();
  const char* const end = begin + cursor.size();
  const auto [at, fault] = std::from_chars(begin, end, place.rank);
  if (fault != std::errc() || at == end || *at != ':') {
    return invalid("cursor is \"" + cursor + "\"; take the \"next\" of the page before");
  }
  place.client_id.assign(at + 1, end);
  return place;
}

std::optional<bool> maybe_flag(const json::object& object, const char* name) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() ? std::optional(value->get_bool()) : std::nullopt;
}

json::value maybe(std::optional<bool> flag) {
  return flag ? json::value(*flag) : json::value(nullptr);
}

}  // namespace

Result<SessionQuery> session_query_of(const http::Query& query) {
  if (auto known = query.expect_only({"connected", "durable", "client", "user", "listener",
                                      "address", "sort", "order", "cursor", "limit"});
      !known) {
    return Unexpected(known.error());
  }
  SessionQuery wanted;
  const auto text = [&query](std::string_view name) {
    const std::string* const found = query.find(name);
    return found == nullptr ? std::string() : *found;
  };
  auto connected = query.flag("connected");
  auto durable = query.flag("durable");
  auto limit = query.number("limit", wanted.limit, 1, SessionQuery::kLimitMax);
  if (!connected) return Unexpected(connected.error());
  if (!durable) return Unexpected(durable.error());
  if (!limit) return Unexpected(limit.error());
  wanted.connected = *connected;
  wanted.durable = *durable;
  wanted.limit = *limit;
  wanted.client_id = text("client");
  wanted.user = text("user");
  wanted.listener = text("listener");
  wanted.address = text("address");
  if (query.find("sort") != nullptr) {
    auto order = order_of(text("sort"));
    if (!order) return Unexpected(order.error());
    wanted.order = *order;
  }
  // The largest first, and names rising, unless it is said.
  const std::string direction = text("order");
  if (!direction.empty() && direction != "asc" && direction != "desc") {
    return invalid("order is \"" + direction + "\"; allowed are asc and desc");
  }
  wanted.is_reversed = direction == "asc";
  if (query.find("cursor") != nullptr) {
    auto place = place_of(text("cursor"));
    if (!place) return Unexpected(place.error());
    wanted.after = std::move(*place);
  }
  return wanted;
}

json::object json_of(const SessionQuery& query) {
  json::object object = {{"connected", maybe(query.connected)},
                         {"durable", maybe(query.durable)},
                         {"client", query.client_id},
                         {"user", query.user},
                         {"listener", query.listener},
                         {"address", query.address},
                         {"order", static_cast<std::int64_t>(query.order)},
                         {"is_reversed", query.is_reversed},
                         {"limit", static_cast<std::int64_t>(query.limit)}};
  if (query.after) object["after"] = json_of(*query.after);
  return object;
}

SessionQuery session_query_of(const json::object& object) {
  SessionQuery query;
  query.connected = maybe_flag(object, "connected");
  query.durable = maybe_flag(object, "durable");
  query.client_id = text_of(object, "client");
  query.user = text_of(object, "user");
  query.listener = text_of(object, "listener");
  query.address = text_of(object, "address");
  const std::int64_t order = number_of(object, "order");
  if (order >= 0 && order < static_cast<std::int64_t>(kOrders.size())) {
    query.order = static_cast<SessionOrder>(order);
  }
  query.is_reversed = flag_of(object, "is_reversed");
  query.limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(number_of(object, "limit"), 1, SessionQuery::kLimitMax));
  const json::value* const after = object.if_contains("after");
  if (after != nullptr && after->is_object()) query.after = place_of(after->get_object());
  return query;
}

json::object json_of(const SessionPlace& place) {
  return {{"rank", place.rank}, {"client_id", place.client_id}};
}

SessionPlace place_of(const json::object& object) {
  return {number_of(object, "rank"), text_of(object, "client_id")};
}

std::string cursor_of(const SessionPlace& place) {
  return std::to_string(place.rank) + ":" + place.client_id;
}

json::object json_of(const session::SessionView& view, const std::string& node) {
  json::object object = {{"client_id", view.client_id},
                         {"node", node},
                         {"connected", view.is_connected},
                         {"durable", view.is_durable},
                         {"queued", view.queued},
                         {"queued_bytes", view.queued_bytes},
                         {"subscriptions", view.subscriptions},
                         {"dropped", view.dropped},
                         {"last_drop", to_text(view.last_drop)},
                         {"has_will", view.has_will},
                         {"receive_maximum", view.receive_maximum}};
  object["session_expiry_s"] =
      view.expiry_s == mqtt::kNeverExpires ? json::value("never") : json::value(view.expiry_s);
  if (!view.is_connected) {
    object["offline_s"] = view.offline_ms / 1000;
    return object;
  }
  object["user"] = view.client.user;
  object["listener"] = view.client.listener;
  object["address"] = view.client.address;
  object["relayed"] = view.client.is_relayed;
  object["protocol"] = name_of(view.version);
  object["keep_alive_s"] = view.keep_alive_s;
  object["connected_s"] = view.connected_ms / 1000;
  object["silent_s"] = view.silent_ms / 1000;
  object["in_flight"] = view.in_flight;
  object["oldest_unacked_ms"] = view.oldest_unacked_ms;
  object["reads_slowly"] = view.is_reading_slowly;
  return object;
}

// Not within a character of UTF-8, whose later bytes begin with 10.
ByteView beginning_of(ByteView payload, std::size_t most) {
  if (payload.size() <= most) return payload;
  std::size_t end = most;
  for (int i = 0; i < 3 && end > 0 && (payload[end] & 0xC0U) == 0x80U; ++i) --end;
  return payload.first(end);
}

void put_payload(json::object& object, ByteView payload, std::size_t payload_max) {
  object["payload_bytes"] = payload.size();
  const ByteView shown = beginning_of(payload, payload_max);
  if (shown.size() < payload.size()) object["payload_cut"] = true;
  put_payload(object, as_text(shown));
}

json::object json_of(const session::QueuedMessage& one, SteadyMs now_ms, std::size_t payload_max) {
  const routing::Message& message = *one.message;
  json::object object = {
      {"sequence", one.sequence},         {"topic", message.topic()},
      {"qos", static_cast<int>(one.qos)}, {"retain", one.retain},
      {"in_flight", one.is_in_flight},    {"age_s", (now_ms - message.received_ms()) / 1000}};
  if (!one.share.empty()) object["share"] = one.share;
  if (message.expires()) {
    object["expires_in_s"] = message.is_expired(now_ms) ? 0 : message.remaining_s(now_ms);
  }
  if (payload_max == 0) {
    object["payload_bytes"] = message.payload().size();
  } else {
    put_payload(object, message.payload(), payload_max);
  }
  return object;
}

}  // namespace roost::server
