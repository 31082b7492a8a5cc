// SPDX-License-Identifier: Apache-2.0
#include "broker/server/server.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "broker/base/file.h"
#include "broker/core/pulse.h"
#include "broker/http/console.h"
#include "broker/http/routes.h"
#include "broker/server/admin_api.h"
#include "broker/server/config_check.h"
#include "broker/server/draining.h"
#include "broker/server/http_door.h"
#include "broker/server/node.h"
#include "broker/server/otel.h"
#include "broker/server/reloading.h"
#include "broker/server/status.h"
#include "broker/server/sys_publisher.h"

namespace roost::server {

namespace {

// Subscribers that acknowledge one by one cost a commit for many of them, not one each.
constexpr std::uint16_t kAckDelayMs = 10;

session::SessionLimits session_limits(const Config& config) {
  session::SessionLimits limits;
  const MqttConfig& mqtt = config.mqtt;
  limits.wire = mqtt.limits();
  limits.receive_maximum = mqtt.receive_maximum;
  limits.max_inflight = mqtt.max_inflight;
  limits.topic_alias_maximum = mqtt.topic_alias_maximum;
  limits.max_queued_messages = mqtt.max_queued_messages;
  limits.max_queued_bytes = mqtt.max_queued_bytes;
  limits.max_queued_bytes_core = mqtt.max_queued_bytes_total / config.threads;
  limits.max_queued_age_s = mqtt.max_queued_age_s;
  limits.ack_delay_ms = kAckDelayMs;
  limits.max_subscriptions = mqtt.max_subscriptions_per_client;
  limits.max_topic_bytes = mqtt.max_topic_length;
  limits.max_retained_bytes = mqtt.max_retained_payload;
  limits.max_retained = mqtt.max_retained;
  limits.keep_alive_max_s = mqtt.keep_alive_max_s;
  limits.session_expiry_max_s = mqtt.session_expiry_max_s;
  limits.persistent_expiry_s = mqtt.persistent_session_expiry_s;
  return limits;
}

// For what is left to be written when the clients are gone.
constexpr int kFinishLimitMs = 8000;
// Of clients that went, to who wants to hear it.
bool is_telling(const Node& node) {
  return std::any_of(node.on_core.begin(), node.on_core.end(), [](const auto& one) {
    return std::as_const(one->sessions).counters().telling.value() != 0;
  });
}

// For the leadership of a node that stops to move to others.
constexpr int kDrainLimitMs = 10'000;

gates::ClientLimits client_limits(const LimitsConfig& config) {
  gates::ClientLimits limits;
  limits.messages_per_s = config.messages_per_second;
  limits.bytes_per_s = config.bytes_per_second;
  limits.disconnects = config.too_fast_disconnects;
  limits.connections_per_user_max = config.max_connections_per_user;
  limits.losses_max = config.flapping;
  limits.losses_window_ms = static_cast<SteadyMs>(config.flapping_window_ms);
  limits.losses_hold_ms = static_cast<SteadyMs>(config.flapping_hold_ms);
  return limits;
}

session::AckMode ack_mode(Ack ack) {
  switch (ack) {
    case Ack::quorum:
      return session::AckMode::quorum;
    case Ack::local:
      return session::AckMode::local;
    case Ack::memory:
      return session::AckMode::memory;
  }
  return session::AckMode::quorum;
}

net::ListenerSettings net_settings(const ListenerConfig& config, const MqttConfig& mqtt) {
  net::ListenerSettings settings;
  settings.handshake_timeout_ms = static_cast<std::uint32_t>(mqtt.connect_timeout_ms);
  settings.name = config.name;
  settings.address = config.address;
  settings.port = config.port;
  settings.unix_path = config.unix_path;
  settings.websocket = config.websocket;
  settings.websocket_path = config.websocket_path;
  settings.proxy_protocol = config.proxy_protocol;
  settings.max_connections = config.max_connections;
  if (config.has_tls()) {
    settings.tls = std::make_unique<net::TlsSettings>();
    settings.tls->certificate_file = config.tls.certificate_file;
    settings.tls->key_file = config.tls.key_file;
    settings.tls->ca_file = config.tls.ca_file;
    settings.tls->crl_file = config.tls.crl_file;
    settings.tls->min_version = config.tls.min_version;
    settings.tls->ciphers = config.tls.ciphers;
    const std::string& wanted = config.tls.client_certificate;
    settings.tls->client_certificate = wanted == "required"   ? net::ClientCertificate::required
                                       : wanted == "optional" ? net::ClientCertificate::optional
                                                              : net::ClientCertificate::none;
  }
  return settings;
}

}  // namespace

Node::Node(const Config& wanted, Log& to, std::unique_ptr<NodeAuth> door,
           std::unique_ptr<NodeStore> opened, std::unique_ptr<cluster::Coordinator> coordinator)
    : config(wanted),
      log(to),
      connection_log(to, "connection", wanted.log.max_connection_lines),
      bans(config.data_dir + "/bans.json", clock, log),
      admission({wanted.limits.max_connections, wanted.limits.max_connections_per_address,
                 wanted.limits.connects_per_second},
                [this](std::string_view host) { return bans.list().has_address(host); }),
      cores(static_cast<std::uint16_t>(wanted.threads), clock),
      tickets(std::make_shared<net::TicketKeys>(clock)),
      auth(std::move(door)),
      news(wanted),
      store(std::move(opened)),
      gates_common{{},
                   auth->common(),
                   auth->enhanced(),
                   connection_log,
                   clock,
                   client_limits(wanted.limits),
                   &bans.list()},
      net_counters(wanted.threads),
      started_ms(clock.steady_ms()) {
  routing.shard_count = config.shards;
  tables.limits = session_limits(config);
  if (!config.webhooks.empty()) tables.teller = &news;
  gates_common.classes = gates::ClientClasses(class_rules(config.metrics));
  if (coordinator != nullptr) {
    cluster = std::make_unique<NodeCluster>(config, log, clock, cores, routing, store->store(),
                                            std::move(coordinator));
  }
  for (std::uint16_t i = 0; i < cores.size(); ++i) {
    core::Core& core = cores.at(CoreId{i});
    on_core.push_back(
        std::make_unique<NodeCore>(core, cores, routing, tables, gates_common, net_counters[i]));
    NodeCore& made = *on_core.back();
    made.gates.use(auth->rules());
    if (cluster == nullptr) {
      store->join(core, made.sessions);
    } else {
      store->join(core, made.sessions, cluster->join(core, made.sessions, made.gates));
    }
    routing.routers.push_back(&on_core.back()->sessions.router());
    tables.tables.push_back(&on_core.back()->sessions);
    gates_common.gates.push_back(&on_core.back()->gates);
  }
  if (cluster != nullptr) cluster->complete();
}

// The replicas end before the store, which calls nobody back before the gates end.
Node::~Node() {
  if (cluster == nullptr) return;
  cluster->close();
  store->close();
  cluster.reset();
}

namespace {

// Tickets are good on all nodes with the same secret: the configured one, or the cluster's.
Result<void> share_tickets(Node& node) {
  if (node.config.tls.ticket_secret_file.empty()) {
    if (node.cluster != nullptr) node.cluster->share(node.tickets);
    return {};
  }
  auto secret = base::read_file(node.config.tls.ticket_secret_file);
  if (!secret) return Unexpected(secret.error());
  auto used = node.tickets->use(as_bytes(*secret));
  if (used) return {};
  return error(used.error().kind, node.config.tls.ticket_secret_file + ": " + used.error().message);
}

}  // namespace

struct Server::Inside {
  std::unique_ptr<Node> node;
  std::unique_ptr<Otel> otel;
  observe::Metrics metrics;
  std::unique_ptr<SysPublisher> sys;
  std::unique_ptr<HttpDoor> http;
  std::unique_ptr<AdminApi> admin;
  std::unique_ptr<Reloading> reloading;
  std::unique_ptr<core::Pulse> pulse;
  bool started = false, stopped = false;
};

Server::Server(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::open(const Config& config, Log& log) {
  auto store = NodeStore::open(config, log);
  if (!store) return Unexpected(store.error());
  return open(config, log, std::move(*store));
}

Result<std::unique_ptr<Server>> Server::open(const Config& config, Log& log,
                                             std::unique_ptr<NodeStore> store) {
  auto door = NodeAuth::open(config, log);
  if (!door) return Unexpected(door.error());
  auto inside = std::make_unique<Inside>();
  std::unique_ptr<cluster::Coordinator> coordinator;
  if (config.is_cluster()) {
    auto opened = NodeCluster::open_coordinator(config);
    if (!opened) return Unexpected(opened.error());
    coordinator = std::move(*opened);
  }
  inside->node = std::make_unique<Node>(config, log, std::move(*door), std::move(store),
                                        std::move(coordinator));
  Node& node = *inside->node;
  if (auto shared = share_tickets(node); !shared) return Unexpected(shared.error());
  auto otel = Otel::open(node);
  if (!otel) return Unexpected(otel.error());
  inside->otel = std::move(*otel);
  // First: who can reach a listener finds the node by its socket, too.
  inside->admin = std::make_unique<AdminApi>(
      node, node.cluster == nullptr ? nullptr : &node.cluster->cluster());
  if (auto opened = inside->admin->ways().open(); !opened) return Unexpected(opened.error());
  for (const ListenerConfig& wanted : config.listeners) {
    net::ListenerSettings settings = net_settings(wanted, config.mqtt);
    settings.admission = &node.admission;
    settings.handshakes_max = config.limits.max_handshakes;
    if (settings.tls) settings.tls->tickets = node.tickets;
    auto opened = net::Listener::open(std::move(settings), node.cores, node.net_counters, log);
    if (!opened) return Unexpected(opened.error());
    auto gate = std::make_unique<gates::GateListener>();
    gate->name = wanted.name;
    gate->allow_anonymous =
        wanted.allow_anonymous ? wanted.allow_anonymous : config.auth.allow_anonymous;
    gate->limits = config.mqtt.limits();
    gate->limits.packet_size_max = wanted.max_packet_size;
    gate->connect_size_max = std::min(config.mqtt.max_connect_size, wanted.max_packet_size);
    gate->connect_timeout_ms = config.mqtt.connect_timeout_ms;
    gate->ack = ack_mode(wanted.ack);
    gate->authenticator = &node.auth->of(wanted);
    gate->enhanced = &node.auth->enhanced_of(wanted);
    gate->certificate_user = wanted.tls.user;
    gate->listener = opened->get();
    node.gate_listeners.push_back(std::move(gate));
    node.listeners.push_back(std::move(*opened));
  }
  inside->pulse = std::make_unique<core::Pulse>(node.cores);
  inside->reloading = std::make_unique<Reloading>(node);
  inside->reloading->add_metrics(inside->metrics);
  add_metrics(inside->metrics, node);
  add_cluster_metrics(inside->metrics, node);
  inside->admin->add_metrics(inside->metrics);
  inside->otel->add_metrics(inside->metrics);
  if (config.http.port != 0) {
    http::Health health;
    health.live = [] { return std::string(); };
    health.ready = [&node] { return why_not_ready(node); };
    auto routes = http::operator_routes(inside->metrics, health);
    for (http::Route& route : inside->admin->routes()) routes.push_back(std::move(route));
    for (http::Route& route : http::console_routes(http::console_assets())) {
      routes.push_back(std::move(route));
    }
    auto http = HttpDoor::open(node.config.http, node.clock, std::move(routes));
    if (!http) return Unexpected(http.error());
    inside->http = std::move(*http);
    inside->http->add_metrics(inside->metrics);
    inside->reloading->add(inside->http->reloadables());
  }
  return std::unique_ptr<Server>(new Server(std::move(inside)));
}

void Server::on_drain(std::function<void()> stop) { inside_->admin->on_drain(std::move(stop)); }

void Server::start() {
  Node& node = *inside_->node;
  inside_->started = true;
  if (inside_->http != nullptr) inside_->http->start();  // says that it isn't ready yet
  inside_->admin->start();
  inside_->otel->start();
  if (node.cluster != nullptr) {
    node.cores.start();
    node.cluster->start();
    node.store->keep();
    return;
  }
  node.store->start_shards(node.clock, node.config.shards);
  node.cores.start();
  node.store->lead();
  open_doors();
}

bool Server::serve_if_joined() {
  Node& node = *inside_->node;
  if (node.ready) return true;
  if (node.cluster == nullptr || !node.cluster->is_joined()) return false;
  open_doors();
  return true;
}

void Server::open_doors() {
  Node& node = *inside_->node;
  inside_->sys = std::make_unique<SysPublisher>(node);
  node.cores.at(CoreId{0}).post([sys = inside_->sys.get()] { sys->start(); });
  for (std::size_t i = 0; i < node.listeners.size(); ++i) {
    node.listeners[i]->start([&node, &listener = *node.gate_listeners[i]](
                                 core::Core& core, net::DetachedConnection connection) {
      node.on_core[core.id().value]->gates.accept(listener, std::move(connection));
    });
  }
  node.ready = true;
}

void Server::stop(int grace_ms) {
  if (inside_ == nullptr || inside_->stopped) return;
  inside_->stopped = true;
  Node& node = *inside_->node;
  node.ready = false;
  inside_->admin->ways().stop();
  if (inside_->started) {
    for (auto& listener : node.listeners) listener->stop();
    if (node.cluster != nullptr) {
      node.cluster->drain(kDrainLimitMs);
      send_off(node);
    }
    for (auto& one : node.on_core) {
      one->sessions.core().post([&sessions = one->sessions, &gates = one->gates] {
        sessions.kick_all(mqtt::ReasonCode::server_shutting_down, "server shutting down");
        gates.shut();
      });
    }
    for (int waited_ms = 0; waited_ms < grace_ms && (connections() > 0 || is_telling(node));
         waited_ms += 10) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  inside_->admin->stop();
  if (inside_->started) node.store->finish(kFinishLimitMs);
  if (inside_->http != nullptr) inside_->http->stop();
  node.auth->stop();
  if (inside_->started && node.cluster != nullptr) node.cluster->stop();
  node.cores.stop();
  for (auto& one : node.on_core) one->gates.close_all();
  inside_->otel->stop();
}

bool Server::cores_turn() { return inside_->pulse->beat(); }

std::uint64_t Server::connections() const {
  std::uint64_t sum = 0;
  for (const net::NetCounters& one : inside_->node->net_counters) {
    sum += one.connections_opened.value() - one.connections_closed.value();
  }
  return sum;
}

void Server::reload() { inside_->reloading->reload_all(); }

void Server::look_for_changes() { inside_->reloading->reload_changed(); }

std::string Server::metrics_markdown() const { return inside_->metrics.markdown(); }
std::vector<std::string> Server::listening() const {
  std::vector<std::string> lines;
  for (const auto& listener : inside_->node->listeners) lines.push_back(listener->describe());
  return lines;
}

std::string Server::cluster_note() const {
  const Node& node = *inside_->node;
  return node.cluster == nullptr ? std::string() : two_nodes_note(node.cluster->cluster().status());
}

std::uint16_t Server::port(std::size_t listener) const {
  return inside_->node->listeners.at(listener)->port();
}

std::uint16_t Server::http_port() const {
  return inside_->http == nullptr ? std::uint16_t{0} : inside_->http->port();
}

}  // namespace roost::server
