// SPDX-License-Identifier: Apache-2.0
// How long a compare-and-set and a linearizable read of the etcd coordinator take, one after the
// other, against three members that it starts on this machine.
//   ninja -C build/ci etcd_latency && build/ci/tests/etcd_latency [count]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "tests/etcd/await.h"
#include "tests/etcd/etcd_cluster.h"

namespace {

using namespace roost::cluster;

void measure(const char* what, int count, const std::function<bool()>& once) {
  std::vector<double> times_ms;
  int failed = 0;
  for (int i = 0; i < count; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (!once()) ++failed;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    times_ms.push_back(took.count());
  }
  std::sort(times_ms.begin(), times_ms.end());
  const auto at = [&](double share) {
    return times_ms[static_cast<std::size_t>(share * static_cast<double>(times_ms.size() - 1))];
  };
  std::printf("%-12s %d, p50 %.2f ms, p99 %.2f ms, longest %.2f ms, %d failed\n", what, count,
              at(0.5), at(0.99), at(1), failed);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 3000;
  if (count < 1) {
    std::fprintf(stderr, "usage: etcd_latency [count]\n");
    return 2;
  }
  EtcdCluster etcd({.members = 3, .election_ms = 1000});
  const auto coordinator = connect(etcd.options());
  const std::string value(300, 'x');  // as long as a shard's record
  Revision revision = 0;
  const auto change = [&] {
    const TxnResult result = transact(*coordinator, replace("/bench", value, revision));
    if (result.outcome == TxnResult::Outcome::done) revision = result.revision;
    return result.outcome == TxnResult::Outcome::done;
  };
  for (int i = 0; i < 200; ++i) change();
  measure("transaction", count, change);
  measure("listing", count, [&] { return list(*coordinator, "/bench").has_value(); });
  return 0;
}
