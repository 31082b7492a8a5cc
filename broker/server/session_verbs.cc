// SPDX-License-Identifier: Apache-2.0
// What a node tells of its sessions, and does with them.
#include <boost/json/array.hpp>

#include <memory>
#include <optional>
#include <utility>

#include "broker/gates/client_access.h"
#include "broker/mqtt/topic.h"
#include "broker/server/api_answer.h"
#include "broker/server/core_call.h"
#include "broker/server/session_api.h"
#include "broker/server/session_json.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using Told = Fleet::Told;
using session::SessionPage;
using session::SessionTable;

// One core's part of a list: a piece of it a turn, so that its clients don't wait for all of it.
class Scan : public std::enable_shared_from_this<Scan> {
 public:
  static constexpr std::size_t kBucketsATurn = 4096;
  struct Found {
    std::vector<SessionPage::Row> rows;
    bool has_more = false;
    std::uint64_t matched = 0;
  };
  using Done = std::function<void(Result<Found>)>;

  Scan(NodeCore& core, std::vector<ShardId> shards, session::SessionQuery query, Done done)
      : table_(core.sessions),
        shards_(std::move(shards)),
        page_(std::move(query)),
        done_(std::move(done)) {}

  void step() {
    if (next_ < shards_.size()) {
      table_.list(shards_[next_++], page_);
    } else {
      bucket_ = table_.list_clean(bucket_, kBucketsATurn, page_);
      if (bucket_ == 0) return end();
    }
    table_.core().post([self = shared_from_this()] { self->step(); });
  }

 private:
  void end() {
    Found found{page_.take(), page_.has_more(), page_.matched()};
    done_(std::move(found));
  }

  SessionTable& table_;
  const std::vector<ShardId> shards_;
  SessionPage page_;
  const Done done_;
  std::size_t next_ = 0, bucket_ = 0;
};

json::array json_of(const std::vector<session::StoredFilter>& filters) {
  json::array all;
  for (const session::StoredFilter& one : filters) {
    json::object filter = {{"filter", one.filter},
                           {"qos", static_cast<int>(one.options.qos)},
                           {"no_local", one.options.no_local},
                           {"retain_as_published", one.options.retain_as_published}};
    if (one.subscription_id != 0) filter["subscription_id"] = one.subscription_id;
    all.push_back(std::move(filter));
  }
  return all;
}

// Of the rules about a topic: {"allowed", "why"}; null where there are none.
json::value may_receive(const NodeCore& core, std::string_view client_id,
                        const std::string& topic) {
  const session::Session* const live = core.sessions.live(client_id);
  const auto* const access =
      live == nullptr ? nullptr : dynamic_cast<const gates::ClientAccess*>(live->access());
  if (access == nullptr) return nullptr;
  const auto said = access->explain(auth::Right::receive, topic);
  return json::object{{"allowed", said.allowed}, {"why", said.why}};
}

// The filters of it that a topic matches.
json::array matching(const std::vector<session::StoredFilter>& filters, const std::string& topic) {
  json::array all;
  for (const session::StoredFilter& one : filters) {
    const auto filter = mqtt::TopicFilter::parse(one.filter, UINT32_MAX);
    if (filter && mqtt::matches(filter->text(), topic)) {
      all.push_back(json::value(one.filter));
    }
  }
  return all;
}

}  // namespace

Told SessionApi::list(const Fleet::Object& parameters) {
  const session::SessionQuery query = session_query_of(parameters);
  auto parts = from_cores<Scan::Found>(node_, [this, query](NodeCore& core, Scan::Done done) {
    std::make_shared<Scan>(core, shards_of(node_, core), query, std::move(done))->step();
  });
  if (!parts) return Unexpected(parts.error());
  SessionPage page(query);
  bool has_more = false;
  std::uint64_t matched = 0;
  for (Scan::Found& part : *parts) {
    has_more = has_more || part.has_more;
    matched += part.matched;
    page.merge(std::move(part.rows));
  }
  json::array rows;
  for (const SessionPage::Row& row : page.take()) {
    rows.push_back(json::object{{"place", server::json_of(row.place)},
                                {"session", server::json_of(row.view, fleet_.self())}});
  }
  return json::value(json::object{
      {"rows", std::move(rows)}, {"more", has_more || page.has_more()}, {"matched", matched}});
}

