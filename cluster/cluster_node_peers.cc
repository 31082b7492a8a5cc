// SPDX-License-Identifier: Apache-2.0
// A cluster node between the network and its cores.
#include <algorithm>
#include <array>
#include <utility>

#include "cluster/cluster_node.h"

namespace roost::cluster {

// --- from the network, on its threads ---

// The cores first: what comes from this peer comes behind it.
void ClusterNode::on_peer_up(PeerId peer, std::uint64_t session, const PeerIdentity& identity) {
  const auto member = replication::member_id({identity.name, identity.store});
  for (const Core& core : cores_) {
    core.post([hosts = core.hosts.get(), peer, session, member] {
      hosts->on_peer_up(peer, session, member);
    });
  }
  post_([this, peer, session, identity] {
    view_.on_peer_up(peer, session, identity);
    is_report_urgent_ = true;
    log_.write(LogLevel::info, "cluster " + settings_.cluster + ": linked with " + identity.name +
                                   ", incarnation " + std::to_string(identity.incarnation));
    after_news();
  });
  events_.on_peer_up({peer, identity.name, identity.incarnation, session, identity.feature_level});
}

void ClusterNode::on_peer_down(PeerId peer, std::uint64_t session) {
  for (const Core& core : cores_) {
    core.post([hosts = core.hosts.get(), peer, session] { hosts->on_peer_down(peer, session); });
  }
  post_([this, peer, session] {
    view_.on_peer_down(peer, session);
    questions_.on_peer_down(peer, session);
    is_report_urgent_ = true;
    after_news();
  });
  events_.on_peer_down(peer, session);
}

void ClusterNode::on_peer_seen(PeerId peer, PeerView::Seen seen) {
  post_([this, peer, seen] {
    is_report_urgent_ |= view_.on_peer_seen(peer, seen);
    after_news();
  });
}

void ClusterNode::on_chunks(PeerId from, std::uint64_t session, Lane lane, Chunks chunks) {
  switch (lane) {
    case Lane::traffic:
      return events_.on_traffic(from, session, std::move(chunks));
    case Lane::replication:
      return on_replication_chunks(from, session, std::move(chunks));
    case Lane::bulk:
      for (Chunk& chunk : chunks) on_bulk_chunk(from, session, std::move(chunk));
  }
}

// To each core that some of it is for, in one go; a chunk is let go when the last core has dealt
// with its part.
void ClusterNode::on_replication_chunks(PeerId from, std::uint64_t session, Chunks chunks) {
  struct ForCore {
    std::vector<ReceivedChunkPtr> chunks;
    std::vector<std::shared_ptr<const void>> held;
  };
  std::vector<ForCore> wanted(cores_.size());
  for (Chunk& chunk : chunks) {
    if (kind_of_chunk(chunk.bytes) != static_cast<std::uint8_t>(PeerMessageKind::replicas)) {
      post_([this, from, session, chunk = std::move(chunk)] { on_message(from, session, chunk); });
      continue;
    }
    const auto received = ReceivedChunkPtr::adopt(new ReceivedChunk(std::move(chunk.bytes)));
    MessageChunkReader reader(received->bytes());
    ShardId shard;
    ByteView message;
    while (reader.next(shard, message)) {
      ForCore& core = wanted[shard.value % cores_.size()];
      if (!core.chunks.empty() && core.chunks.back().get() == received.get()) continue;
      core.chunks.push_back(received);
      core.held.push_back(chunk.held);
    }
    if (reader.is_broken()) {
      log_.write(LogLevel::error, "cluster " + settings_.cluster + ": a broken chunk of a peer");
    }
  }
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    if (wanted[i].chunks.empty()) continue;
    cores_[i].post([hosts = cores_[i].hosts.get(), from, session, all = std::move(wanted[i])] {
      hosts->on_messages(from, session, all.chunks);
    });
  }
}

namespace {

std::optional<ShardId> shard_of_snapshot(const PeerMessage& message) {
  if (const auto* part = std::get_if<SnapshotPart>(&message)) return part->shard;
  if (const auto* taken = std::get_if<SnapshotTaken>(&message)) return taken->shard;
  if (const auto* ended = std::get_if<SnapshotEnded>(&message)) return ended->shard;
  return std::nullopt;
}

}  // namespace

