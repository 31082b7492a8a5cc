// SPDX-License-Identifier: Apache-2.0
#include "broker/server/fleet.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <exception>
#include <future>

#include "broker/base/check.h"
#include "broker/server/api_answer.h"

namespace roost::server {

namespace {

namespace json = boost::json;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

json::object json_of(const Error& why) {
  return {{"kind", static_cast<int>(why.kind)}, {"error", why.message}};
}

// {"value": ...} or {"kind": ..., "error": ...}
std::string packed(const Fleet::Told& told) {
  if (!told) return json::serialize(json_of(told.error()));
  return json::serialize(json::object{{"value", *told}});
}

Fleet::Told unpacked(const std::string& text) {
  boost::system::error_code fault;
  json::value said = json::parse(text, fault);
  if (fault || !said.is_object()) return error(ErrorKind::corrupt, "its answer can't be read");
  json::object& object = said.get_object();
  if (json::value* const value = object.if_contains("value")) return std::move(*value);
  const json::value* const kind = object.if_contains("kind");
  const std::int64_t number = kind != nullptr && kind->is_int64() ? kind->get_int64() : -1;
  const bool is_known = number >= 0 && number <= static_cast<int>(ErrorKind::corrupt);
  return error(is_known ? static_cast<ErrorKind>(number) : ErrorKind::corrupt,
               text_of(object, "error"));
}

bool is_led(const cluster::ClusterStatus& status, const cluster::Replica& leader) {
  return std::any_of(status.nodes.begin(), status.nodes.end(), [&](const auto& node) {
    return node.is_alive && node.record.name == leader.name && node.record.store == leader.store;
  });
}

}  // namespace

Fleet::Fleet(std::string self, cluster::Cluster* cluster)
    : self_(std::move(self)), cluster_(cluster) {}

Fleet::~Fleet() { stop(); }

void Fleet::add(std::string name, Verb verb) {
  CHECK(workers_ == nullptr);
  CHECK(verbs_.emplace(std::move(name), std::move(verb)).second);
}

void Fleet::start() {
  if (cluster_ == nullptr) return;
  workers_ = std::make_unique<auth::Workers>(kThreads, kWaitingMax);
  ear_->fleet = this;
  cluster_->on_question([ear = ear_](const std::string& question, cluster::Cluster::Reply reply) {
    const std::lock_guard lock(ear->mutex);
    if (ear->fleet != nullptr) ear->fleet->answer(question, reply);
  });
}

void Fleet::stop() {
  if (workers_ == nullptr) return;
  {
    const std::lock_guard lock(ear_->mutex);
    ear_->fleet = nullptr;
  }
  workers_->stop();
}

Fleet::Told Fleet::ask_here(const std::string& verb, const Object& parameters) const {
  const auto found = verbs_.find(verb);
  // Of a later version.
  if (found == verbs_.end()) return error(ErrorKind::unavailable, "it knows no verb " + verb);
  try {
    return found->second(parameters);
  } catch (const std::exception& fault) {  // of parameters that aren't as this version has them
    return error(ErrorKind::corrupt,
                 "the question makes no sense here: " + std::string(fault.what()));
  }
}

void Fleet::answer(const std::string& question, const cluster::Cluster::Reply& reply) {
  auth::Workers::Job job = [this, question, reply](bool stopping) {
    if (stopping) return refuse(reply, "it is stopping");
    boost::system::error_code fault;
    const json::value asked = json::parse(question, fault);
    const json::object* const object = fault ? nullptr : asked.if_object();
    const json::value* const parameters = object ? object->if_contains("parameters") : nullptr;
    if (parameters == nullptr || !parameters->is_object()) {
      return reply(packed(error(ErrorKind::corrupt, "the question can't be read")));
    }
    count(counters_.answered);
    reply(packed(ask_here(text_of(*object, "verb"), parameters->get_object())));
  };
  if (workers_->push(job) == auth::Workers::Pushed::queued) return;
  refuse(reply, "it is asked too much at once");
}

void Fleet::refuse(const cluster::Cluster::Reply& reply, const char* why) {
  count(counters_.refused);
  reply(packed(error(ErrorKind::unavailable, why)));
}

void Fleet::add_metrics(observe::Metrics& metrics) const {
  const auto number = [](const std::atomic<std::uint64_t>& counter) {
    return [&counter] { return static_cast<double>(counter.load()); };
  };
  metrics.add_counter("roost_fleet_questions_answered_total", "Questions of other nodes' APIs.",
                      number(counters_.answered));
  metrics.add_counter("roost_fleet_questions_refused_total",
                      "Questions of other nodes refused: too many at once, or this node stops.",
                      number(counters_.refused));
  metrics.add_counter("roost_fleet_questions_asked_total", "Questions put to other nodes' APIs.",
                      number(counters_.asked));
  metrics.add_counter("roost_fleet_questions_failed_total",
                      "Of them, without an answer in time: what was told is a part.",
                      number(counters_.failed));
}

std::vector<Fleet::Said> Fleet::ask_all(const std::string& verb, const Object& parameters) const {
  std::vector<std::pair<std::string, std::future<Told>>> asked;
  const auto until = std::chrono::steady_clock::now() + kAnswersWithin;
  std::size_t leaderless = 0;
  if (cluster_ != nullptr) {
    const std::string question =
        json::serialize(json::object{{"verb", verb}, {"parameters", parameters}});
    const cluster::ClusterStatus status = cluster_->status();
    leaderless = static_cast<std::size_t>(
        std::count_if(status.shards.begin(), status.shards.end(),
                      [&](const auto& shard) { return !is_led(status, shard.record.leader); }));
    for (const auto& node : status.nodes) {
      if (!node.is_alive || node.record.name == self_) continue;
      count(counters_.asked);
      auto promise = std::make_shared<std::promise<Told>>();
      asked.emplace_back(node.record.name, promise->get_future());
      cluster_->ask(
          node.record.name, question, kAnswersWithin.count(), [promise](Result<std::string> said) {
            promise->set_value(said ? unpacked(*said) : Told(Unexpected(std::move(said).error())));
          });
    }
  }
  std::vector<Said> all;
  all.push_back({self_, ask_here(verb, parameters)});
  for (auto& [node, future] : asked) {
    const bool is_there = future.wait_until(until) == std::future_status::ready;
    all.push_back(
        {node, is_there ? future.get() : Told(error(ErrorKind::unavailable, "it doesn't answer"))});
    const Told& told = all.back().told;
    if (!told && told.error().kind == ErrorKind::unavailable) count(counters_.failed);
  }
  if (leaderless > 0) {
    all.push_back({"", error(ErrorKind::unavailable,
                             std::to_string(leaderless) + " shards have no leader now")});
  }
  return all;
}

json::array missing(const std::vector<Fleet::Said>& said) {
  json::array nodes;
  for (const Fleet::Said& one : said) {
    if (one.told) continue;
    nodes.push_back(json::object{{"node", one.node}, {"error", one.told.error().message}});
  }
  return nodes;
}

}  // namespace roost::server
