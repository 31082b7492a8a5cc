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

}  // namespace

void add_auth_metrics(observe::Metrics& metrics, const Node& node) {
  for (const auto& row : kChainCounters) {
    metrics.add_counter(row.name, row.help, [&auth = *node.auth, member = row.counter] {
      std::uint64_t sum = 0;
      for (const C* counters : auth.chains()) sum += (counters->*member).load();
      return static_cast<double>(sum);
    });
  }
  // Without a password file they stay 0: whoever draws them needn't know.
  static const A kNone;
  const A& counters =
      node.auth->passwords() == nullptr ? kNone : node.auth->passwords()->counters();
  for (const auto& row : kPasswordCounters) {
    metrics.add_counter(row.name, row.help, [&counters, member = row.counter] {
      return static_cast<double>((counters.*member).load());
    });
  }
  metrics.add_gauge("roost_auth_pending", "Password checks waiting or running.",
                    [&counters] { return static_cast<double>(counters.pending.load()); });
}

}  // namespace roost::server
