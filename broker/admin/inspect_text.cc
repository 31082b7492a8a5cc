// SPDX-License-Identifier: Apache-2.0
// An inspection for people and as JSON. Payloads are in neither: they may be secrets.
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <cstdio>

#include "broker/admin/inspect.h"
#include "broker/admin/words.h"
#include "broker/mqtt/types.h"

namespace roost::admin {

namespace {

namespace json = boost::json;

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string expiry_words(const InspectedSession& one) {
  if (one.expires_in_s) {
    return *one.expires_in_s <= 0 ? "expired, ends at the next start"
                                  : "expires in " + duration_words(*one.expires_in_s);
  }
  if (one.expiry_s == mqtt::kNeverExpires) return "never expires";
  return "expires " + duration_words(one.expiry_s) + " after its client leaves";
}

void add_session(const InspectedSession& one, std::string& out) {
  out += "  " + printable(one.client_id) + "\n    shard " + number(one.shard) + "; " +
         expiry_words(one) + (one.was_connected ? "; was connected" : "") +
         "\n    queued: " + number(one.queued) + " messages, " + bytes_words(one.queued_bytes) +
         "\n";
  if (one.incoming_qos2 > 0) {
    out += "    incoming QoS 2 under way: " + number(one.incoming_qos2) + "\n";
  }
  if (!one.will_topic.empty()) out += "    will: " + printable(one.will_topic) + "\n";
  for (const InspectedFilter& filter : one.filters) {
    out += "    filter " + printable(filter.filter) + "  QoS " + std::to_string(filter.qos);
    if (filter.subscription_id != 0) out += "  id " + number(filter.subscription_id);
    out += "\n";
  }
}

void add_shards(const Inspection& found, std::string& out) {
  char line[200];
  std::snprintf(line, sizeof line, "%6s %6s %10s %21s %9s %9s %9s %9s %10s\n", "shard", "epoch",
                "applied", "log", "replayed", "sessions", "filters", "retained", "queued");
  out += line;
  for (const InspectedShard& shard : found.shards) {
    if (shard.is_empty()) continue;
    const std::string log =
        shard.log_last == 0 ? "-" : number(shard.log_first) + ".." + number(shard.log_last);
    std::snprintf(line, sizeof line, "%6u %6lu %10lu %21s %9lu %9lu %9lu %9lu %10lu\n", shard.id,
                  shard.epoch, shard.applied, log.c_str(), shard.replayed, shard.sessions,
                  shard.subscriptions, shard.retained, shard.queued);
    out += line;
  }
}

json::value json_of(const InspectedSession& one) {
  json::array filters;
  for (const InspectedFilter& filter : one.filters) {
    filters.push_back({{"filter", filter.filter},
                       {"qos", filter.qos},
                       {"subscription_id", filter.subscription_id}});
  }
  json::object object = {{"client_id", one.client_id},
                         {"shard", one.shard},
                         {"was_connected", one.was_connected},
                         {"queued_messages", one.queued},
                         {"queued_bytes", one.queued_bytes},
                         {"incoming_qos2", one.incoming_qos2},
                         {"will_topic", nullptr},
                         {"expiry_s", nullptr},
                         {"expires_in_s", nullptr},
                         {"filters", std::move(filters)}};
  if (!one.will_topic.empty()) object["will_topic"] = one.will_topic;
  if (one.expiry_s != mqtt::kNeverExpires) object["expiry_s"] = one.expiry_s;
  if (one.expires_in_s) object["expires_in_s"] = *one.expires_in_s;
  return object;
}

json::value json_of(const InspectedRetained& one) {
  json::object object = {
      {"topic", one.topic}, {"bytes", one.bytes}, {"qos", one.qos}, {"expires_in_s", nullptr}};
  if (one.expires_in_s) object["expires_in_s"] = *one.expires_in_s;
  return object;
}

json::object numbers_of(const InspectedShard& shard) {
  return {{"replayed", shard.replayed},          {"unreadable", shard.unreadable},
          {"sessions", shard.sessions},          {"subscriptions", shard.subscriptions},
          {"retained_messages", shard.retained}, {"queued_messages", shard.queued},
          {"queued_bytes", shard.queued_bytes}};
}

json::value json_of(const InspectedShard& shard) {
  json::object object = numbers_of(shard);
  object["shard"] = shard.id;
  object["epoch"] = shard.epoch;
  object["applied"] = shard.applied;
  object["log_first"] = shard.log_first;
  object["log_last"] = shard.log_last;
  return object;
}

}  // namespace

std::string inspection_text(const Inspection& found, const InspectOptions& options) {
  std::string out;
  if (!options.session) {
    const InspectedShard total = found.total();
    out += found.path + ": format " + std::to_string(found.format) + ", " +
           number(found.shard_count) + " shards" +
           (found.is_copy ? ", a copy that never ran" : "") +
           (found.uuid.empty() ? "" : ", store " + found.uuid) + "\n";
    out += number(total.sessions) + " sessions, " + number(total.subscriptions) +
           " subscriptions, " + number(total.retained) + " retained messages, " +
           number(total.queued) + " queued messages (" + bytes_words(total.queued_bytes) + "); " +
           number(total.replayed) + " log records not in the state yet\n";
    if (!options.sessions && !options.retained) add_shards(found, out);
  }
  if (options.sessions && !options.session) out += "sessions:\n";
  for (const InspectedSession& one : found.sessions) add_session(one, out);
  if (options.retained) out += "retained:\n";
  for (const InspectedRetained& one : found.retained) {
    out += "  " + printable(one.topic) + "  " + bytes_words(one.bytes) + "  QoS " +
           std::to_string(one.qos);
    if (one.expires_in_s) {
      out += *one.expires_in_s <= 0 ? "  expired"
                                    : "  expires in " + duration_words(*one.expires_in_s);
    }
    out += "\n";
  }
  for (const std::string& line : found.damage) out += "DAMAGE: " + line + "\n";
  return out;
}

std::string inspection_json(const Inspection& found, const InspectOptions& options) {
  json::array shards, damage;
  for (const InspectedShard& shard : found.shards) {
    if (!shard.is_empty()) shards.push_back(json_of(shard));
  }
  for (const std::string& line : found.damage) damage.push_back(json::value(line));
  json::object object = {{"data_dir", found.path},
                         {"format", found.format},
                         {"store", found.uuid},
                         {"is_copy", found.is_copy},
                         {"shard_count", found.shard_count},
                         {"total", numbers_of(found.total())},
                         {"shards", std::move(shards)},
                         {"damage", std::move(damage)}};
  if (options.sessions || options.session) {
    json::array sessions;
    for (const InspectedSession& one : found.sessions) sessions.push_back(json_of(one));
    object["sessions"] = std::move(sessions);
  }
  if (options.retained) {
    json::array retained;
    for (const InspectedRetained& one : found.retained) retained.push_back(json_of(one));
    object["retained"] = std::move(retained);
  }
  return json::serialize(object) + "\n";
}

}  // namespace roost::admin
