// SPDX-License-Identifier: Apache-2.0
// What a link between two nodes costs: chunks of 100 B, 10 kB and 256 kB from one network to
// another in one process, over loopback, with at most 8 MB on the way. `chunks/s`, and processor
// time of both sides together per chunk in `cpu_us`; `alone`: one chunk at a time, there and back.
// Run: peer_bench
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "broker/base/check.h"
#include "cluster/peer/grpc_peer_network.h"

namespace roost::cluster {
namespace {

constexpr PeerId kOther{1};
constexpr std::uint64_t kOnTheWayMax = 8 * 1024 * 1024;

// Counts what comes, and sends it back where that is wanted.
class End final : public PeerEvents {
 public:
  End(const std::string& name, bool echoes) : echoes_(echoes) {
    PeerNetworkOptions options;
    options.self = {"bench", name, 1, "", "", 1, 0};
    options.bind = "127.0.0.1:0";
    auto made = make_peer_network(options, *this, log_);
    CHECK(made.has_value());
    network_ = std::move(*made);
  }
  ~End() { network_.reset(); }

  void on_peer_up(PeerId, std::uint64_t session, const PeerIdentity&) override {
    session_ = session;
    session_.notify_all();
  }
  void on_peer_down(PeerId, std::uint64_t) override {}
  void on_peer_seen(PeerId, PeerView::Seen) override {}
  void on_chunks(PeerId from, std::uint64_t session, Lane lane, Chunks chunks) override {
    for (Chunk& chunk : chunks) {
      bytes_ += chunk.bytes.size();
      bytes_.notify_all();
      if (echoes_) network_->send(from, session, lane, std::move(chunk.bytes));
    }
  }

  void link_to(const std::string& name, const End& other) {
    network_->set_peers({{kOther, name, "127.0.0.1:" + std::to_string(other.network_->port())}});
  }
  void wait_up() { session_.wait(0); }
  bool send(std::string chunk) {
    return network_->send(kOther, session_, Lane::replication, std::move(chunk));
  }
  std::uint64_t bytes() const { return bytes_; }
  void wait_for_bytes(std::uint64_t wanted) const {
    for (std::uint64_t got = bytes_; got < wanted; got = bytes_) bytes_.wait(got);
  }
  PeerCounters counters() const { return network_->counters(); }

 private:
  const bool echoes_;
  NullLog log_;
  std::atomic<std::uint64_t> session_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::unique_ptr<GrpcPeerNetwork> network_;
};

struct Pair {
  explicit Pair(bool echoes = false) : a("a", false), b("b", echoes) {
    a.link_to("b", b);
    b.link_to("a", a);
    a.wait_up();
    b.wait_up();
  }
  End a;
  End b;
};

double processor_us() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(used.ru_utime) + us(used.ru_stime);
}

void chunks(benchmark::State& state) {
  const std::size_t size = static_cast<std::size_t>(state.range(0));
  Pair pair;
  const double before_us = processor_us();
  std::uint64_t sent = 0;
  for (auto _ : state) {
    if (sent > kOnTheWayMax) pair.b.wait_for_bytes(sent - kOnTheWayMax);
    CHECK(pair.a.send(std::string(size, 'x')));
    sent += size;
  }
  pair.b.wait_for_bytes(sent);
  const double chunks = static_cast<double>(state.iterations());
  const auto lane = pair.a.counters().lanes[0];
  state.counters["chunks/s"] = benchmark::Counter(chunks, benchmark::Counter::kIsRate);
  state.counters["cpu_us"] = (processor_us() - before_us) / chunks;
  state.counters["batch"] =
      static_cast<double>(lane.chunks_out) / static_cast<double>(lane.envelopes_out);
}
BENCHMARK(chunks)->Arg(100)->Arg(10'000)->Arg(256'000)->UseRealTime()->MinTime(3);

void alone(benchmark::State& state) {
  const std::size_t size = static_cast<std::size_t>(state.range(0));
  Pair pair(true);
  const double before_us = processor_us();
  std::uint64_t sent = 0;
  for (auto _ : state) {
    CHECK(pair.a.send(std::string(size, 'x')));
    sent += size;
    pair.a.wait_for_bytes(sent);
  }
  state.counters["cpu_us"] = (processor_us() - before_us) / static_cast<double>(state.iterations());
}
BENCHMARK(alone)->Arg(100)->Arg(10'000)->Arg(256'000)->UseRealTime()->MinTime(2);

}  // namespace
}  // namespace roost::cluster
