// SPDX-License-Identifier: Apache-2.0
// Sends a message to the cores that may want it and gathers their confirmations. One per core.
// Messages for another core collect in an outbox that leaves at the end of the turn as one mail.
// Thread: core-bound.
// Owner: the server's per-core wiring.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "broker/base/counter.h"
#include "broker/core/cores.h"
#include "broker/routing/interest.h"
#include "broker/routing/interest_feed.h"
#include "broker/routing/message.h"
#include "broker/routing/peers.h"
#include "broker/routing/publication.h"

namespace roost::routing {

// What a core does with a message; declared here, implemented by the session layer.
class LocalDelivery {
 public:
  // Delivers to everyone on this core who wants it. True: stored as promised already; false: the
  // promise is kept later, then Router::confirm(confirm) is called. `confirm` may be empty.
  virtual bool deliver_local(const MessagePtr& message, ConfirmTo confirm,
                             const std::optional<Source>& source) = 0;
  // The same, but not to durable sessions: in a cluster those are reached shard by shard.
  virtual bool deliver_volatile(const MessagePtr& message, ConfirmTo confirm,
                                const std::optional<Source>& source) = 0;
  // Keeps (or, with an empty payload, clears) the retained message of a topic of this core. Once
  // that is done, Router::retained_stored() and then Router::confirm(confirm) are called.
  virtual void store_retained(const MessagePtr& message, ConfirmTo confirm,
                              const std::optional<Source>& source) = 0;
  // In a cluster. A step (Message::is_step()) for one session of this node, on whichever of its
  // cores; Router::confirm(confirm) is called in any case.
  virtual void deliver_step(const MessagePtr&, ConfirmTo, const std::optional<Source>&) {}
  // A process has come up (Peers::peer_of knows it), or is over; before what waits for it is let
  // go.
  virtual void node_came(std::uint64_t) {}
  virtual void node_gone(std::uint64_t) {}

 protected:
  ~LocalDelivery() = default;
};

// What all routers of a node share.
struct RoutingTable {
  SharedInterest volatiles;            // filters of sessions that live in memory only, share groups
  SharedInterest durables;             // filters of sessions that live in a shard
  std::vector<class Router*> routers;  // by core; filled before the cores start
  std::uint16_t shard_count = kShardCountDefault;
  // In a cluster, where `durables` has share groups only; bits are shards of the whole cluster, and
  // PeerIds.
  SharedInterest shards;               // durable sessions, wherever the shard is led
  SharedInterest nodes;                // what other nodes have in memory only
  std::unique_ptr<InterestFeed> feed;  // null: a node alone
};

struct RouterCounters {
  Counter published;      // messages given to publish()
  Counter sent_to_cores;  // copies (pointers) sent to other cores
  Counter unmatched;      // nobody can have wanted it
  Counter open;           // publications whose publisher's ack waits for confirmations: now
};

class Router final : private core::TurnEnd {
 public:
  Router(core::Core& core, core::Cores& cores, RoutingTable& table, LocalDelivery& local);
  // Before the core runs. Requires: the table has a feed.
  void use(Peers& peers) { peers_ = &peers; }

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
  // --- what comes from other nodes ---
  // QoS 0: to whoever wants it here, durable sessions of shards led here among them; kept where its
  // topic's shard is led here and `keeps`.
  void arrived_once(const MessagePtr& message, bool keeps);
  // QoS 1 or 2: to whoever wants it and lives in memory only. Done or pending, as publish().
  Published arrived(const MessagePtr& message, Waiting waiting, bool is_late = false,
                    const std::optional<Source>& source = std::nullopt);
  // To these targets and nobody else, as publish(). Requires: there are Peers, targets not empty.
  Published send_to(const MessagePtr& message, const Targets& targets, Waiting waiting,
                    const std::optional<Source>& source = std::nullopt);
  // Null: a node alone.
  Peers* peers() { return peers_; }
  LocalDelivery& local() { return local_; }
  // Who has a retained message from its publisher, besides those who ask for it.
  struct Told {
    ShardSet shards = 0;
    PeerSet nodes = 0;
    std::uint64_t cores = 0;  // of this node
  };
  // It goes into its shard's log on this core now, by way of Peers: whoever asks for kept messages
  // waits until retained_stored(), but not for long; who has asked before, unknown to its
  // publisher, gets it from here then.
  void keep_begins(const MessagePtr& message, const Told& told);
  // Of retained messages by way of Peers, on this core: which is newer than a late one.
  void note_newest(const Message& message);
  bool is_stale(const Message& message) const;
  // Now and then: what waits too long to be kept holds nobody up.
  void look_at_keeps();

