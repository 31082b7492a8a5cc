// SPDX-License-Identifier: Apache-2.0
// What is counted about who comes in.
#include "broker/server/node.h"

namespace roost::server {

namespace {

template <typename Counters>
struct AuthRow {
  const char* name;
  const char* help;
  std::atomic<std::uint64_t> Counters::*counter;
};
using C = auth::ChainCounters;
constexpr AuthRow<C> kChainCounters[] = {
    {"roost_auth_accepted_total", "Clients let in.", &C::accepted},
    {"roost_auth_accepted_anonymous_total", "Clients let in without a user name.",
     &C::accepted_anonymous},
    {"roost_auth_accepted_certificate_total", "Clients let in by their certificate.",
     &C::accepted_certificate},
    {"roost_auth_refused_total", "Clients refused by one who was asked, or known to none.",
     &C::refused},
    {"roost_auth_refused_certificate_total", "Certificates without the name that tls.user wants.",
     &C::refused_certificate},
    {"roost_auth_refused_anonymous_total", "Clients refused for want of a user name.",
     &C::refused_anonymous},
};
using J = auth::JwtCounters;
constexpr AuthRow<J> kTokenCounters[] = {
    {"roost_auth_tokens_accepted_total", "Clients let in by their token.", &J::accepted},
    {"roost_auth_tokens_refused_total", "Tokens refused.", &J::refused},
    {"roost_auth_tokens_expired_total", "Tokens refused as expired or not yet valid.",
     &J::refused_expired},
    {"roost_auth_tokens_forged_total", "Tokens refused for signature, algorithm or length.",
     &J::refused_signature},
    {"roost_auth_tokens_claims_total", "Tokens refused for what they claim.", &J::refused_claims},
    {"roost_auth_tokens_key_total", "Tokens refused as their key is unknown or too old.",
     &J::refused_key},
    {"roost_auth_tokens_busy_total", "Tokens refused as too many waited.", &J::refused_busy},
};
using M = auth::ScramCounters;
constexpr AuthRow<M> kScramCounters[] = {
    {"roost_auth_scram_accepted_total", "Clients let in by SCRAM-SHA-256.", &M::accepted},
    {"roost_auth_scram_refused_total", "SCRAM-SHA-256: unknown users and wrong passwords.",
     &M::refused_proof},
    {"roost_auth_scram_garbled_total", "SCRAM-SHA-256: messages that are none.",
     &M::refused_garbled},
};
using K = auth::JwksCounters;
constexpr AuthRow<K> kKeySetCounters[] = {
    {"roost_auth_key_set_fetches_total", "Times the key set was asked for.", &K::fetches},
    {"roost_auth_key_set_failures_total", "Times the key set was not to be had.", &K::failures},
};
using H = auth::HttpAuthCounters;
constexpr AuthRow<H> kServiceCounters[] = {
    {"roost_auth_service_accepted_total", "Clients let in by the HTTP service.", &H::accepted},
    {"roost_auth_service_denied_total", "Clients refused by the HTTP service.", &H::denied},
    {"roost_auth_service_away_total", "Clients for whom the HTTP service had no answer.", &H::away},
    {"roost_auth_service_busy_total", "Clients refused as too many waited.", &H::refused_busy},
    {"roost_auth_service_questions_total", "Requests to the HTTP service.", &H::questions},
    {"roost_auth_service_cache_hits_total", "Clients let in or refused from memory.",
     &H::cache_hits},
};
using A = auth::AuthCounters;
constexpr AuthRow<A> kPasswordCounters[] = {
    {"roost_auth_refused_password_total", "Unknown users and wrong passwords.",
     &A::refused_password},
    {"roost_auth_refused_busy_total", "Clients refused because too many waited for a check.",
     &A::refused_busy},
    {"roost_auth_hashes_total", "Password hashes computed.", &A::hashes_computed},
    {"roost_auth_cache_hits_total", "Passwords known again without hashing.", &A::cache_hits},
    {"roost_auth_reloads_total", "Password files read again.", &A::reloads},
    {"roost_auth_reload_failures_total", "Password files that could not be read again.",
     &A::reload_failures},
};

// Of what isn't configured they stay 0: whoever draws them needn't know.
template <typename Counters, typename Source>
const Counters& counters_of(const Source* source) {
  static const Counters kNone;
  return source == nullptr ? kNone : source->counters();
}

template <typename Counters, std::size_t kSize, typename Source>
void add_rows(observe::Metrics& metrics, const AuthRow<Counters> (&rows)[kSize],
              const Source* source) {
  const Counters& counters = counters_of<Counters>(source);
  for (const AuthRow<Counters>& row : rows) {
    metrics.add_counter(row.name, row.help, [&counters, member = row.counter] {
      return static_cast<double>((counters.*member).load());
    });
  }
}

void add_admission(observe::Metrics& metrics, const net::Admission& admission) {
  using N = net::AdmissionCounters;
  constexpr std::pair<const char*, std::atomic<std::uint64_t> N::*> kCauses[] = {
      {"max_connections", &N::full},
      {"max_connections_per_address", &N::address_full},
      {"banned", &N::banned}};
  for (const auto& [cause, counter] : kCauses) {
    metrics.add_counter("roost_admission_refused_total",
                        "Connections refused before anything was read of them, by cause.",
                        [&counters = admission.counters(), member = counter] {
                          return static_cast<double>((counters.*member).load());
                        },
                        {{"cause", cause}});
  }
  metrics.add_counter(
      "roost_admission_delayed_total",
      "Times that accepting waited for limits.connects_per_second.",
      [&counters = admission.counters()] { return static_cast<double>(counters.delayed.load()); });
}

}  // namespace

void add_auth_metrics(observe::Metrics& metrics, const Node& node) {
  for (const auto& row : kChainCounters) {
    metrics.add_counter(row.name, row.help, [&auth = *node.auth, member = row.counter] {
      std::uint64_t sum = 0;
      for (const C* counters : auth.chains()) sum += (counters->*member).load();
      return static_cast<double>(sum);
    });
  }
  const NodeAuth& auth = *node.auth;
  add_admission(metrics, node.admission);
  add_rows<A>(metrics, kPasswordCounters, auth.passwords());
  add_rows<M>(metrics, kScramCounters, auth.scram());
  add_rows<J>(metrics, kTokenCounters, auth.tokens());
  add_rows<K>(metrics, kKeySetCounters, auth.key_set());
  add_rows<H>(metrics, kServiceCounters, auth.service());
  const A& counters = counters_of<A>(auth.passwords());
  metrics.add_gauge("roost_auth_pending", "Password checks waiting or running.",
                    [&counters] { return static_cast<double>(counters.pending.load()); });
}

}  // namespace roost::server
