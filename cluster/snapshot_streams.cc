// SPDX-License-Identifier: Apache-2.0
#include "cluster/snapshot_streams.h"

#include <algorithm>

namespace roost::cluster {

// --- out ---

void SnapshotStreams::begin(ShardId shard, replication::MemberId to, PeerId peer,
                            std::uint64_t session, std::uint64_t import) {
  const Key key{shard.value, peer};
  end(key, "begun anew");
  Outgoing out;
  out.to = to;
  out.session = session;
  out.import = import;
  outgoing_.emplace(key, std::move(out));
  begin_waiting();
}

void SnapshotStreams::begin_waiting() {
  auto running = static_cast<std::size_t>(std::count_if(
      outgoing_.begin(), outgoing_.end(), [](const auto& one) { return one.second.source; }));
  for (auto& [key, out] : outgoing_) {
    if (running >= kOutgoingMax) return;
    if (out.source) continue;
    out.source = std::make_shared<Source>();
    ++running;
    read_more(key, out);
  }
}

void SnapshotStreams::read_more(const Key& key, Outgoing& out) {
  while (!out.is_read && out.asked - out.taken < kWindow) {
    ++out.asked;
    host_.run_aside(
        [this, &store = store_, post = post_, key, import = out.import, source = out.source] {
          auto read = read_next(store, ShardId{key.first}, import, *source);
          post([this, key, import, read = std::move(read)] { on_read(key, import, read); });
        });
  }
}

SnapshotStreams::PieceRead SnapshotStreams::read_next(storage::ReplicaStore& store, ShardId shard,
                                                      std::uint64_t import, Source& source) {
  if (!source.sender) {
    auto begun = SnapshotSender::begin(store, shard, import);
    if (!begun) return Unexpected(std::move(begun).error());
    source.sender = std::move(begun).value();
  }
  auto piece = source.sender->next();
  if (!piece) return Unexpected(std::move(piece).error());
  if (!*piece) return std::string();
  return encode(**piece);
}

void SnapshotStreams::on_read(const Key& key, std::uint64_t import, const PieceRead& read) {
  const auto found = outgoing_.find(key);
  if (found == outgoing_.end() || found->second.import != import) return;
  Outgoing& out = found->second;
  if (!read) return end(key, read.error().message);
  if (read->empty()) {
    out.is_read = true;
  } else if (!send_piece(key, out, *read)) {
    end(key, "the session is over");
  }
}

bool SnapshotStreams::send_piece(const Key& key, Outgoing& out, const std::string& piece) {
  for (std::size_t at = 0; at < piece.size(); at += kSnapshotPartBytes) {
    const bool is_last = at + kSnapshotPartBytes >= piece.size();
    const SnapshotPart part{ShardId{key.first}, out.import, out.sent, is_last,
                            piece.substr(at, kSnapshotPartBytes)};
    if (!host_.send_bulk(key.second, out.session, encode(part))) return false;
  }
  ++out.sent;
  return true;
}

// Well or not. The member is told unless it has all.
void SnapshotStreams::end(const Key& key, const std::string& why) {
  const auto found = outgoing_.find(key);
  if (found == outgoing_.end()) return;
  const Outgoing out = std::move(found->second);
  outgoing_.erase(found);
  // What was opened is closed where the disk may be waited for.
  if (out.source) host_.run_aside([source = out.source] { source->sender.reset(); });
  const ShardId shard{key.first};
  if (!why.empty()) {
    host_.send_bulk(key.second, out.session, encode(SnapshotEnded{shard, out.import, why}));
  }
  host_.on_ended(shard, out.to, out.import);
  begin_waiting();
}

void SnapshotStreams::on_message(PeerId from, std::uint64_t session, const SnapshotTaken& taken) {
  const Key key{taken.shard.value, from};
  const auto found = outgoing_.find(key);
  if (found == outgoing_.end()) return;
  Outgoing& out = found->second;
  if (out.session != session || out.import != taken.import || taken.pieces <= out.taken ||
      taken.pieces > out.sent) {
    return;
  }
  out.taken = taken.pieces;
  if (taken.is_whole) return end(key, "");
  read_more(key, out);
  host_.on_progress(taken.shard, out.to, out.import);
}

// Who waits for its turn has not been forgotten.
void SnapshotStreams::tick() {
  for (const auto& [key, out] : outgoing_) {
    if (!out.source) host_.on_progress(ShardId{key.first}, out.to, out.import);
  }
}

// --- in ---

void SnapshotStreams::on_message(PeerId from, std::uint64_t session, const PeerMessage& message) {
  if (const auto* part = std::get_if<SnapshotPart>(&message)) on_message(from, session, *part);
  if (const auto* taken = std::get_if<SnapshotTaken>(&message)) on_message(from, session, *taken);
  if (const auto* ended = std::get_if<SnapshotEnded>(&message)) on_message(from, session, *ended);
}

SnapshotStreams::IncomingPtr SnapshotStreams::incoming(PeerId from, std::uint64_t session,
                                                       const SnapshotPart& part) {
  if (!host_.is_importing(part.shard, part.import)) return nullptr;
  const auto found = incoming_.find(part.shard.value);
  if (found != incoming_.end()) {
    const Incoming& known = *found->second;
    const bool is_same = known.import == part.import;
    if (is_same && known.from == from && known.session == session) return found->second;
    if (is_same) return nullptr;
  }
  if (part.number != 0) return nullptr;
  auto in = std::make_shared<Incoming>();
  in->from = from;
  in->session = session;
  in->import = part.import;
  in->receiver = std::make_unique<SnapshotReceiver>(store_, part.shard, part.import, post_);
  incoming_[part.shard.value] = in;
  return in;
}

void SnapshotStreams::on_message(PeerId from, std::uint64_t session, const SnapshotPart& part) {
  const IncomingPtr in = incoming(from, session, part);
  if (!in) {
    host_.send_bulk(from, session, encode(SnapshotEnded{part.shard, part.import, "not wanted"}));
    return;
  }
  in->part += part.bytes;
  if (part.number != in->next_number || in->part.size() > kSnapshotPieceBytesMax) {
    return refuse(part.shard, in, "a part that doesn't fit");
  }
  if (!part.is_last) return;
  auto piece = decode_piece(part.import, part.number, as_bytes(in->part));
  if (!piece) return refuse(part.shard, in, piece.error().message);
  in->part.clear();
  ++in->next_number;
  in->pieces.push_back(std::move(piece).value());
  take_next(part.shard, in);
}

// It lives until it has been told of the write that it has begun.
void SnapshotStreams::take_next(ShardId shard, const IncomingPtr& in) {
  if (in->is_taking || in->pieces.empty()) return;
  in->is_taking = true;
  const SnapshotPiece piece = std::move(in->pieces.front());
  in->pieces.pop_front();
  host_.write_began(shard);
  in->receiver->take(piece, [this, shard, in](const Result<void>& result) {
    in->is_taking = false;
    host_.write_ended(shard);
    on_taken(shard, in, result);
  });
}

void SnapshotStreams::on_taken(ShardId shard, const IncomingPtr& in, const Result<void>& result) {
  const auto found = incoming_.find(shard.value);
  if (found == incoming_.end() || found->second != in) return;
  if (!result) return refuse(shard, in, result.error().message);
  ++in->taken;
  const bool is_whole = in->receiver->imported().has_value();
  host_.send_bulk(in->from, in->session,
                  encode(SnapshotTaken{shard, in->import, in->taken, is_whole}));
  if (!is_whole) return take_next(shard, in);
  incoming_.erase(found);
  host_.on_imported(shard, in->import, *in->receiver->imported());
}

void SnapshotStreams::refuse(ShardId shard, const IncomingPtr& in, const std::string& why) {
  host_.send_bulk(in->from, in->session, encode(SnapshotEnded{shard, in->import, why}));
  incoming_.erase(shard.value);
}

// --- either way ---

void SnapshotStreams::on_message(PeerId from, std::uint64_t session, const SnapshotEnded& ended) {
  const Key key{ended.shard.value, from};
  const auto out = outgoing_.find(key);
  if (out != outgoing_.end() && out->second.session == session &&
      out->second.import == ended.import) {
    return end(key, "");
  }
  const auto in = incoming_.find(ended.shard.value);
  if (in != incoming_.end() && in->second->from == from && in->second->session == session &&
      in->second->import == ended.import) {
    incoming_.erase(in);
  }
}

void SnapshotStreams::on_peer_down(PeerId peer) {
  std::erase_if(incoming_, [&](const auto& one) { return one.second->from == peer; });
  std::vector<Key> over;
  for (const auto& [key, out] : outgoing_) {
    if (key.second == peer) over.push_back(key);
  }
  for (const Key& key : over) end(key, "");
}

void SnapshotStreams::drop(ShardId shard) {
  incoming_.erase(shard.value);
  std::vector<Key> over;
  for (const auto& [key, out] : outgoing_) {
    if (key.first == shard.value) over.push_back(key);
  }
  for (const Key& key : over) end(key, "the shard is not here any more");
}

}  // namespace roost::cluster