  // A message given to store_retained() is kept now; or, unless `is_kept`, nobody knows.
  void retained_stored(const Message& message, bool is_kept = true);
  // A session that outlives its connection may want it.
  bool is_durable(std::string_view topic) const {
    return (peers_ == nullptr ? table_.durables : table_.shards).candidates(topic) != 0;
  }
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
    bool only_volatile = false;          // deliver_volatile instead
    bool is_late = false;                // Targets::is_late
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

  // What goes to which core of this node.
  struct Plan {
    std::uint64_t wanted = 0;        // cores with somebody who wants it
    std::uint64_t waits = 0;         // ... who confirms
    CoreId keeps{0xFFFF};            // keeps it for its topic
    std::uint64_t keeps_number = 0;  // that one's count of them
    bool only_volatile = false;
    bool is_late = false;
  };
  // By way of Peers, on its way into the log.
  struct Keep {
    MessagePtr message;
    std::uint64_t id = 0;
    SteadyMs began_ms = 0;
    std::uint64_t late_cores = 0;
    Targets late;
    bool holds_up = true;
  };
  static constexpr SteadyMs kKeepHoldsMs = 1000;
  struct Newest {
    std::uint64_t topic = 0;  // hash
    std::uint64_t origin = 0, sequence = 0;
  };

  void on_turn_end() override;
  static bool stays_here(const Message& message) { return message.topic().starts_with("$SYS/"); }
  CoreId home_of(std::string_view topic) const;
  std::uint64_t cores_of(ShardSet shards) const;
  std::uint64_t durable_cores(std::string_view topic) const;
  Published distribute(const MessagePtr& message, const std::optional<Source>& source,
                       const Plan& plan, Publication* publication);
  Published finish(Publication* publication);
  Published publish_once(const MessagePtr& message);
  Published publish_kept(const MessagePtr& message, Waiting waiting,
                         const std::optional<Source>& source);
  Plan plan_once(const MessagePtr& message, bool keeps);
  Targets targets_of(std::string_view topic) const;
  void send(CoreId to, Parcel parcel);
  void open(CoreId from, const Parcel& parcel);
  bool deliver_volatile(const Parcel& parcel, ConfirmTo confirm);
  void keep_ended(const Message& message, bool is_kept);
  void caught_up_late(const MessagePtr& message);
  bool is_held_up(std::uint64_t keeps) const;
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
  Peers* peers_ = nullptr;                // null: a node alone
  std::vector<Outbox> outboxes_;          // by core
  std::deque<Publication> publications_;  // as many as were ever open at once
  std::vector<Publication*> spare_;
  struct Asked {
    std::vector<std::uint64_t> seen;
    std::uint64_t stored = 0;  // as many as had come to be kept when it was asked
    std::uint64_t keeps = 0;   // ... by way of Peers
    core::Task work;
  };
  // Numbers of retained messages.
  std::vector<std::uint64_t> retained_sent_;               // by home
  std::vector<std::uint64_t> retained_kept_;               // here, by the core they came from
  std::vector<std::vector<std::uint64_t>> retained_seen_;  // by home, then by that core
  std::vector<Asked> waiting_;
  std::deque<Storing> storing_;
  std::deque<Keep> keeps_;
  std::uint64_t last_keep_ = 0;
  std::vector<Newest> newest_;           // empty until the first
  std::uint64_t came_ = 0, stored_ = 0;  // retained messages to keep here: begun, done
  std::vector<Seen> seen_;               // empty until the first
  RouterCounters counters_;
};

}  // namespace roost::routing
