// SPDX-License-Identifier: Apache-2.0
// Authorities and the certificates of nodes, in a folder that goes with it.
#pragma once

#include <string>

#include "cluster/peer/grpc_peer_network.h"

namespace roost::cluster {

class Certificates {
 public:
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;

  void make_authority(const std::string& name);
  // A key and a certificate of that authority; `names` as in subjectAltName.
  PeerTls make(const std::string& authority, const std::string& node, const std::string& names);

 private:
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void openssl(const std::string& arguments) const;

  std::string folder_;
};

}  // namespace roost::cluster
