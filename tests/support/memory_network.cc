// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_network.h"

#include <algorithm>

#include "broker/base/check.h"

namespace roost::support {

using cluster::Chunk;
using cluster::Lane;
using cluster::PeerAddress;
using cluster::PeerEvents;
using cluster::PeerView;

MemoryNetwork::MemoryNetwork(std::chrono::milliseconds silence)
    : silence_(silence), thread_([this] { run(); }) {}

MemoryNetwork::~MemoryNetwork() {
  {
    const std::lock_guard lock(*mutex_);
    CHECK(nodes_.empty());
    is_ending_ = true;
  }
  changed_->notify_all();
  thread_.join();
}

std::unique_ptr<MemoryNetwork::Node> MemoryNetwork::open(cluster::PeerIdentity self,
                                                         std::string address, PeerEvents& events) {
  std::unique_ptr<Node> node(new Node(*this, std::move(self), std::move(address), events));
  const std::lock_guard lock(*mutex_);
  CHECK(nodes_.emplace(node->self_.name, node.get()).second);
  silent_.erase(node->self_.name);
  review_all();
  changed_->notify_all();
  return node;
}

void MemoryNetwork::cut(const std::string& a, const std::string& b) {
  const std::lock_guard lock(*mutex_);
  set_cut(a, b, true);
  set_cut(b, a, true);
}

void MemoryNetwork::cut_one_way(const std::string& from, const std::string& to) {
  const std::lock_guard lock(*mutex_);
  set_cut(from, to, true);
}

void MemoryNetwork::cut_off(const std::string& node) {
  const std::lock_guard lock(*mutex_);
  off_[node] = true;
  for (const auto& [name, other] : nodes_) {
    if (name == node) continue;
    set_cut(name, node, true);
    set_cut(node, name, true);
  }
}

void MemoryNetwork::heal(const std::string& a, const std::string& b) {
  const std::lock_guard lock(*mutex_);
  set_cut(a, b, false);
  set_cut(b, a, false);
}

void MemoryNetwork::heal_all() {
  const std::lock_guard lock(*mutex_);
  off_.clear();
  for (auto& [pair, link] : links_) {
    link.is_cut = false;
    link.delay = {};
  }
  review_all();
  changed_->notify_all();
}

void MemoryNetwork::delay(const std::string& from, const std::string& to,
                          std::chrono::milliseconds by) {
  const std::lock_guard lock(*mutex_);
  links_[{from, to}].delay = by;
}

void MemoryNetwork::set_silent(const std::string& node, bool is_silent) {
  const std::lock_guard lock(*mutex_);
  silent_[node] = is_silent;
}

// From here on: with the mutex held, unless said otherwise.

MemoryNetwork::Node* MemoryNetwork::find(const std::string& name) {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : found->second;
}

bool MemoryNetwork::is_cut(const std::string& a, const std::string& b) {
  return off_.count(a) > 0 || off_.count(b) > 0 || links_[{a, b}].is_cut || links_[{b, a}].is_cut;
}

// What is under way is lost; both ends notice a while later.
void MemoryNetwork::set_cut(const std::string& from, const std::string& to, bool is_cut) {
  links_[{from, to}].is_cut = is_cut;
  if (is_cut) drop_queued({from, to});
  const Time when = std::chrono::steady_clock::now() + (is_cut ? silence_ : silence_ * 0);
  later_.emplace(when, [this] { review_all(); });
  changed_->notify_all();
}

void MemoryNetwork::review_all() {
  for (const auto& [name_a, a] : nodes_) {
    for (const auto& [name_b, b] : nodes_) {
      if (name_a < name_b) review(*a, *b);
    }
  }
  for (const auto& [name, node] : nodes_) see(*node);
}

void MemoryNetwork::review(Node& a, Node& b) {
  const PeerAddress* b_at_a = a.peer(b.self_.name);
  const PeerAddress* a_at_b = b.peer(a.self_.name);
  const Pair pair = ordered(a.self_.name, b.self_.name);
  const bool is_wanted = b_at_a != nullptr && a_at_b != nullptr && b_at_a->address == b.address_ &&
                         a_at_b->address == a.address_ && a.self_.cluster == b.self_.cluster &&
                         a.self_.protocol == b.self_.protocol &&
                         !is_cut(a.self_.name, b.self_.name);
  const bool is_there = sessions_.count(pair) > 0;
  if (is_there && !is_wanted) end_session(pair);
  if (is_there || !is_wanted) return;
  const std::uint64_t session = sessions_[pair] = ++last_session_;
  told_.push_back({&a, [id = b_at_a->id, session, who = b.self_](PeerEvents& events) {
                     events.on_peer_up(id, session, who);
                   }});
  told_.push_back({&b, [id = a_at_b->id, session, who = a.self_](PeerEvents& events) {
                     events.on_peer_up(id, session, who);
                   }});
}

void MemoryNetwork::end_session(const Pair& pair) {
  const auto found = sessions_.find(pair);
  if (found == sessions_.end()) return;
  const std::uint64_t session = found->second;
  sessions_.erase(found);
  drop_queued(pair);
  drop_queued({pair.second, pair.first});
  for (const auto& [at, of] : {pair, Pair{pair.second, pair.first}}) {
    Node* node = find(at);
    const PeerAddress* peer = node == nullptr ? nullptr : node->peer(of);
    if (peer == nullptr) continue;
    told_.push_back(
        {node, [id = peer->id, session](PeerEvents& events) { events.on_peer_down(id, session); }});
  }
}

void MemoryNetwork::drop_queued(const Pair& pair) {
  Link& link = links_[pair];
  for (auto& lane : link.lanes) lane.clear();
  link.waiting = {};
}

void MemoryNetwork::see(Node& node) {
  for (const PeerAddress& peer : node.peers_) {
    auto seen = PeerView::Seen::silent;
    const Node* other = find(peer.name);
    if (sessions_.count(ordered(node.self_.name, peer.name)) > 0) {
      seen = PeerView::Seen::connected;
    } else if ((other == nullptr || other->address_ != peer.address) &&
               !is_cut(node.self_.name, peer.name) && !silent_[peer.name]) {
      seen = PeerView::Seen::refused;
    }
    const auto [known, is_new] = node.seen_.emplace(peer.name, seen);
    if (!is_new && known->second == seen) continue;
    known->second = seen;
    told_.push_back(
        {&node, [id = peer.id, seen](PeerEvents& events) { events.on_peer_seen(id, seen); }});
  }
}

// Takes the mutex.
bool MemoryNetwork::send(Node& from, PeerId to, std::uint64_t session, Lane lane,
                         std::string bytes) {
  CHECK(!bytes.empty() && bytes.size() <= cluster::kChunkBytesMax);
  const std::lock_guard lock(*mutex_);
  const PeerAddress* peer = from.peer(to);
  if (peer == nullptr) return false;
  const auto found = sessions_.find(ordered(from.self_.name, peer->name));
  if (found == sessions_.end() || found->second != session) return false;
  Link& link = links_[{from.self_.name, peer->name}];
  if (link.is_cut || off_.count(peer->name) > 0 || off_.count(from.self_.name) > 0) return true;
  const auto at = static_cast<std::size_t>(lane);
  link.waiting[at] += bytes.size();
  link.lanes[at].push_back({std::chrono::steady_clock::now() + link.delay, std::move(bytes)});
  changed_->notify_all();
  return true;
}

// Takes the mutex. Waits until the node isn't being told anything.
void MemoryNetwork::close(Node& node) {
  std::unique_lock lock(*mutex_);
  const std::string& name = node.self_.name;
  std::vector<Pair> over;
  for (const auto& [pair, session] : sessions_) {
    if (pair.first == name || pair.second == name) over.push_back(pair);
  }
  nodes_.erase(name);
  for (const Pair& pair : over) end_session(pair);
  std::erase_if(told_, [&](const Told& one) { return one.to == &node; });
  review_all();
  changed_->notify_all();
  changed_->wait(lock, [&] { return telling_ != &node; });
}

bool MemoryNetwork::take_sent(const Pair& pair, Link& link, Told& next, Time& wake) {
  Node* to = find(pair.second);
  const PeerAddress* peer = to == nullptr ? nullptr : to->peer(pair.first);
  const auto session = sessions_.find(ordered(pair.first, pair.second));
  if (peer == nullptr || session == sessions_.end()) return false;
  for (std::size_t lane = 0; lane < cluster::kLanes; ++lane) {
    auto& queue = link.lanes[lane];
    // What a receiver doesn't deal with stops its own lane only where it is bulk.
    if (queue.empty() || (static_cast<Lane>(lane) == Lane::bulk && *link.held > kHeldMax)) continue;
    if (queue.front().due > std::chrono::steady_clock::now()) {
      wake = std::min(wake, queue.front().due);
      continue;
    }
    auto bytes = std::make_shared<std::string>(std::move(queue.front().bytes));
    queue.pop_front();
    const std::size_t size = bytes->size();
    link.waiting[lane] -= size;
    *link.held += size;
    std::shared_ptr<const void> held(
        nullptr, [size, count = link.held, mutex = mutex_, changed = changed_](const void*) {
          const std::lock_guard lock(*mutex);
          *count -= size;
          changed->notify_all();
        });
    next = {to, [id = peer->id, number = session->second, lane, bytes,
                 held = std::move(held)](PeerEvents& events) mutable {
              events.on_chunks(id, number, static_cast<Lane>(lane),
                               {Chunk{std::move(*bytes), std::move(held)}});
            }};
    return true;
  }
  return false;
}

bool MemoryNetwork::take_due(Told& next, Time& wake) {
  while (!later_.empty()) {
    if (later_.begin()->first > std::chrono::steady_clock::now()) {
      wake = std::min(wake, later_.begin()->first);
      break;
    }
    const auto what = std::move(later_.begin()->second);
    later_.erase(later_.begin());
    what();
  }
  if (!told_.empty()) {
    next = std::move(told_.front());
    told_.pop_front();
    return true;
  }
  return std::any_of(links_.begin(), links_.end(),
                     [&](auto& link) { return take_sent(link.first, link.second, next, wake); });
}

// The thread; takes the mutex, and lets go of it while a node is told something.
void MemoryNetwork::run() {
  std::unique_lock lock(*mutex_);
  while (!is_ending_) {
    Told next{};
    Time wake = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    if (!take_due(next, wake)) {
      changed_->wait_until(lock, wake);
      continue;
    }
    telling_ = next.to;
    lock.unlock();
    next.what(next.to->events_);
    next.what = nullptr;
    lock.lock();
    telling_ = nullptr;
    changed_->notify_all();
  }
}

MemoryNetwork::Node::~Node() { network_.close(*this); }

const PeerAddress* MemoryNetwork::Node::peer(PeerId id) const {
  const auto found = std::find_if(peers_.begin(), peers_.end(),
                                  [&](const PeerAddress& one) { return one.id == id; });
  return found == peers_.end() ? nullptr : &*found;
}

const PeerAddress* MemoryNetwork::Node::peer(const std::string& name) const {
  const auto found = std::find_if(peers_.begin(), peers_.end(),
                                  [&](const PeerAddress& one) { return one.name == name; });
  return found == peers_.end() ? nullptr : &*found;
}

void MemoryNetwork::Node::set_peers(std::vector<PeerAddress> peers) {
  const std::lock_guard lock(*network_.mutex_);
  for (const PeerAddress& old : peers_) {
    const bool stays = std::any_of(peers.begin(), peers.end(),
                                   [&](const PeerAddress& one) { return one.name == old.name; });
    if (stays) continue;
    network_.end_session(ordered(self_.name, old.name));
    seen_.erase(old.name);
  }
  peers_ = std::move(peers);
  network_.review_all();
  network_.changed_->notify_all();
}

bool MemoryNetwork::Node::send(PeerId to, std::uint64_t session, Lane lane, std::string chunk) {
  return network_.send(*this, to, session, lane, std::move(chunk));
}

std::size_t MemoryNetwork::Node::waiting_bytes(PeerId to, Lane lane) const {
  const std::lock_guard lock(*network_.mutex_);
  const PeerAddress* other = peer(to);
  if (other == nullptr) return 0;
  const auto link = network_.links_.find({self_.name, other->name});
  if (link == network_.links_.end()) return 0;
  return link->second.waiting[static_cast<std::size_t>(lane)];
}

}  // namespace roost::support
