// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/clients.h"

namespace roost::simulation {
namespace {

constexpr std::int64_t kPatienceUs = 700'000;
constexpr std::int64_t kWayUs = 300;  // between a client and a node

}  // namespace

void Clients::start(std::size_t count, std::int64_t pause_us_max) {
  is_running_ = true;
  pause_us_max_ = pause_us_max;
  clients_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    go_on(i);
  }
}

std::uint64_t Clients::append_at(NodeIndex node, ShardId shard) {
  const std::uint64_t request = ++requests_;
  watched_.insert(request);
  if (cluster_->is_up(node)) {
    Host* host = cluster_->host(node);
    host->process()->run([host, shard, request] { host->append(shard, request, request); });
  }
  return request;
}

void Clients::go_on(std::size_t client) {
  cluster_->queue().after(random_.between(1, pause_us_max_), [this, client] {
    if (is_running_) {
      ask(client);
    }
  });
}

void Clients::ask(std::size_t index) {
  Client& client = clients_[index];
  client.shard = ShardId{static_cast<std::uint16_t>(random_.below(cluster_->shards()))};
  const NodeIndex node = client.leaders[client.shard];
  const bool reads = random_.one_in(5);
  const std::uint64_t count = reads ? 1 : 1 + random_.below(4);
  client.waits_for = requests_ + count;  // the last of them
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t request = ++requests_;
    waiting_[request] = index;
    cluster_->queue().after(kWayUs, [this, node, shard = client.shard, reads, request] {
      if (!cluster_->is_up(node)) {
        answered(request, false);
        return;
      }
      Host* host = cluster_->host(node);
      host->process()->run([host, shard, reads, request] {
        reads ? host->read(shard, request) : host->append(shard, request, request);
      });
    });
  }
  cluster_->queue().after(kPatienceUs,
                          [this, request = client.waits_for] { answered(request, false); });
}

void Clients::on_appended(std::uint64_t request, bool is_acknowledged) {
  cluster_->counters().add(is_acknowledged ? "acknowledged" : "not_acknowledged");
  if (is_acknowledged && watched_.contains(request)) {
    acknowledged_.insert(request);
  }
  cluster_->queue().after(kWayUs,
                          [this, request, is_acknowledged] { answered(request, is_acknowledged); });
}

void Clients::on_read(std::uint64_t request) {
  cluster_->counters().add("reads");
  cluster_->queue().after(kWayUs, [this, request] { answered(request, true); });
}

void Clients::answered(std::uint64_t request, bool is_well) {
  const auto found = waiting_.find(request);
  if (found == waiting_.end()) {
    return;
  }
  const std::size_t index = found->second;
  waiting_.erase(found);
  Client& client = clients_[index];
  if (client.waits_for != request) {
    return;
  }
  client.waits_for = 0;
  if (!is_well) {
    look_elsewhere(client);
  }
  go_on(index);
}

void Clients::look_elsewhere(Client& client) {
  NodeIndex& node = client.leaders[client.shard];
  const auto leading = cluster_->leader(client.shard);
  node = leading && !random_.one_in(4) ? *leading
                                       : static_cast<NodeIndex>(random_.below(cluster_->size()));
}

}  // namespace roost::simulation
