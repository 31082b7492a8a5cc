// SPDX-License-Identifier: Apache-2.0
// What the links to one peer, one after the other, tell: in the order in which it was put in, one
// at a time, by whichever thread comes first, without any lock of the link held. Thread: any.
// Owner: the network, and the links.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "cluster/peer_network.h"

namespace roost::cluster::peer {

class EventQueue {
 public:
  EventQueue(PeerEvents& events, PeerId peer) : events_(events), peer_(peer) {}

  void put_up(std::uint64_t session, PeerIdentity identity);
  void put_down(std::uint64_t session);
  // Told where it is another than the last, also if that was seen by a link before.
  void put_seen(PeerView::Seen seen);
  void put_chunks(std::uint64_t session, Lane lane, Chunks chunks);
  // Tells what was put in, unless another thread is at it, which then tells this as well.
  void deliver();
  // The highest that was up; 0: none was.
  std::uint64_t last_session() const;
  // Nothing more is told, but what is being told.
  void stop();

 private:
  struct Up {
    std::uint64_t session;
    PeerIdentity identity;
  };
  struct Down {
    std::uint64_t session;
  };
  struct Received {
    std::uint64_t session;
    Lane lane;
    Chunks chunks;
  };
  using Event = std::variant<Up, Down, PeerView::Seen, Received>;

  void put(Event event);
  void tell(Event& event);

  PeerEvents& events_;
  const PeerId peer_;
  mutable std::mutex mutex_;
  std::vector<Event> waiting_;               // guarded by mutex_
  std::uint64_t last_session_ = 0;           // guarded by mutex_
  std::optional<PeerView::Seen> last_seen_;  // guarded by mutex_
  bool is_delivering_ = false;               // guarded by mutex_
  bool is_stopped_ = false;                  // guarded by mutex_
};

}  // namespace roost::cluster::peer
