// SPDX-License-Identifier: Apache-2.0
#include "broker/server/retained_api.h"

#include <boost/json/array.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "broker/http/query.h"
#include "broker/mqtt/topic.h"
#include "broker/server/api_answer.h"
#include "broker/server/core_call.h"
#include "broker/server/session_json.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using Told = Fleet::Told;
using session::SessionTable;

constexpr std::string_view kPath = "/api/v1/retained/";
constexpr std::size_t kPayloadShown = 1024 * 1024;

struct Level {
  bool has_message = false, has_more = false;
};
using Levels = std::map<std::string, Level, std::less<>>;

void add(Levels& levels, std::string_view name, Level level, std::size_t limit) {
  if (levels.size() >= limit && name > levels.rbegin()->first) return;
  Level& at = levels.try_emplace(std::string(name)).first->second;
  at.has_message = at.has_message || level.has_message;
  at.has_more = at.has_more || level.has_more;
  if (levels.size() > limit) levels.erase(std::prev(levels.end()));
}

// One core's part, a shard a turn; told when what it appended is committed.
template <typename T>
class ShardByShard : public std::enable_shared_from_this<ShardByShard<T>> {
 public:
  using Done = std::function<void(Result<T>)>;
  // True: the shard is through. What it appends is for that door.
  using Step = std::function<bool(SessionTable&, ShardId, session::Door*, T&)>;

  ShardByShard(SessionTable& table, std::vector<ShardId> shards, Step step, Done done)
      : table_(table), shards_(std::move(shards)), step_(std::move(step)), done_(std::move(done)) {}

  void run() {
    if (door_ == nullptr) {
      door_ = table_.open_door(
          [self = this->shared_from_this()] { self->done_(std::move(self->found_)); });
    }
    if (next_ == shards_.size()) return table_.close_door(door_);
    const ShardId shard = shards_[next_];
    if (!table_.leads(shard) || step_(table_, shard, door_, found_)) ++next_;
    table_.core().post([self = this->shared_from_this()] { self->run(); });
  }

 private:
  SessionTable& table_;
  const std::vector<ShardId> shards_;
  const Step step_;
  const Done done_;
  session::Door* door_ = nullptr;
  std::size_t next_ = 0;
  T found_{};
};

template <typename T>
Result<std::vector<T>> of_all_shards(Node& node, typename ShardByShard<T>::Step step) {
  return from_cores<T>(node, [&node, step = std::move(step)](NodeCore& core, auto done) {
    std::make_shared<ShardByShard<T>>(core.sessions, shards_of(node, core), step, std::move(done))
        ->run();
  });
}

json::object json_of(const routing::Message& message, SteadyMs now_ms) {
  json::object object = {{"topic", message.topic()},
                         {"qos", static_cast<int>(message.qos())},
                         {"age_s", (now_ms - message.received_ms()) / 1000}};
  if (message.expires()) object["expires_in_s"] = message.remaining_s(now_ms);
  put_payload(object, message.payload(), kPayloadShown);
  return object;
}

void clear(SessionTable& table, ShardId shard, session::Door* door, std::string_view topic) {
  routing::MessageParts parts;
  parts.topic = topic;
  parts.retain = true;
  parts.received_ms = table.core().now_ms();
  table.keep_in_shard(shard, routing::Message::make(parts), std::nullopt, door);
}

http::Response not_kept(const std::string& topic) {
  return refusal({ErrorKind::not_found, "no message is kept for " + topic});
}

}  // namespace

RetainedApi::RetainedApi(Node& node, Fleet& fleet) : node_(node), fleet_(fleet) {
  fleet.add("retained.below", [this](const Fleet::Object& object) { return below(object); });
  fleet.add("retained.get", [this](const Fleet::Object& object) { return get(object); });
  fleet.add("retained.delete", [this](const Fleet::Object& object) { return remove(object); });
  fleet.add("retained.count", [this](const Fleet::Object& object) { return remove(object); });
}

std::vector<http::Route> RetainedApi::routes() {
  return {
      {"GET", "/api/v1/retained", [this](const http::Request& one) { return browse(one); }},
      {"DELETE", "/api/v1/retained", [this](const http::Request& one) { return remove_all(one); }},
      {"GET", "/api/v1/retained/*", [this](const http::Request& request) { return one(request); }},
      {"DELETE", "/api/v1/retained/*",
       [this](const http::Request& request) { return one(request); }}};
}

