// SPDX-License-Identifier: Apache-2.0
// The coordinator on etcd's v3 API (3.4 and later). The addresses need not be served yet: what is
// asked waits for a member that can be reached, until its deadline; watches wait for ever.
// Thread: as coordinator.h says; one thread of its own, besides gRPC's.
// Owner: the cluster node.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "cluster/coordinator.h"

namespace roost::cluster {

struct EtcdOptions {
  std::vector<std::string> endpoints;  // host:port, one a member
  std::string user;                    // empty: none
  std::string password;
  std::string ca_file;    // PEM; empty: no TLS
  std::string cert_file;  // PEM; empty: no client certificate
  std::string key_file;
  // How long a request looks for a member that can be reached, and a listing or grant for one that
  // answers.
  std::int64_t timeout_ms = 5000;
  // How long one member has for its answer.
  std::int64_t answer_ms = 2000;
};

// Waits for no member. Errors: invalid_argument, and those of reading the PEM files.
Result<std::unique_ptr<Coordinator>> make_etcd_coordinator(const EtcdOptions& options);

}  // namespace roost::cluster