void ClusterNode::on_bulk_chunk(PeerId from, std::uint64_t session, Chunk chunk) {
  if (kind_of_chunk(chunk.bytes) == static_cast<std::uint8_t>(PeerMessageKind::talk)) {
    return post_([this, from, session, one = std::move(chunk)] { on_message(from, session, one); });
  }
  auto message = decode_peer_message(as_bytes(chunk.bytes));
  const auto shard = message ? shard_of_snapshot(*message) : std::nullopt;
  if (!shard) return;  // of a later version, or broken: its stream gets no further
  const Core& core = cores_[shard->value % cores_.size()];
  core.post([hosts = core.hosts.get(), from, session, held = std::move(chunk.held),
             one = std::make_shared<PeerMessage>(std::move(message).value())] {
    hosts->on_snapshot(from, session, *one);
  });
}

// --- from the network, on the own thread ---

void ClusterNode::on_message(PeerId from, std::uint64_t session, const Chunk& chunk) {
  const ClusterView::Peer* peer = view_.peer(from);
  if (peer == nullptr || peer->session != session) return;
  auto message = decode_peer_message(as_bytes(chunk.bytes));
  if (!message) {
    if (message.error().kind == ErrorKind::not_found) return;  // of a later version
    log_.write(LogLevel::error, "cluster " + settings_.cluster + ": a message of " +
                                    peer->identity.name + ": " + message.error().message);
    return;
  }
  if (auto* report = std::get_if<NodeReport>(&*message)) {
    // Nobody reports for another.
    if (report->name != peer->identity.name || !controller_) return;
    on_report(std::move(*report), clock_.steady_ms());
  } else if (const auto* command = std::get_if<PeerCommand>(&*message)) {
    on_command(from, session, *command);
  } else if (const auto* answer = std::get_if<PeerAnswer>(&*message)) {
    on_answer(*answer);
  } else if (auto* talk = std::get_if<PeerTalk>(&*message)) {
    on_talk(from, session, std::move(*talk));
  }
}

// --- from the cores and the broker ---

bool ClusterNode::send(PeerId to, std::uint64_t session, Lane lane, std::string chunk) {
  const std::shared_lock lock(sending_mutex_);
  return sending_ != nullptr && sending_->send(to, session, lane, std::move(chunk));
}

bool ClusterNode::send(PeerId to, std::uint64_t session, std::string chunk) {
  return send(to, session, Lane::traffic, std::move(chunk));
}

std::size_t ClusterNode::waiting_bytes(PeerId to, Lane lane) const {
  const std::shared_lock lock(sending_mutex_);
  return sending_ == nullptr ? 0 : sending_->waiting_bytes(to, lane);
}

std::size_t ClusterNode::waiting_bytes(PeerId to) const { return waiting_bytes(to, Lane::traffic); }

void ClusterNode::transact(Txn txn, Coordinator::TxnDone done) {
  coordinator_.transact(std::move(txn), std::move(done));
}

void ClusterNode::read_record(ShardId shard, RecordRead done) {
  const std::string key = keys_.shard(shard);
  coordinator_.list(key, [key, done = std::move(done)](const Result<Listing>& all) {
    if (all) {
      for (const KeyValue& kv : all->keys) {
        auto record = kv.key == key ? decode_shard_record(kv.value) : ShardRecord();
        if (kv.key == key && record) {
          return done(replication::SeenRecord{std::move(record).value(), kv.modified});
        }
      }
    }
    done(std::nullopt);
  });
}

void ClusterNode::raise(ShardId shard, std::string_view text) {
  post_([this, shard, line = std::string(text)] { raise_here(shard, line); });
}

void ClusterNode::fail(ShardId shard, std::string_view why) {
  raise(shard, why);
  if (settings_.on_fatal) settings_.on_fatal(why);
}

void ClusterNode::report(std::size_t core, std::vector<ShardStatus> shards, bool is_urgent) {
  post_([this, core, shards = std::move(shards), is_urgent]() mutable {
    cores_[core].shards = std::move(shards);
    is_report_urgent_ |= is_urgent;
    is_status_old_ |= is_urgent || is_draining_;
    if (controller_ && is_report_urgent_) send_report();
  });
}

Lag ClusterNode::lag() const {
  Lag most;
  for (const Core& core : cores_) {
    const CoreHostsCounters& counters = core.hosts->counters();
    most.records = std::max(most.records, counters.lag_records.value());
    most.ms = std::max(most.ms, static_cast<std::int64_t>(counters.lag_ms.value()));
  }
  return most;
}

std::uint64_t ClusterNode::appends_skipped() const {
  std::uint64_t count = 0;
  for (const Core& core : cores_) count += core.hosts->counters().appends_skipped.value();
  return count;
}

}  // namespace roost::cluster
