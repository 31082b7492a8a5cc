// SPDX-License-Identifier: Apache-2.0
// Sends a message to the cores that may want it and gathers their confirmations. One per core.
// Messages for another core collect in an outbox that leaves at the end of the turn as one mail.
// Thread: core-bound.
// Owner: the server's per-core wiring.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "broker/base/counter.h"
#include "broker/core/cores.h"
#include "broker/routing/interest.h"
#include "broker/routing/message.h"
#include "broker/routing/publication.h"

namespace roost::routing {

// What a core does with a message; declared here, implemented by the session layer.
class LocalDelivery {
 public:
  // Delivers to everyone on this core who wants it. True: stored as promised already; false: the
  // promise is kept later, then Router::confirm(confirm) is called. `confirm` may be empty.
  virtual bool deliver_local(const MessagePtr& message, ConfirmTo confirm,
                             const std::optional<Source>& source) = 0;
  // Keeps (or, with an empty payload, clears) the retained message of a topic of this core. Once
  // that is done, Router::retained_stored() and then Router::confirm(confirm) are called.
  virtual void store_retained(const MessagePtr& message, ConfirmTo confirm,
                              const std::optional<Source>& source) = 0;

 protected:
  ~LocalDelivery() = default;
};

// What all routers of a node share.
struct RoutingTable {
  SharedInterest volatiles;            // filters of sessions that live in memory only, share groups
  SharedInterest durables;             // filters of sessions that live in a shard
  std::vector<class Router*> routers;  // by core; filled before the cores start
  std::uint16_t shard_count = kShardCountDefault;
};

struct RouterCounters {
  Counter published;      // messages given to publish()
  Counter sent_to_cores;  // copies (pointers) sent to other cores
  Counter unmatched;      // nobody can have wanted it
};

class Router final : private core::TurnEnd {
 public:
  Router(core::Core& core, core::Cores& cores, RoutingTable& table, LocalDelivery& local);

  enum class Outcome : std::uint8_t {
    unmatched,  // no subscriber anywhere, nothing stored: ack at once
    done,       // every door has confirmed: ack at once
    pending,    // waiter->on_confirmed(tag) will come, never before publish returns
  };
  struct Published {
    Outcome outcome = Outcome::done;
    Publication* publication = nullptr;  // pending: forget() it if the waiter dies first
  };
  // The retain flag of the message is acted upon.
  Published publish(const MessagePtr& message, Waiting waiting,
                    const std::optional<Source>& source = std::nullopt);
  // A message given to store_retained() is kept now.
  void retained_stored(const Message& message);
  // A session that outlives its connection may want it.
  bool is_durable(std::string_view topic) const { return table_.durables.candidates(topic) != 0; }
  // Rises with every publish of this core.
  std::uint64_t next_number() const { return counters_.published.value(); }
  // Who asks `home` for its kept messages must not miss what came here by the straight way already
  // and is still on its way there: how many retained messages of each core for `home` were seen.
  std::vector<std::uint64_t> seen_of(CoreId home) const;
  // At home: runs `work` as soon as all those have come, mostly at once.
  void after(std::vector<std::uint64_t> seen, core::Task work);
  // The waiter is gone; confirmations are swallowed from now on.
  static void forget(Publication& publication) { publication.waiter = nullptr; }

  // A door that answered "later" has kept its promise. Any router; finds the way to the origin.
  void confirm(ConfirmTo confirm);

  // Posts what waits for other cores now instead of at the turn's end.
  void flush() { on_turn_end(); }

  // True while another core has so much unread mail that publishers should wait (back-pressure).
  bool is_congested() const;

  const RouterCounters& counters() const { return counters_; }
  core::Core& core() { return core_; }
  core::Cores& cores() { return cores_; }
  RoutingTable& table() { return table_; }
  std::uint16_t shard_count() const { return table_.shard_count; }

 private:
  struct Parcel {
    MessagePtr message;
    Publication* publication = nullptr;  // null: nobody waits
    bool retain = false;                 // store_retained; a door where somebody waits
    bool deliver = false;                // deliver_local
    bool deliver_waits = false;          // ... and that is a door as well
    std::uint64_t sent_to = 0;           // retained: the cores that get it from its publisher
    std::uint64_t number = 0;            // rises with every publish of its core
    std::uint64_t retained_number = 0;   // counts what its core sent to the topic's core to keep
    std::optional<Source> source;
  };
  // At home: on its way into the log.
  struct Storing {
    CoreId from;
    Parcel parcel;
    std::uint64_t late = 0;  // cores that had asked before it came, unknown to its publisher
    bool is_stored = false;
  };
  // A retained message that came from its publisher's core.
  struct Seen {
    std::uint64_t topic = 0;  // hash
    std::uint64_t number = 0;
    CoreId from;
  };
  struct Outbox {
    std::vector<Parcel> parcels;
    std::vector<Publication*> confirms;
  };
  static constexpr std::size_t kMailWaitingMax = 64;  // mails, each up to a turn's parcels
  static constexpr std::size_t kSeenMax = 4096;       // topics; a newer one pushes an older out

  void on_turn_end() override;
  void send(CoreId to, Parcel parcel);
  void open(CoreId from, const Parcel& parcel);
  std::uint64_t late_cores(const Parcel& parcel) const;
  void catch_up(const Storing& stored);
  void note_seen(CoreId from, const Parcel& parcel);
  void run_waiting();
  void caught_up(CoreId from, const MessagePtr& message, std::uint64_t number);
  Seen& seen(std::uint64_t topic_hash) { return seen_[topic_hash % kSeenMax]; }
  void door_confirmed(Publication& publication);
  Publication* new_publication(PublicationWaiter* waiter, std::uint64_t tag);

  core::Core& core_;
  core::Cores& cores_;
  RoutingTable& table_;
  LocalDelivery& local_;
  std::vector<Outbox> outboxes_;          // by core
  std::deque<Publication> publications_;  // as many as were ever open at once
  std::vector<Publication*> spare_;
  struct Asked {
    std::vector<std::uint64_t> seen;
    std::uint64_t stored = 0;  // as many as had come to be kept when it was asked
    core::Task work;
  };
  // Numbers of retained messages.
  std::vector<std::uint64_t> retained_sent_;               // by home
  std::vector<std::uint64_t> retained_kept_;               // here, by the core they came from
  std::vector<std::vector<std::uint64_t>> retained_seen_;  // by home, then by that core
  std::vector<Asked> waiting_;
  std::deque<Storing> storing_;
  std::uint64_t came_ = 0, stored_ = 0;  // retained messages to keep here: begun, done
  std::vector<Seen> seen_;               // empty until the first
  RouterCounters counters_;
};

}  // namespace roost::routing
