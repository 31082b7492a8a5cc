// SPDX-License-Identifier: Apache-2.0
#include "broker/server/client_news.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "broker/base/hash.h"
#include "broker/net/ticket_keys.h"
#include "broker/server/inside_door.h"
#include "broker/server/settings_value.h"
#include "broker/server/time_text.h"
#include "broker/server/web_message.h"
#include "broker/session/reserved_topic.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using session::ClientNews;

static_assert(static_cast<int>(ClientNews::Kind::connected) ==
              static_cast<int>(outgoing::EventKind::client_connected));
static_assert(static_cast<int>(ClientNews::Kind::disconnected) ==
              static_cast<int>(outgoing::EventKind::client_disconnected));
static_assert(static_cast<int>(ClientNews::Kind::expired) ==
              static_cast<int>(outgoing::EventKind::session_expired));

}  // namespace

ClientNewsTeller::ClientNewsTeller(const Config& config)
    : node_(config.node.name),
      run_(std::to_string(hash64(net::random_secret()) % 1'000'000'000'000)) {
  for (const WebhookConfig& hook : config.webhooks) {
    for (const std::string& word : split_list(hook.events)) {
      if (const auto kind = outgoing::event_kind_of(word)) {
        wanted_[static_cast<std::size_t>(*kind)] = true;
      }
    }
  }
}

routing::MessagePtr ClientNewsTeller::message_of(const ClientNews& news,
                                                 SteadyMs received_ms) const {
  if (news.facts.listener == InsideDoor::kListener ||
      news.client_id.starts_with(session::kOwnPrefix)) {
    return {};
  }
  const auto kind = static_cast<outgoing::EventKind>(news.kind);
  json::object object = {{"type", outgoing::name_of(kind)},
                         {"id", node_ + "-" + run_ + "-" + std::to_string(++last_)},
                         {"time", time_text(news.at_ms)},
                         {"node", node_},
                         {"client", news.client_id}};
  const auto put = [&object](const char* name, std::string_view value) {
    if (!value.empty()) object[name] = value;
  };
  put("user", news.facts.user);
  put("listener", news.facts.listener);
  put("address", news.facts.address);
  put("version", news.version);
  put("reason", news.why);
  if (news.kind != ClientNews::Kind::expired) object["session_lasts"] = news.outlives;
  const std::string payload = json::serialize(object);
  const std::string topic = outgoing::topic_of(kind);
  routing::MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  parts.qos = mqtt::Qos::at_least_once;
  parts.received_ms = received_ms;
  return routing::Message::make(parts);
}

}  // namespace roost::server
