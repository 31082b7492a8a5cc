// SPDX-License-Identifier: Apache-2.0
// A real etcd of one or three members on loopback: child processes with ports and a folder of their
// own, gone with the destructor.
// Thread: the one that made it (children die with the thread that started them).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cluster/etcd/etcd_coordinator.h"

namespace roost::cluster {

std::uint16_t free_port();

class EtcdCluster {
 public:
  struct Settings {
    std::size_t members = 3;
    int election_ms = 500;
    bool with_tls = false;  // and client certificates required
    bool is_started = true;
  };
  EtcdCluster() : EtcdCluster(Settings()) {}
  explicit EtcdCluster(Settings settings);
  ~EtcdCluster();
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  void start(std::size_t member);
  void start_all();
  void kill(std::size_t member);  // as kill -9 does, and waits for its end
  void pause(std::size_t member);
  void resume(std::size_t member);

  // Puts a snapshot that etcdctl took in the place of all that it knows. Requires: one member.
  void restore(const std::string& snapshot);

  std::size_t size() const { return members_.size(); }
  std::uint16_t port(std::size_t member) const { return members_[member].port; }
  std::string endpoint(std::size_t member) const;
  // All members, and the certificates where it has some.
  EtcdOptions options() const;
  // Waits until the living members agree on one.
  std::size_t leader() const;
  // etcdctl with these arguments on all living members; fails the test where it fails.
  std::string control(const std::vector<std::string>& arguments) const;
  const std::string& folder() const { return folder_; }

 private:
  struct Member {
    std::uint16_t port = 0;
    std::uint16_t peer_port = 0;
    pid_t process = 0;
    bool is_paused = false;
  };

  std::vector<std::string> command(std::size_t member) const;
  std::vector<std::string> control_command(const std::string& endpoints) const;
  std::string scheme() const { return settings_.with_tls ? "https://" : "http://"; }
  void make_certificates() const;
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  Settings settings_;
  std::string folder_;
  std::vector<Member> members_;
};

}  // namespace roost::cluster