Told SessionApi::show(const Fleet::Object& parameters) {
  const std::string id = text_of(parameters, "client_id");
  const std::string topic = text_of(parameters, "topic");
  return from_core<json::value>(
      core_of(node_, id),
      [id, topic, self = fleet_.self()](NodeCore& core, const std::function<void(Told)>& done) {
        const auto details = session::look_at_session(core.sessions, id);
        if (!details) return done(error(ErrorKind::not_found, "no node has a session of " + id));
        json::object object = server::json_of(details->view, self);
        object["filters"] = json_of(details->filters);
        if (!topic.empty()) {
          object["matching"] = matching(details->filters, topic);
          object["may_receive"] = may_receive(core, id, topic);
        }
        done(json::value(std::move(object)));
      });
}

Told SessionApi::kick(const Fleet::Object& parameters) {
  const std::string id = text_of(parameters, "client_id");
  return from_core<json::value>(
      core_of(node_, id), [id](NodeCore& core, const std::function<void(Told)>& done) {
        session::Session* const live = core.sessions.live(id);
        if (live == nullptr) return done(error(ErrorKind::not_found, id + " isn't connected"));
        live->kick(mqtt::ReasonCode::administrative_action, "kicked by an operator");
        done(json::value(json::object{{"kicked", true}}));
      });
}

Told SessionApi::remove(const Fleet::Object& parameters) {
  const std::string id = text_of(parameters, "client_id");
  return from_core<json::value>(
      core_of(node_, id), [id](NodeCore& core, const std::function<void(Told)>& done) {
        session::remove_session(core.sessions, id, [done](Result<void> removed) {
          if (!removed) return done(Unexpected(std::move(removed).error()));
          done(json::value(json::object{{"removed", true}}));
        });
      });
}

Told SessionApi::queue(const Fleet::Object& parameters) {
  const std::string id = text_of(parameters, "client_id");
  const std::uint64_t from = count_of(parameters, "from", 0);
  const std::uint64_t limit = count_of(parameters, "limit", 100);
  const std::uint64_t payload_max = count_of(parameters, "payload_max", 0);
  return from_core<json::value>(
      core_of(node_, id), [=](NodeCore& core, const std::function<void(Told)>& done) {
        session::look_at_queue(core.sessions, id, from, static_cast<std::size_t>(limit),
                               [=, &core](Result<session::QueuePage> page) {
                                 if (!page) return done(Unexpected(std::move(page).error()));
                                 json::array messages;
                                 const SteadyMs now_ms = core.sessions.core().now_ms();
                                 for (const session::QueuedMessage& one : page->messages) {
                                   messages.push_back(server::json_of(one, now_ms, payload_max));
                                 }
                                 json::object object = {{"total", page->total},
                                                        {"connected", page->is_connected},
                                                        {"messages", std::move(messages)}};
                                 if (page->next != 0) object["next"] = page->next;
                                 done(json::value(std::move(object)));
                               });
      });
}

Told SessionApi::purge(const Fleet::Object& parameters) {
  const std::string id = text_of(parameters, "client_id");
  const std::uint64_t from = count_of(parameters, "from", 0);
  const std::uint64_t to = count_of(parameters, "to", UINT64_MAX);
  return from_core<json::value>(
      core_of(node_, id), [=](NodeCore& core, const std::function<void(Told)>& done) {
        session::purge_queue(core.sessions, id, from, to, [done](Result<std::uint64_t> purged) {
          if (!purged) return done(Unexpected(std::move(purged).error()));
          done(json::value(json::object{{"purged", *purged}}));
        });
      });
}

}  // namespace roost::server
