// SPDX-License-Identifier: Apache-2.0
// Families that gather what other families tell apart, so that one query shows it: sessions by
// state, results of authentication by method, and every limit that was hit.
#include <algorithm>
#include <functional>
#include <string>

#include "broker/server/node.h"

namespace roost::server {

namespace {

using S = session::SessionCounters;
using G = gates::GateCounters;
using N = net::NetCounters;

double sum_of(const Node& node, Counter S::*counter) {
  double sum = 0;
  for (const auto& core : node.on_core) {
    sum += static_cast<double>((std::as_const(core->sessions).counters().*counter).value());
  }
  return sum;
}

double sum_of(const Node& node, Counter G::*counter) {
  double sum = 0;
  for (const auto& core : node.on_core) {
    sum += static_cast<double>((std::as_const(core->gates).counters().*counter).value());
  }
  return sum;
}

double sum_of(const Node& node, Counter N::*counter) {
  double sum = 0;
  for (const N& one : node.net_counters) sum += static_cast<double>((one.*counter).value());
  return sum;
}

void add_sessions(observe::Metrics& metrics, const Node& node) {
  const char* const help =
      "Sessions: with a client now, and those that outlive their connection and wait for theirs.";
  metrics.add_gauge("roost_sessions", help, [&node] { return sum_of(node, &S::connected); },
                    {{"state", "connected"}});
  metrics.add_gauge("roost_sessions", help,
                    [&node] {
                      const double with_client = sum_of(node, &S::durable_connected);
                      return std::max(sum_of(node, &S::sessions_durable) - with_client, 0.0);
                    },
                    {{"state", "absent"}});
}

// --- limits ---

template <typename Counters>
struct LimitRow {
  const char* limit;  // the setting
  Counter Counters::*counter;
};
constexpr LimitRow<S> kSessionLimits[] = {
    {"mqtt.max_queued", &S::dropped_queue_full},
    {"mqtt.queue_overflow", &S::dropped_oldest},
    {"mqtt.max_queued_age", &S::dropped_old},
    {"mqtt.receive_maximum", &S::refused_receive_maximum},
    {"mqtt.max_packet_size", &S::refused_packet_size},
    {"mqtt.max_topic_length", &S::refused_topic_length},
    {"mqtt.max_topic_length (filters)", &S::refused_filter_length},
    {"mqtt.max_retained_payload", &S::refused_retained_size},
    {"mqtt.max_retained", &S::refused_retained_count},
    {"mqtt.max_retained (wills, other nodes)", &S::dropped_retained_full},
    {"mqtt.max_subscriptions_per_client", &S::refused_subscriptions},
    {"store.reserve_bytes", &S::refused_disk_full},
    {"maximum packet size of a client", &S::dropped_too_large},
};
constexpr LimitRow<G> kGateLimits[] = {
    {"mqtt.max_connect_size", &G::refused_too_large},
    {"mqtt.connect_timeout", &G::connect_timeouts},
    {"auth.max_pending", &G::refused_busy},
    {"limits.max_connections_per_user", &G::refused_user_full},
    {"limits.flapping", &G::refused_flapping},
    {"limits.messages_per_second", &G::rate_exceeded},
};
constexpr LimitRow<N> kNetLimits[] = {
    {"listeners.max_connections", &N::connections_refused},
    {"limits.max_handshakes", &N::accepts_deferred},
};
using A = net::AdmissionCounters;
struct AdmissionRow {
  const char* limit;
  std::atomic<std::uint64_t> A::*counter;
};
constexpr AdmissionRow kAdmissionLimits[] = {
    {"limits.max_connections", &A::full},
    {"limits.max_connections_per_address", &A::address_full},
    {"limits.connects_per_second", &A::delayed},
};

void add_limit(observe::Metrics& metrics, const char* limit, observe::ReadNumber read) {
  metrics.add_counter("roost_limit_hits_total",
                      "Times that a limit was hit, by the setting: whatever was refused, dropped "
                      "or made to wait for it.",
                      std::move(read), {{"limit", limit}});
}

void add_limits(observe::Metrics& metrics, const Node& node) {
  const auto add = [&](const auto& rows) {
    for (const auto& row : rows) {
      add_limit(metrics, row.limit,
                [&node, counter = row.counter] { return sum_of(node, counter); });
    }
  };
  add(kSessionLimits);
  add(kGateLimits);
  add(kNetLimits);
  for (const AdmissionRow& row : kAdmissionLimits) {
    add_limit(metrics, row.limit, [&counters = node.admission.counters(), member = row.counter] {
      return static_cast<double>((counters.*member).load());
    });
  }
}

// --- authentication ---

using Count = std::function<std::uint64_t()>;

void add_result(observe::Metrics& metrics, const char* method, const char* result, Count count) {
  metrics.add_counter("roost_auth_results_total",
                      "What became of who wanted in, by how it was to be proved.",
                      [count = std::move(count)] { return static_cast<double>(count()); },
                      {{"method", method}, {"result", result}});
}

// Of what isn't configured they stay 0: whoever draws them needn't know.
template <typename Counters, typename Source>
auto reader(const Source* source) {
  return [source](std::atomic<std::uint64_t> Counters::*counter) -> Count {
    if (source == nullptr) return [] { return 0; };
    return [&counters = source->counters(), counter] { return (counters.*counter).load(); };
  };
}

void add_results(observe::Metrics& metrics, const Node& node) {
  const NodeAuth& auth = *node.auth;
  const auto chain = [&auth](std::atomic<std::uint64_t> auth::ChainCounters::*counter) -> Count {
    return [&auth, counter] {
      std::uint64_t sum = 0;
      for (const auth::ChainCounters* counters : auth.chains()) sum += (counters->*counter).load();
      return sum;
    };
  };
  using C = auth::ChainCounters;
  add_result(metrics, "anonymous", "accepted", chain(&C::accepted_anonymous));
  add_result(metrics, "anonymous", "refused", chain(&C::refused_anonymous));
  add_result(metrics, "certificate", "accepted", chain(&C::accepted_certificate));
  add_result(metrics, "certificate", "refused", chain(&C::refused_certificate));
  using P = auth::AuthCounters;
  const auto password = reader<P>(auth.passwords());
  add_result(metrics, "password", "accepted", password(&P::accepted));
  add_result(metrics, "password", "refused", password(&P::refused_password));
  add_result(metrics, "password", "busy", password(&P::refused_busy));
  using M = auth::ScramCounters;
  const auto scram = reader<M>(auth.scram());
  add_result(metrics, "scram", "accepted", scram(&M::accepted));
  add_result(metrics, "scram", "refused", scram(&M::refused_proof));
  using J = auth::JwtCounters;
  const auto token = reader<J>(auth.tokens());
  add_result(metrics, "token", "accepted", token(&J::accepted));
  add_result(metrics, "token", "refused", token(&J::refused));
  add_result(metrics, "token", "busy", token(&J::refused_busy));
  using H = auth::HttpAuthCounters;
  const auto service = reader<H>(auth.service());
  add_result(metrics, "http", "accepted", service(&H::accepted));
  add_result(metrics, "http", "refused", service(&H::denied));
  add_result(metrics, "http", "away", service(&H::away));
  add_result(metrics, "http", "busy", service(&H::refused_busy));
}

}  // namespace

void add_summaries(observe::Metrics& metrics, const Node& node) {
  add_sessions(metrics, node);
  add_limits(metrics, node);
  add_results(metrics, node);
}

}  // namespace roost::server
