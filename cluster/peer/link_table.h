// SPDX-License-Identifier: Apache-2.0
// The links by id and by name.
// Thread: any.
// Owner: the network.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "cluster/peer/peer_link.h"

namespace roost::cluster::peer {

class LinkTable {
 public:
  using Links = std::vector<std::shared_ptr<PeerLink>>;

  std::shared_ptr<PeerLink> find(PeerId id) const {
    std::shared_lock lock(mutex_);
    return id.value < by_id_.size() ? by_id_[id.value] : nullptr;
  }
  std::shared_ptr<PeerLink> find(const std::string& name) const {
    std::shared_lock lock(mutex_);
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }
  Links all() const {
    std::shared_lock lock(mutex_);
    Links links;
    for (const auto& [name, link] : by_name_) links.push_back(link);
    return links;
  }
  void add(std::shared_ptr<PeerLink> link) {
    std::lock_guard lock(mutex_);
    const std::size_t at = link->id().value;
    if (at >= by_id_.size()) by_id_.resize(at + 1);
    by_name_[link->name()] = link;
    by_id_[at] = std::move(link);
  }
  void remove(const PeerLink& link) {
    std::lock_guard lock(mutex_);
    by_id_[link.id().value].reset();
    by_name_.erase(link.name());
  }

 private:
  mutable std::shared_mutex mutex_;
  Links by_id_;
  std::map<std::string, std::shared_ptr<PeerLink>> by_name_;
};

}  // namespace roost::cluster::peer
