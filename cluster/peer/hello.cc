// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/hello.h"

namespace roost::cluster::peer {

pb::Hello make_hello(const PeerIdentity& self, const std::string& to, Lane lane,
                     std::uint64_t session) {
  pb::Hello hello;
  pb::PeerIdentity& from = *hello.mutable_from();
  from.set_cluster(self.cluster);
  from.set_name(self.name);
  from.set_incarnation(self.incarnation);
  from.set_store(self.store);
  from.set_version(self.version);
  from.set_protocol(self.protocol);
  from.set_feature_level(self.feature_level);
  hello.set_to(to);
  hello.set_lane(static_cast<std::uint32_t>(lane));
  hello.set_session(session);
  return hello;
}

PeerIdentity identity_of(const pb::Hello& hello) {
  const pb::PeerIdentity& from = hello.from();
  return {from.cluster(), from.name(),     from.incarnation(),  from.store(),
          from.version(), from.protocol(), from.feature_level()};
}

std::string shown(std::string_view text, std::size_t bytes_max) {
  std::string out(text.substr(0, bytes_max));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text.size() > bytes_max ? out + "..." : out;
}

std::string mismatch(const PeerIdentity& self, const pb::Hello& hello) {
  const pb::PeerIdentity& from = hello.from();
  const std::string here = "node '" + self.name + "'";
  const std::string there = "node '" + shown(from.name()) + "'";
  if (from.name() == self.name && from.incarnation() == self.incarnation) {
    return here + " has reached itself: is a peer's address its own?";
  }
  if (from.cluster() != self.cluster) {
    return there + " is of cluster '" + shown(from.cluster()) + "', " + here + " of cluster '" +
           self.cluster + "'";
  }
  if (from.name() == self.name) return "two nodes are called '" + self.name + "'";
  if (hello.to() != self.name) {
    return there + " looks for '" + shown(hello.to()) + "' where it finds " + here;
  }
  if (from.protocol() != self.protocol) {
    return there + " speaks version " + std::to_string(from.protocol()) +
           " of the protocol between nodes, " + here + " version " + std::to_string(self.protocol);
  }
  if (hello.lane() >= kLanes || hello.session() == 0) return there + " says no sensible hello";
  return "";
}

}  // namespace roost::cluster::peer
