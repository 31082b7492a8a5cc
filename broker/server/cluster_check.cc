// SPDX-License-Identifier: Apache-2.0
#include "broker/server/cluster_check.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "broker/base/ids.h"
#include "broker/server/settings_value.h"

namespace roost::server {

namespace {

using Add = std::function<void(const std::string&, const std::string&)>;

constexpr std::string_view kHostPortText = "host:port, like node1:7883 or [::1]:7883";

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == 0) return "localhost";
  return name.data();
}

// They become parts of keys in etcd and labels of metrics.
void check_name(const std::string& path, const std::string& name, const Add& add) {
  const bool is_plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
  if (is_plain && name.size() <= kNodeNameMax) return;
  add(path, "is " + quoted(name) + "; allowed are the characters A-Z a-z 0-9 . _ -, at most " +
                std::to_string(kNodeNameMax));
}

void check_addresses(const Config& config, const Add& add) {
  if (!parse_host_port(config.node.listen)) {
    add("node.listen", "is " + quoted(config.node.listen) +
                           "; allowed is address:port, like *:7883 or [::1]:7883");
  }
  if (config.node.advertise.empty()) return;  // made of node.listen, which is wrong
  const auto advertised = parse_host_port(config.node.advertise);
  if (!advertised) {
    add("node.advertise",
        "is " + quoted(config.node.advertise) + "; allowed is " + std::string(kHostPortText));
  } else if (advertised->host == "*" || advertised->host == "0.0.0.0" || advertised->host == "::") {
    add("node.advertise", "is " + quoted(config.node.advertise) +
                              ", which the other nodes can't connect to; allowed is " +
                              std::string(kHostPortText));
  }
}

void check_endpoints(const Config& config, const Add& add) {
  for (const std::string& member : config.etcd.endpoints) {
    if (parse_host_port(member)) continue;
    add("etcd.endpoints",
        "has " + quoted(member) + "; allowed is " + std::string(kHostPortText) +
            (member.find("//") != std::string::npos ? " without a scheme (etcd.ca switches TLS on)"
                                                    : ""));
  }
}

void check_certificates(const Config& config, const Add& add) {
  const ClusterTlsConfig& tls = config.cluster.tls;
  const bool is_any =
      !tls.ca_file.empty() || !tls.certificate_file.empty() || !tls.key_file.empty();
  for (const auto& [path, file] : {std::pair("cluster.tls.ca", &tls.ca_file),
                                   std::pair("cluster.tls.cert", &tls.certificate_file),
                                   std::pair("cluster.tls.key", &tls.key_file)}) {
    if (is_any && file->empty()) add(path, "is missing; TLS between nodes needs ca, cert and key");
  }
  const EtcdConfig& etcd = config.etcd;
  if (etcd.tls.certificate_file.empty() != etcd.tls.key_file.empty()) {
    add(etcd.tls.key_file.empty() ? "etcd.cert" : "etcd.key",
        "a certificate and its private key are needed, etcd.cert and etcd.key");
  }
  if (etcd.tls.ca_file.empty() && !etcd.tls.certificate_file.empty()) {
    add("etcd.cert", "needs etcd.ca to check etcd's certificate against");
  }
  if (etcd.user_name.empty() != etcd.password_file.empty()) {
    add(etcd.user_name.empty() ? "etcd.password_file" : "etcd.username",
        "user and password are needed, etcd.username and etcd.password_file");
  }
}

}  // namespace

void derive_cluster(Config& config) {
  config.etcd.endpoints = split_list(config.etcd.endpoint_list);
  NodeConfig& node = config.node;
  if (node.name.empty()) node.name = host_name();
  const auto listens = parse_host_port(node.listen);
  if (node.advertise.empty() && listens) {
    node.advertise = host_name() + ":" + std::to_string(listens->port);
  }
}

void check_cluster(const Config& config, const Add& add) {
  check_certificates(config, add);
  if (!config.is_cluster()) return;
  check_name("cluster.name", config.cluster.name, add);
  check_name("node.name", config.node.name, add);
  check_name("node.zone", config.node.zone, add);
  if (config.etcd.endpoints.empty()) {
    add("cluster.name", "is " + quoted(config.cluster.name) +
                            ", and a cluster needs etcd.endpoints; allowed there is a list of " +
                            std::string(kHostPortText));
  }
  check_addresses(config, add);
  check_endpoints(config, add);
  if (config.shards > kClusterShardsMax) {
    add("shards", "is " + quoted(std::to_string(config.shards)) +
                      "; allowed in a cluster is a number from 1 to " +
                      std::to_string(kClusterShardsMax));
  }
}

std::vector<std::string> warn_cluster(const Config& config) {
  if (config.is_cluster()) {
    if (config.cluster.tls.is_on()) return {};
    return {"nodes talk without TLS: whoever reaches " + config.node.listen +
            " can be one; see cluster.tls"};
  }
  if (config.etcd.endpoints.empty()) return {};
  return {"this node is alone although etcd.endpoints is set: cluster.name is not"};
}

}  // namespace roost::server
