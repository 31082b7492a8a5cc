// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/event_queue.h"

#include <utility>

namespace roost::cluster::peer {

void EventQueue::put_up(std::uint64_t session, PeerIdentity identity) {
  {
    std::lock_guard lock(mutex_);
    last_session_ = session;
  }
  put(Up{session, std::move(identity)});
}
std::uint64_t EventQueue::last_session() const {
  std::lock_guard lock(mutex_);
  return last_session_;
}
void EventQueue::put_down(std::uint64_t session) { put(Down{session}); }
void EventQueue::put_seen(PeerView::Seen seen) {
  {
    std::lock_guard lock(mutex_);
    if (last_seen_ == seen) return;
    last_seen_ = seen;
  }
  put(seen);
}
void EventQueue::put_chunks(std::uint64_t session, Lane lane, Chunks chunks) {
  put(Received{session, lane, std::move(chunks)});
}

void EventQueue::put(Event event) {
  std::lock_guard lock(mutex_);
  if (!is_stopped_) waiting_.push_back(std::move(event));
}

void EventQueue::deliver() {
  std::vector<Event> batch;
  std::unique_lock lock(mutex_);
  if (is_delivering_) return;
  is_delivering_ = true;
  while (!waiting_.empty()) {
    batch.swap(waiting_);
    lock.unlock();
    for (Event& event : batch) tell(event);
    batch.clear();
    lock.lock();
  }
  is_delivering_ = false;
}

void EventQueue::tell(Event& event) {
  if (auto* received = std::get_if<Received>(&event)) {
    events_.on_chunks(peer_, received->session, received->lane, std::move(received->chunks));
  } else if (auto* up = std::get_if<Up>(&event)) {
    events_.on_peer_up(peer_, up->session, up->identity);
  } else if (auto* down = std::get_if<Down>(&event)) {
    events_.on_peer_down(peer_, down->session);
  } else {
    events_.on_peer_seen(peer_, std::get<PeerView::Seen>(event));
  }
}

void EventQueue::stop() {
  std::vector<Event> dropped;  // what they hold is let go without the lock
  std::lock_guard lock(mutex_);
  is_stopped_ = true;
  dropped.swap(waiting_);
}

}  // namespace roost::cluster::peer
