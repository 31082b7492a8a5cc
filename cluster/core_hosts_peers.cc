// SPDX-License-Identifier: Apache-2.0
// A core's replicas and the others: messages, the coordinator, snapshots.
#include <utility>

#include "cluster/core_hosts.h"

namespace roost::cluster {

using replication::MemberId;
using replication::SeenRecord;

void CoreHosts::on_peer_up(PeerId peer, std::uint64_t session, MemberId member) {
  snapshots_.on_peer_down(peer);
  gone_.erase(member);
  peers_[peer] = {session, member, {}};
}

void CoreHosts::on_peer_down(PeerId peer, std::uint64_t session) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || found->second.session != session) return;
  set_now(clock_.steady_ms());
  peers_.erase(found);
  snapshots_.on_peer_down(peer);
  turn_all();
}

void CoreHosts::on_member_gone(MemberId member) {
  set_now(clock_.steady_ms());
  gone_.insert(member);
  for (auto& [id, hosted] : shards_) {
    if (hosted.is_forgetting) continue;
    hosted.host->replica().on_gone(member);
    wake(ShardId{id}, hosted);
  }
  turn_all();
}

// R1: whoever spoke is known from the session.
void CoreHosts::on_messages(PeerId from, std::uint64_t session,
                            const std::vector<ReceivedChunkPtr>& chunks) {
  const auto peer = peers_.find(from);
  if (events_ == nullptr || peer == peers_.end() || peer->second.session != session) return;
  set_now(clock_.steady_ms());
  for (const ReceivedChunkPtr& chunk : chunks) take_messages(peer->second.member, chunk);
  turn_all();
}

void CoreHosts::take_messages(MemberId member, const ReceivedChunkPtr& chunk) {
  MessageChunkReader reader(chunk->bytes());
  ShardId shard;
  ByteView bytes;
  while (reader.next(shard, bytes)) {
    Hosted* hosted = is_own(shard) ? find(shard) : nullptr;
    if (hosted == nullptr) continue;
    const auto message = decode_message(bytes, chunk);
    if (!message) {
      node_.raise(shard, "a message of another node: " + message.error().message);
      continue;
    }
    hosted->host->replica().on_message(member, *message, now_);
    wake(shard, *hosted);
  }
}

// One that isn't there is as one that is silent: it will be sent again.
void CoreHosts::send(ShardId shard, MemberId to, replication::Message message) {
  for (auto& [id, peer] : peers_) {
    if (peer.member != to) continue;
    const auto* append = std::get_if<replication::Append>(&message);
    if (append != nullptr && append->records != nullptr &&
        node_.waiting_bytes(id, Lane::replication) > kWaitingBytesMax) {
      counters_.appends_skipped.add();
      return;
    }
    if (!peer.chunks.add(shard, message)) {
      node_.raise(shard, "a message is too long: " + replication::describe(message));
    }
    return;
  }
}

void CoreHosts::send_all() {
  for (auto& [id, peer] : peers_) {
    if (peer.chunks.empty()) continue;
    for (std::string& chunk : peer.chunks.take()) {
      node_.send(id, peer.session, Lane::replication, std::move(chunk));
    }
  }
}

void CoreHosts::transact(ShardId shard, std::uint64_t id, Txn txn) {
  Hosted* hosted = find(shard);
  if (hosted == nullptr) return;
  node_.transact(std::move(txn), [host = hosted->host.get(), id,
                                  post = poster(shard, hosted->life)](const TxnResult& result) {
    post([host, id, result] { host->replica().on_txn_result(id, result); });
  });
}

void CoreHosts::read_record(ShardId shard, std::uint64_t id) {
  Hosted* hosted = find(shard);
  if (hosted == nullptr) return;
  node_.read_record(shard, [host = hosted->host.get(), id, post = poster(shard, hosted->life)](
                               const std::optional<SeenRecord>& seen) {
    post([host, id, seen] { host->replica().on_record_read(id, seen ? &*seen : nullptr); });
  });
}

// --- snapshots ---

void CoreHosts::send_snapshot(ShardId shard, MemberId to, std::uint64_t import) {
  for (const auto& [id, peer] : peers_) {
    if (peer.member == to) return snapshots_.begin(shard, to, id, peer.session, import);
  }
  on_ended(shard, to, import);
}

void CoreHosts::on_snapshot(PeerId from, std::uint64_t session, const PeerMessage& message) {
  const auto peer = peers_.find(from);
  if (events_ == nullptr || peer == peers_.end() || peer->second.session != session) return;
  set_now(clock_.steady_ms());
  snapshots_.on_message(from, session, message);
  turn_all();
}

bool CoreHosts::send_bulk(PeerId to, std::uint64_t session, std::string chunk) {
  return node_.send(to, session, Lane::bulk, std::move(chunk));
}

bool CoreHosts::is_importing(ShardId shard, std::uint64_t import) const {
  const Hosted* hosted = find(shard);
  if (hosted == nullptr) return false;
  const replication::Meta& meta = hosted->host->replica().meta();
  return meta.is_importing && meta.import == import;
}

// Also of one that is being deleted, which waits for it.
void CoreHosts::write_began(ShardId shard) { shards_.at(shard.value).host->write_began(); }
void CoreHosts::write_ended(ShardId shard) { shards_.at(shard.value).host->write_ended(); }

void CoreHosts::on_imported(ShardId shard, std::uint64_t import, replication::Imported imported) {
  Hosted* hosted = find(shard);
  if (hosted == nullptr) return;
  hosted->host->on_imported(import, std::move(imported));
  wake(shard, *hosted);
}

void CoreHosts::on_progress(ShardId shard, MemberId to, std::uint64_t import) {
  if (Hosted* hosted = find(shard)) hosted->host->replica().on_snapshot_progress(to, import);
}

void CoreHosts::on_ended(ShardId shard, MemberId to, std::uint64_t import) {
  Hosted* hosted = find(shard);
  if (hosted == nullptr) return;
  hosted->host->replica().on_snapshot_ended(to, import);
  wake(shard, *hosted);
}

}  // namespace roost::cluster
