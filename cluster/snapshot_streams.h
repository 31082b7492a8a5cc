// SPDX-License-Identifier: Apache-2.0
// One core's snapshots on the bulk lane: out of this node's store to members that import, and from
// their leaders into it; piece by piece, a few at a time not yet on the other's disk. Resync
// Thread: core-bound; the store is read aside.
// Owner: the core's hosts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "broker/base/ids.h"
#include "cluster/peer_messages.h"
#include "cluster/resync.h"

namespace roost::cluster {

// What the streams ask of the core's replicas.
class SnapshotHost {
 public:
  virtual bool send_bulk(PeerId to, std::uint64_t session, std::string chunk) = 0;
  virtual void run_aside(std::function<void()> job) = 0;
  // The shard is empty here, and waits for that import.
  virtual bool is_importing(ShardId shard, std::uint64_t import) const = 0;
  // Around each write of a piece.
  virtual void write_began(ShardId shard) = 0;
  virtual void write_ended(ShardId shard) = 0;
  virtual void on_imported(ShardId shard, std::uint64_t import, replication::Imported imported) = 0;
  // Of one that goes out.
  virtual void on_progress(ShardId shard, replication::MemberId to, std::uint64_t import) = 0;
  virtual void on_ended(ShardId shard, replication::MemberId to, std::uint64_t import) = 0;

 protected:
  ~SnapshotHost() = default;
};

class SnapshotStreams {
 public:
  using Post = SnapshotReceiver::Post;
  static constexpr std::uint64_t kWindow = 4;     // pieces of one, sent and not on disk there
  static constexpr std::size_t kOutgoingMax = 4;  // others wait

  // `post`: to the core; drops what comes after this is gone.
  SnapshotStreams(storage::ReplicaStore& store, Post post, SnapshotHost& host)
      : store_(store), post_(std::move(post)), host_(host) {}

  // Ends with on_ended(), once. One to each member of a shard: an older one ends.
  void begin(ShardId shard, replication::MemberId to, PeerId peer, std::uint64_t session,
             std::uint64_t import);
  // Of the three kinds that the bulk lane has.
  void on_message(PeerId from, std::uint64_t session, const PeerMessage& message);
  void on_peer_down(PeerId peer);
  // The shard is no longer here.
  void drop(ShardId shard);
  void tick();

 private:
  using Key = std::pair<std::uint16_t, PeerId>;
  // Used aside only, one job at a time.
  struct Source {
    std::unique_ptr<SnapshotSender> sender;
  };
  struct Outgoing {
    replication::MemberId to;
    std::uint64_t session = 0;
    std::uint64_t import = 0;
    std::shared_ptr<Source> source;  // null: waits for its turn
    std::uint64_t asked = 0, sent = 0, taken = 0;
    bool is_read = false;  // to its end
  };
  struct Incoming {
    PeerId from;
    std::uint64_t session = 0;
    std::uint64_t import = 0;
    std::unique_ptr<SnapshotReceiver> receiver;
    std::string part;  // of the piece that is coming
    std::uint64_t next_number = 0;
    std::deque<SnapshotPiece> pieces;
    std::uint64_t taken = 0;
    bool is_taking = false;
  };
  using IncomingPtr = std::shared_ptr<Incoming>;
  // Of the piece's bytes; empty: the end was read before.
  using PieceRead = Result<std::string>;

  void begin_waiting();
  void read_more(const Key& key, Outgoing& out);
  static PieceRead read_next(storage::ReplicaStore& store, ShardId shard, std::uint64_t import,
                             Source& source);
  void on_read(const Key& key, std::uint64_t import, const PieceRead& read);
  bool send_piece(const Key& key, Outgoing& out, const std::string& piece);
  void end(const Key& key, const std::string& why);
  void on_message(PeerId from, std::uint64_t session, const SnapshotPart& part);
  void on_message(PeerId from, std::uint64_t session, const SnapshotTaken& taken);
  void on_message(PeerId from, std::uint64_t session, const SnapshotEnded& ended);
  IncomingPtr incoming(PeerId from, std::uint64_t session, const SnapshotPart& part);
  void take_next(ShardId shard, const IncomingPtr& in);
  void on_taken(ShardId shard, const IncomingPtr& in, const Result<void>& result);
  void refuse(ShardId shard, const IncomingPtr& in, const std::string& why);

  storage::ReplicaStore& store_;
  const Post post_;
  SnapshotHost& host_;
  std::map<Key, Outgoing> outgoing_;
  std::map<std::uint16_t, IncomingPtr> incoming_;
};

}  // namespace roost::cluster
