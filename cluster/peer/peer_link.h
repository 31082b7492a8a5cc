// SPDX-License-Identifier: Apache-2.0
// The link to one peer: its session, a stream per lane, made again for ever. The node with the
// smaller name dials all lanes at once and chooses the session's number; the session is up when all
// lanes have exchanged hellos, and ends with whichever breaks first.
// Thread: any.
// Owner: the table of links, its streams, and the chunks that are held.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "broker/base/log.h"
#include "cluster/peer/counts.h"
#include "cluster/peer/event_queue.h"
#include "cluster/peer/prober.h"
#include "cluster/peer/stream.h"
#include "cluster/peer/transport.h"

namespace roost::cluster::peer {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// What the links of a network share. Nothing of it is used by a link that is closed.
struct LinkContext {
  const PeerIdentity& self;
  Log& log;
  Counts& counts;
  Prober& prober;
  Pacer& pacer;
  Transport& transport;
  std::shared_ptr<LiveCount> live;
  std::function<void()> wake;  // something is due earlier; must not call back
};

class PeerLink final : public StreamOwner, public std::enable_shared_from_this<PeerLink> {
 public:
  // `queue`: the one for this peer's id, also if there was a link before.
  PeerLink(const LinkContext& context, const PeerAddress& peer, std::shared_ptr<EventQueue> queue);

  PeerId id() const { return id_; }
  const std::string& name() const { return name_; }

  // Does what is due. Returns when the next thing is, kNever: when it is closed.
  std::int64_t tick(std::int64_t now_ms);
  void move_to(const std::string& address);  // told of by deliver()
  // A stream that the peer dialled. Requires: within its on_hello(), nothing is wrong with it.
  void accept(const std::shared_ptr<Stream>& stream, const pb::Hello& hello);
  // Logged once per change.
  void refused(const std::string& why);
  bool send(std::uint64_t session, Lane lane, std::string chunk);
  std::size_t waiting_bytes(Lane lane) const;
  // Ends the session, for good. `is_told`: by deliver(); else the receiver of events hears nothing
  // more, but what it is being told.
  void close(bool is_told);
  void deliver() { queue_->deliver(); }

  void on_hello(const std::shared_ptr<Stream>& stream, const pb::Hello& hello) override;
  void on_envelope(const std::shared_ptr<Stream>& stream, pb::Envelope& envelope) override;
  void on_sent(std::size_t chunks, std::size_t bytes, std::size_t lane) override;
  void on_end(const Stream& stream, const std::string& why) override;

 private:
  enum class State { down, joining, up };

  // All of them with mutex_ held.
  std::int64_t tick_up(std::int64_t now);
  std::int64_t tick_down(std::int64_t now);
  void begin(std::uint64_t session, std::int64_t now);
  void dial(std::int64_t now);
  void greeted(std::size_t lane, const pb::Hello& hello);
  void come_up();
  void end_session(const std::string& why);
  void note_refusal(const std::string& why);
  void see(PeerView::Seen seen);
  void probe(std::int64_t now);
  Chunk hold(std::string bytes, std::size_t lane);
  std::optional<std::size_t> lane_of(const Stream& stream) const;

  void on_probed(Prober::Found found);
  void let_go(std::size_t lane, std::size_t bytes);
  void log(LogLevel level, const std::string& line);

  const LinkContext& context_;
  const PeerId id_;
  const std::string name_;
  const bool is_dialler_;
  const std::shared_ptr<EventQueue> queue_;
  std::array<std::atomic<std::size_t>, kLanes> held_bytes_{};

  mutable std::mutex mutex_;  // guards what follows
  std::string address_;
  State state_ = State::down;
  bool is_closed_ = false;
  std::uint64_t session_ = 0;  // the present or last one
  std::array<std::shared_ptr<Stream>, kLanes> streams_;
  std::array<bool, kLanes> is_paused_{};
  unsigned greeted_ = 0;  // a bit per lane
  PeerIdentity identity_;
  bool was_up_ = false;
  std::int64_t begun_ms_ = 0;  // dialled, or first accepted; then: came up
  std::int64_t heard_ms_ = 0;
  std::optional<PeerView::Seen> seen_;
  std::int64_t dial_at_ms_ = 0;
  std::int64_t backoff_ms_;
  std::int64_t probe_at_ms_ = 0;
  bool is_probing_ = false;
  std::string said_;  // of why there is no session; empty: nothing yet
  std::minstd_rand random_;
};

}  // namespace roost::cluster::peer
