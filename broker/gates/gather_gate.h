// SPDX-License-Identifier: Apache-2.0
// Retained messages of shards that other nodes lead, one a core: asks each leader's node once for
// all its shards, takes the answer a page at a time, and asks again who leads next where a leader
// was lost. Answers such questions of others likewise. REPLICATION "Retained gather".
//   gather:   number of the question, 0: it is new: shards, filters; 1: the next page
//   gathered: number, 0: more follow; 1: the last, with the shards that were led; then bytes of the
//             row of entries: filter, size, message (as the body of `once`)
// Thread: core-bound.
// Owner: the server's per-core wiring.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/counter.h"
#include "broker/core/timer_wheel.h"
#include "broker/gates/leader_view.h"
#include "broker/gates/peer_post.h"
#include "broker/session/session_table.h"

namespace roost::gates {

struct GatherCounters {
  Counter asked, answered;  // questions to and from other nodes
  Counter incomplete;       // gathers that ended without some shard
  Counter broken;           // frames that couldn't be read
};

class GatherGate final : public session::RetainedElsewhere,
                         public PeerFrameHandler,
                         public LeaderEvents,
                         private core::Timer {
 public:
  GatherGate(PeerPost& post, session::SessionTable& sessions, LeaderView& leaders);

  // RetainedElsewhere
  void gather(std::vector<std::string> filters, routing::ShardSet shards,
              std::function<void(std::vector<session::Kept>)> done) override;

  // PeerFrameHandler
  void on_peer_up(const cluster::PeerInfo&) override {}
  void on_peer_down(PeerId peer) override;
  void on_peer_gone(PeerId, std::uint64_t) override {}
  void on_frame(PeerId from, const PeerFrame& frame) override;

  // LeaderEvents
  void on_leader(ShardId shard, PeerId leader, std::uint64_t epoch) override;

  const GatherCounters& counters() const { return counters_; }
  std::size_t open() const { return gathers_.size(); }
  // How long the shards of one gather are waited for.
  static constexpr SteadyMs kWaitMs = 10'000;

 private:
  static constexpr std::size_t kPageBytes = 128 * 1024;
  static constexpr SteadyMs kLookMs = 250;
  static constexpr std::size_t kFiltersMax = 65'536;  // of a question of another node
  static constexpr std::size_t kEntryBytesMax = std::size_t{280} << 20;

  // What one node was asked for a gather; itself: what is led here since.
  struct Asked {
    routing::ShardSet shards = 0;
    std::string bytes;  // of an entry that isn't whole yet
    std::vector<session::Kept> kept;
  };
  struct Gather {
    std::vector<std::string> filters;
    routing::ShardSet missing = 0;
    std::map<std::uint16_t, Asked> asked;  // by peer
    std::vector<session::Kept> kept;
    std::function<void(std::vector<session::Kept>)> done;
    SteadyMs until_ms = 0;
  };
  // What another node asked, until its last page is sent.
  struct Answer {
    session::SessionTable::Led led;
    std::size_t next = 0;  // of led.kept, to be written
    std::string bytes;     // written, not sent yet
    std::size_t sent = 0;  // of them
  };
  struct Asker {
    PeerId peer;
    std::uint16_t to = 0;  // its core
    std::uint64_t number = 0;
    friend auto operator<=>(const Asker&, const Asker&) = default;
  };

  void ask(std::uint64_t number, Gather& gather);
  void ask_here(std::uint64_t number, routing::ShardSet shards);
  void settle(std::uint64_t number, PeerId from, routing::ShardSet led);
  void finish(std::uint64_t number);
  bool take(Asked& asked, std::size_t filters, bool is_last) const;
  void on_question(PeerId from, const PeerFrame& frame);
  void on_answer(PeerId from, const PeerFrame& frame);
  void answer(const Asker& asker);
  void on_timer() override;

  PeerPost& post_;
  session::SessionTable& sessions_;
  const LeaderView& leaders_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Gather> gathers_;
  std::map<Asker, Answer> answers_;
  GatherCounters counters_;
};

}  // namespace roost::gates