// --- of this node ---

Told RetainedApi::below(const Fleet::Object& parameters) {
  const json::value* const prefix = parameters.if_contains("prefix");
  const bool is_root = prefix == nullptr || !prefix->is_string();
  const std::string topic = is_root ? "" : std::string(prefix->get_string());
  const std::string after = text_of(parameters, "after");
  const bool is_first = parameters.if_contains("after") == nullptr;
  const auto limit = parameters.at("limit").to_number<std::size_t>();
  auto parts = of_all_shards<Levels>(
      node_, [=](SessionTable& table, ShardId shard, session::Door*, Levels& levels) {
        table.shard(shard).retained().below(topic, is_root, [&](const auto& one) {
          if (!is_first && one.level <= after) return;
          add(levels, one.level, {one.has_message, one.has_more}, limit + 1);
        });
        return true;
      });
  if (!parts) return Unexpected(parts.error());
  json::array levels;
  for (const Levels& part : *parts) {
    for (const auto& [name, level] : part) {
      levels.push_back(json::array{name, level.has_message, level.has_more});
    }
  }
  return json::value(std::move(levels));
}

Told RetainedApi::get(const Fleet::Object& parameters) {
  const std::string topic = text_of(parameters, "topic");
  return from_core<json::value>(
      core_of(node_, topic), [topic](NodeCore& core, const std::function<void(Told)>& done) {
        SessionTable& table = core.sessions;
        const ShardId shard = table.shard_of(topic);
        const SteadyMs now_ms = table.core().now_ms();
        const routing::MessagePtr kept =
            table.leads(shard) ? table.shard(shard).retained().find(topic) : routing::MessagePtr();
        if (!kept || kept->is_expired(now_ms)) {
          return done(error(ErrorKind::not_found, "no message is kept for " + topic));
        }
        done(json::value(json_of(*kept, now_ms)));
      });
}

// {"topic"} or {"prefix"}: that topic and all below it; "more": some of it is left for another
// time, so that the records of one request don't stand in front of everybody else's.
Told RetainedApi::remove(const Fleet::Object& parameters) {
  const std::string topic = text_of(parameters, "topic");
  const std::string prefix = text_of(parameters, "prefix");
  const bool is_dry = flag_of(parameters, "dry_run");
  struct Removal {
    std::uint64_t count = 0;
    std::vector<routing::MessagePtr> left;  // of that shard
    ShardId shard{};
    bool has_more = false;
  };
  auto parts = of_all_shards<Removal>(
      node_, [=](SessionTable& table, ShardId shard, session::Door* door, Removal& found) {
        auto& [count, left, of, has_more] = found;
        if (!is_dry && count >= kDeletedAPiece) return has_more = true;
        const routing::RetainedStore& kept = table.shard(shard).retained();
        if (of != shard) left.clear();  // the one before is led elsewhere now
        of = shard;
        if (left.empty()) {
          kept.match(topic.empty() ? prefix + "/#" : topic, 0, left);
          std::erase_if(left, [](const auto& one) { return one->topic().starts_with("$SYS/"); });
        }
        if (is_dry) {
          count += left.size();
          left.clear();
          return true;
        }
        for (std::size_t i = 0; i < kDeletedATurn && !left.empty(); ++i, ++count) {
          clear(table, shard, door, left.back()->topic());
          left.pop_back();
        }
        return left.empty();
      });
  if (!parts) return Unexpected(parts.error());
  std::uint64_t count = 0;
  bool has_more = false;
  for (const Removal& part : *parts) {
    count += part.count;
    has_more = has_more || part.has_more;
  }
  return json::value(json::object{{"deleted", count}, {"more", has_more}});
}

// --- of all nodes ---

