// SPDX-License-Identifier: Apache-2.0
#include "broker/server/server.h"

#include <chrono>
#include <thread>
#include <utility>

#include "broker/http/routes.h"
#include "broker/server/admin_api.h"
#include "broker/server/node.h"
#include "broker/server/sys_publisher.h"

namespace roost::server {

namespace {

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
  limits.max_subscriptions = mqtt.max_subscriptions_per_client;
  limits.keep_alive_max_s = mqtt.keep_alive_max_s;
  limits.session_expiry_max_s = mqtt.session_expiry_max_s;
  limits.persistent_expiry_s = mqtt.persistent_session_expiry_s;
  return limits;
}

// For what is left to be written when the clients are gone.
constexpr int kFinishLimitMs = 8000;

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

Node::Node(const Config& wanted, Log& to, std::unique_ptr<auth::PasswordAuthenticator> passwords,
           std::unique_ptr<NodeStore> opened)
    : config(wanted),
      log(to),
      connection_log(to, "connection", wanted.log.max_connection_lines),
      cores(static_cast<std::uint16_t>(wanted.threads), clock),
      authenticator(std::move(passwords)),
      store(std::move(opened)),
      gates_common{{}, *authenticator, enhanced, connection_log},
      net_counters(wanted.threads),
      started_ms(clock.steady_ms()) {
  routing.shard_count = config.shards;
  tables.limits = session_limits(config);
  for (std::uint16_t i = 0; i < cores.size(); ++i) {
    on_core.push_back(std::make_unique<NodeCore>(cores.at(CoreId{i}), cores, routing, tables,
                                                 *store, gates_common, net_counters[i]));
    routing.routers.push_back(&on_core.back()->sessions.router());
    tables.tables.push_back(&on_core.back()->sessions);
    gates_common.gates.push_back(&on_core.back()->gates);
  }
}

struct Server::Inside {
  std::unique_ptr<Node> node;
  observe::Metrics metrics;
  std::unique_ptr<SysPublisher> sys;
  std::unique_ptr<http::Server> http;
  std::unique_ptr<AdminApi> admin;
  bool started = false;
  bool stopped = false;
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
  auto passwords = auth::PasswordAuthenticator::open(
      {config.auth.password_file, config.auth.threads, config.auth.max_pending});
  if (!passwords) return Unexpected(passwords.error());
  auto inside = std::make_unique<Inside>();
  inside->node = std::make_unique<Node>(config, log, std::move(*passwords), std::move(store));
  Node& node = *inside->node;
  // First: who can reach a listener finds the node by its socket, too.
  inside->admin = std::make_unique<AdminApi>(node);
  for (const ListenerConfig& wanted : config.listeners) {
    auto opened =
        net::Listener::open(net_settings(wanted, config.mqtt), node.cores, node.net_counters, log);
    if (!opened) return Unexpected(opened.error());
    auto gate = std::make_unique<gates::GateListener>();
    gate->name = wanted.name;
    gate->allow_anonymous =
        wanted.allow_anonymous ? wanted.allow_anonymous : config.auth.allow_anonymous;
    gate->limits = config.mqtt.limits();
    gate->limits.packet_size_max = wanted.max_packet_size;
    gate->connect_timeout_ms = config.mqtt.connect_timeout_ms;
    gate->ack = wanted.acks_memory ? session::AckMode::memory : session::AckMode::local;
    gate->listener = opened->get();
    node.gate_listeners.push_back(std::move(gate));
    node.listeners.push_back(std::move(*opened));
  }
  add_metrics(inside->metrics, node);
  inside->admin->add_metrics(inside->metrics);
  if (config.http.port != 0) {
    http::Settings settings;
    settings.address = config.http.address;
    settings.port = config.http.port;
    settings.max_connections = config.http.max_connections;
    http::Health health;
    health.live = [] { return std::string(); };
    health.ready = [&node] {
      return node.ready.load() ? std::string() : std::string("starting or stopping");
    };
    auto http = http::Server::open(settings, http::operator_routes(inside->metrics, health));
    if (!http) return Unexpected(http.error());
    inside->http = std::move(*http);
    const http::Server& served = *inside->http;
    inside->metrics.add_counter("roost_http_requests_total", "HTTP requests answered.",
                                [&served] { return static_cast<double>(served.requests()); });
    inside->metrics.add_counter(
        "roost_http_refused_connections_total", "HTTP connections over http.max_connections.",
        [&served] { return static_cast<double>(served.refused_connections()); });
  }
  return std::unique_ptr<Server>(new Server(std::move(inside)));
}

void Server::start() {
  Node& node = *inside_->node;
  inside_->started = true;
  if (inside_->http != nullptr) inside_->http->start();  // says that it isn't ready yet
  inside_->admin->start();
  node.store->start_shards(node.clock, node.config.shards);
  node.cores.start();
  node.store->lead();
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
  inside_->admin->stop();
  if (inside_->started) {
    for (auto& listener : node.listeners) listener->stop();
    for (auto& one : node.on_core) {
      one->sessions.core().post([&sessions = one->sessions, &gates = one->gates] {
        sessions.kick_all(mqtt::ReasonCode::server_shutting_down, "server shutting down");
        gates.shut();
      });
    }
    const auto open = [&node] {
      std::uint64_t sum = 0;
      for (const net::NetCounters& one : node.net_counters) {
        sum += one.connections_opened.value() - one.connections_closed.value();
      }
      return sum;
    };
    for (int waited_ms = 0; waited_ms < grace_ms && open() > 0; waited_ms += 10) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  if (inside_->started) node.store->finish(kFinishLimitMs);
  if (inside_->http != nullptr) inside_->http->stop();
  node.authenticator->stop();
  node.cores.stop();
  for (auto& one : node.on_core) one->gates.close_all();
}

void Server::reload() {
  Node& node = *inside_->node;
  const auto reloaded = node.authenticator->reload();
  if (reloaded) {
    node.log.write(LogLevel::info, "reloaded the password file");
  } else {
    node.log.write(LogLevel::error, "kept the old passwords: " + reloaded.error().message);
  }
}

std::vector<std::string> Server::listening() const {
  std::vector<std::string> lines;
  for (const auto& listener : inside_->node->listeners) lines.push_back(listener->describe());
  return lines;
}

std::uint16_t Server::port(std::size_t listener) const {
  return inside_->node->listeners.at(listener)->port();
}

std::uint16_t Server::http_port() const {
  return inside_->http == nullptr ? std::uint16_t{0} : inside_->http->port();
}

}  // namespace roost::server
