// SPDX-License-Identifier: Apache-2.0
#include "broker/server/node_cluster.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include "broker/base/file.h"
#include "broker/gates/content.h"
#include "broker/server/node_store.h"
#include "broker/server/serve.h"
#include "broker/server/version.h"
#include "cluster/etcd/etcd_coordinator.h"
#include "cluster/shard_record.h"

namespace roost::server {

namespace {

gates::RelaySettings relay_settings(const Config& config) {
  gates::RelaySettings settings;
  settings.send_off_per_s = std::max(1U, config.drain.rate / config.threads);
  settings.server_reference = config.drain.server_reference;
  return settings;
}

[[noreturn]] void end_process(std::string_view why) {
  std::fprintf(stderr, "roost: can't go on: %.*s\n", static_cast<int>(why.size()), why.data());
  ::_exit(storage::kFatalExitCode);
}

cluster::ClusterSettings cluster_settings(const Config& config,
                                          const storage::ReplicaStore& store) {
  cluster::ClusterSettings settings;
  settings.cluster = config.cluster.name;
  settings.node = config.node.name;
  settings.address = config.node.advertise;
  settings.zone = config.node.zone;
  settings.version = version();
  settings.lease_ms = static_cast<std::int64_t>(config.cluster.lease_ms);
  settings.controller.shard_count = config.shards;
  settings.controller.first_nodes = config.cluster.nodes;
  settings.has_content = [&store](ShardId shard) { return gates::has_content(store, shard); };
  settings.on_fatal = end_process;
  return settings;
}

std::vector<cluster::CoreHosts::Post> posts_of(core::Cores& cores) {
  std::vector<cluster::CoreHosts::Post> posts;
  for (std::uint16_t i = 0; i < cores.size(); ++i) {
    posts.push_back([&core = cores.at(CoreId{i})](std::function<void()> work) {
      core.post_and_run(std::move(work));
    });
  }
  return posts;
}

}  // namespace

ClusterCore::ClusterCore(NodeCluster& node, core::Core& core, session::SessionTable& table,
                         gates::Gates& client_gates)
    : sessions(table),
      replicas(node.store_, core, sessions, started_limits(node.config_.mqtt), node.clock_,
               node.log_),
      post(core, *node.cluster_),
      shards(sessions, node.cluster_->hosts(core.id().value), node.clock_),
      peers(node.peer_gates_, node.cores_, post, sessions.router(), shards, node.permissions_),
      gather(post, sessions, peers),
      relay(client_gates, post, peers, node.cluster_->hosts(core.id().value), node.clock_,
            relay_settings(node.config_)) {
  replicas.use(node.cluster_->hosts(core.id().value));
  replicas.when_unknown(end_process);
  sessions.use(replicas, replicas);
  sessions.use(gather);
  sessions.router().use(peers);
}

Result<std::unique_ptr<cluster::Coordinator>> NodeCluster::open_coordinator(const Config& config) {
  cluster::EtcdOptions options;
  options.endpoints = config.etcd.endpoints;
  options.ca_file = config.etcd.tls.ca_file;
  options.cert_file = config.etcd.tls.certificate_file;
  options.key_file = config.etcd.tls.key_file;
  options.user = config.etcd.user_name;
  if (!config.etcd.password_file.empty()) {
    auto password = base::read_file(config.etcd.password_file);
    if (!password) return Unexpected(password.error());
    options.password = password->substr(0, password->find('\n'));
  }
  return cluster::make_etcd_coordinator(options);
}

NodeCluster::NodeCluster(const Config& config, Log& log, const Clock& clock, core::Cores& cores,
                         routing::RoutingTable& routing, storage::ReplicaStore& store,
                         std::unique_ptr<cluster::Coordinator> coordinator)
    : config_(config),
      log_(log),
      clock_(clock),
      cores_(cores),
      routing_(routing),
      store_(store),
      coordinator_(std::move(coordinator)),
      inbox_(cores),
      permissions_(clock, config.shards) {
  routing.feed = std::make_unique<routing::InterestFeed>(routing.shards, routing.volatiles);
  inbox_.when_joined([this] {
    cores_.at(CoreId{0}).post([this] { interest_->serve(); });
    joined_.store(true, std::memory_order_release);
  });
  cluster_ = std::make_unique<cluster::ClusterNode>(
      cluster_settings(config, store), *coordinator_, store, posts_of(cores),
      [this](const cluster::PeerIdentity& self,
             cluster::PeerEvents& events) -> std::unique_ptr<cluster::PeerNetwork> {
        cluster::PeerNetworkOptions options;
        options.self = self;
        options.bind = config_.node.listen;
        options.tls = {config_.cluster.tls.ca_file, config_.cluster.tls.certificate_file,
                       config_.cluster.tls.key_file};
        auto network = cluster::make_peer_network(std::move(options), events, log_);
        if (network) {
          const std::lock_guard lock(links_mutex_);
          if (!is_stopped_) links_ = network->get();
          return std::move(*network);
        }
        const std::string why = "node.listen " + config_.node.listen + ": ";
        std::fprintf(stderr, "roost: %s%s\n", why.c_str(), network.error().message.c_str());
        ::_exit(kExitAddressInUse);
      },
      inbox_, log, clock);
}

NodeCluster::~NodeCluster() = default;

ReplicaEnd NodeCluster::join(core::Core& core, session::SessionTable& sessions,
                             gates::Gates& client_gates) {
  on_core_.push_back(std::make_unique<ClusterCore>(*this, core, sessions, client_gates));
  ClusterCore& made = *on_core_.back();
  peer_gates_.gates.push_back(&made.peers);
  inbox_.add(made.post);
  cluster::CoreHosts& hosts = cluster_->hosts(core.id().value);
  return {[&made] { return made.replicas.is_idle(); }, [&hosts] { hosts.before_flush(); },
          [&hosts](bool is_done) { hosts.after_flush(is_done); }};
}

void NodeCluster::complete() {
  std::vector<cluster::ShardHosts*> hosts;
  for (std::uint16_t i = 0; i < cores_.size(); ++i) hosts.push_back(&cluster_->hosts(i));
  interest_ =
      std::make_unique<gates::InterestSync>(cores_, on_core_.front()->post, routing_, peer_gates_,
                                            permissions_, clock_, std::move(hosts));
  for (const auto& one : on_core_) one->sessions.use(*interest_);
}

void NodeCluster::start() {
  cores_.at(CoreId{0}).post([this] { interest_->start(); });
  for (const auto& one : on_core_) {
    core::Core& core = one->post.core();
    core.post([&one = *one, &hosts = cluster_->hosts(core.id().value)] {
      hosts.start(one.replicas);
      one.replicas.start();
    });
  }
  cluster_->start();
}

void NodeCluster::share(std::shared_ptr<net::TicketKeys> tickets) {
  ticket_secret_ = std::make_unique<cluster::SharedSecret>(
      *coordinator_, cluster::Keys(config_.cluster.name).ticket_secret(), net::random_secret,
      [this, tickets = std::move(tickets)](const std::string& secret) {
        const auto used = tickets->use(as_bytes(secret));
        if (!used) log_.write(LogLevel::warn, "etcd's ticket_secret: " + used.error().message);
      });
}

void NodeCluster::drain(int limit_ms) {
  cluster_->drain();
  const SteadyMs until_ms = clock_.steady_ms() + limit_ms;
  while (!cluster_->is_drained() && clock_.steady_ms() < until_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void NodeCluster::stop() {
  {
    const std::lock_guard lock(links_mutex_);
    links_ = nullptr;
    is_stopped_ = true;
  }
  cluster_->stop();
}

cluster::PeerCounters NodeCluster::link_counters() const {
  const std::lock_guard lock(links_mutex_);
  return links_ == nullptr ? cluster::PeerCounters() : links_->counters();
}

}  // namespace roost::server