// ?below=home/kitchen&after=LEVEL&limit=N; without `below`: the first levels.
http::Response RetainedApi::browse(const http::Request& request) {
  const auto query = http::Query::parse(request.query);
  if (!query) return refusal(query.error());
  if (auto known = query->expect_only({"below", "after", "limit"}); !known) {
    return refusal(known.error());
  }
  const auto limit = query->number("limit", 100, 1, kLevelsMax);
  if (!limit) return refusal(limit.error());
  const std::string* const prefix = query->find("below");
  const std::string* const after = query->find("after");
  Fleet::Object parameters = {{"limit", *limit}};
  if (prefix != nullptr) parameters["prefix"] = *prefix;
  if (after != nullptr) parameters["after"] = *after;
  const auto said = fleet_.ask_all("retained.below", parameters);
  Levels all;
  for (const Fleet::Said& one : said) {
    if (!one.told) continue;
    for (const json::value& row : one.told->as_array()) {
      const json::array& level = row.as_array();
      add(all, level[0].as_string(), {level[1].as_bool(), level[2].as_bool()}, *limit + 1);
    }
  }
  const bool has_more = all.size() > *limit;
  if (has_more) all.erase(std::prev(all.end()));
  json::array levels;
  for (const auto& [name, level] : all) {
    levels.push_back(json::object{{"level", name},
                                  {"topic", prefix == nullptr ? name : *prefix + "/" + name},
                                  {"has_message", level.has_message},
                                  {"has_more", level.has_more}});
  }
  json::object result;
  if (has_more) result["next"] = all.rbegin()->first;
  result["levels"] = std::move(levels);
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

// /api/v1/retained/TOPIC, percent-encoded; its slashes may stand as they are.
http::Response RetainedApi::one(const http::Request& request) {
  const auto topic = http::percent_decode(std::string_view(request.path).substr(kPath.size()));
  if (!topic || !mqtt::TopicName::parse(*topic, UINT32_MAX)) {
    return refusal({ErrorKind::invalid_argument, "behind retained/ stands a topic name"});
  }
  const bool is_delete = request.method == "DELETE";
  const auto said =
      fleet_.ask_all(is_delete ? "retained.delete" : "retained.get", {{"topic", *topic}});
  std::uint64_t deleted = 0;
  for (const Fleet::Said& each : said) {
    if (!each.told) continue;
    if (!is_delete) return answer(*each.told);
    deleted += each.told->at("deleted").to_number<std::uint64_t>();
  }
  if (is_delete && deleted > 0) return answer(json::object{{"deleted", deleted}});
  for (const Fleet::Said& each : said) {
    if (each.told || each.told.error().kind == ErrorKind::not_found) continue;
    return refusal({ErrorKind::unavailable, each.node + ": " + each.told.error().message});
  }
  return not_kept(*topic);
}

// ?below=home/kitchen: that subtree, its own topic included, for some seconds: with "more" there is
// more; &dry_run=true: only counted.
http::Response RetainedApi::remove_all(const http::Request& request) {
  const auto query = http::Query::parse(request.query);
  if (!query) return refusal(query.error());
  if (auto known = query->expect_only({"below", "dry_run"}); !known) return refusal(known.error());
  const std::string* const prefix = query->find("below");
  if (prefix == nullptr || !mqtt::TopicName::parse(*prefix, UINT32_MAX)) {
    return refusal({ErrorKind::invalid_argument, "?below= names the topic whose subtree goes"});
  }
  const auto is_dry = query->flag("dry_run");
  if (!is_dry) return refusal(is_dry.error());
  const bool only_counts = is_dry->value_or(false);
  // One of a version that knows no dry run would delete: it isn't asked by that name.
  const char* const verb = only_counts ? "retained.count" : "retained.delete";
  std::uint64_t found = 0;
  json::array silent;
  const auto until = std::chrono::steady_clock::now() + kGoesOnFor;
  bool has_more = true;
  while (has_more && silent.empty() && std::chrono::steady_clock::now() < until) {
    has_more = false;
    const auto said = fleet_.ask_all(verb, {{"prefix", *prefix}, {"dry_run", only_counts}});
    for (const Fleet::Said& each : said) {
      if (!each.told) continue;
      found += each.told->at("deleted").to_number<std::uint64_t>();
      has_more = has_more || flag_of(each.told->as_object(), "more");
    }
    silent = missing(said);
  }
  json::object result = {{only_counts ? "matched" : "deleted", found}};
  if (has_more) result["more"] = true;
  if (!silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

}  // namespace roost::server
