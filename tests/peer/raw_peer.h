// SPDX-License-Identifier: Apache-2.0
// The other end of a link, that says what a test wants it to say: on the product's transport, but
// without its links.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cluster/peer/live_count.h"
#include "cluster/peer/stream.h"
#include "cluster/peer/transport.h"
#include "cluster/peer_network.h"

namespace roost::cluster {

class RawPeer {
 public:
  explicit RawPeer(const std::string& name);
  ~RawPeer();

  std::uint16_t port() const { return transport_->port(); }
  PeerAddress as(PeerId id) const;
  // Dials `to` on that lane; the answer, or one with `why` when it was closed without.
  peer::pb::Hello dial(const PeerAddress& to, Lane lane, std::uint64_t session);
  // Opens what has been answered, so that it can send.
  void send(Lane lane, const std::string& chunk);
  // What others say that dial here, which is answered with this.
  void answer_with(peer::pb::Refusal refusal, std::uint64_t last_session);
  bool wait_for_hello(const std::function<bool(const peer::pb::Hello&)>& holds);
  void end();

 private:
  class Ends;

  const std::string name_;
  const std::shared_ptr<peer::LiveCount> live_;
  const std::shared_ptr<Ends> ends_;
  const SystemClock clock_;
  peer::Count waits_;
  peer::Pacer pacer_{clock_, waits_, [] {}};  // the little that it sends goes at once
  std::unique_ptr<peer::Transport> transport_;
  std::vector<std::shared_ptr<peer::Stream>> streams_;
};

}  // namespace roost::cluster
