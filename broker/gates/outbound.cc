// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/outbound.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "broker/base/check.h"

namespace roost::gates {

using routing::MessagePtr;
using routing::ShardSet;

namespace {

std::uint64_t bit_of(std::size_t number) { return std::uint64_t{1} << number; }

template <typename Visit>
void for_each_bit(std::uint64_t bits, Visit&& visit) {
  for (; bits != 0; bits &= bits - 1) visit(static_cast<std::size_t>(std::countr_zero(bits)));
}

}  // namespace

// --- what is kept ---

void Outbound::publish(const MessagePtr& message, const routing::Targets& targets,
                       const std::optional<routing::Source>& source,
                       routing::Publication* publication, std::uint64_t key) {
  DCHECK(!targets.empty());
  const std::uint64_t number = next_++;
  Kept& one = kept_.emplace_back();
  one.message = message;
  one.source = source;
  one.publication = publication;
  one.key = key;
  one.targets = targets;
  const ShardSet shards = targets.shards | (targets.keeps ? bit_of(targets.keeps->value) : 0);
  one.left = one.unstored = 1;  // until all are counted
  ++open_;
  bytes_ += message->memory_size();
  for_each_bit(shards, [&](std::size_t shard) { add_number(shard, number); });
  std::uint64_t nodes = targets.nodes;
  for_each_bit(nodes, [&](std::size_t node) {
    const std::size_t target = target_of(PeerId{static_cast<std::uint16_t>(node)});
    if (streams_[target].incarnation != 0) add_number(target, number);
  });
  for_each_bit(shards, [&](std::size_t shard) {
    if (streams_[shard].to != kNoPeer) nodes |= bit_of(streams_[shard].to.value);
  });
  for_each_bit(nodes, [&](std::size_t node) { pump(PeerId{static_cast<std::uint16_t>(node)}); });
  note_stored(number);
  settle(number);
}

void Outbound::add_number(std::size_t target, std::uint64_t number) {
  ++kept(number).left;
  ++kept(number).unstored;
  streams_[target].numbers.push_back(number);
  place(target);
}

void Outbound::settle(std::uint64_t number) {
  Kept& one = kept(number);
  DCHECK(one.left > 0);
  if (--one.left > 0) return;
  --open_;
  bytes_ -= one.message->memory_size();
  one.message = {};
  events_.on_settled(lane_, one.key, std::exchange(one.publication, nullptr));
  while (!kept_.empty() && kept_.front().left == 0) {
    kept_.pop_front();
    ++first_;
  }
}

void Outbound::note_stored(std::uint64_t number) {
  Kept& one = kept(number);
  if (--one.unstored > 0 || one.publication == nullptr || !one.publication->is_early) return;
  events_.on_stored(std::exchange(one.publication, nullptr));
}

void Outbound::on_stored(Stream& stream, std::uint64_t through) {
  while (stream.stored < stream.numbers.size() && stream.numbers[stream.stored] <= through) {
    note_stored(stream.numbers[stream.stored++]);
  }
}

void Outbound::pop(Stream& stream) {
  const std::uint64_t number = stream.numbers.front();
  stream.numbers.pop_front();
  if (stream.stored > 0) {
    --stream.stored;
  } else {
    note_stored(number);
  }
  settle(number);
}

std::size_t Outbound::count(std::uint64_t key) const {
  return static_cast<std::size_t>(std::count_if(
      kept_.begin(), kept_.end(), [&](const Kept& one) { return one.message && one.key == key; }));
}

// --- streams ---

bool Outbound::can_send(const Stream& stream) const {
  if (stream.sent >= stream.numbers.size() || stream.sent >= kWindowMessages) return false;
  if (stream.sent_bytes >= kWindowBytes) return false;
  const Kept& next = const_cast<Outbound*>(this)->kept(stream.numbers[stream.sent]);
  return !events_.is_held(lane_, next.key);
}

void Outbound::place(std::size_t target) {
  const Stream& stream = streams_[target];
  if (stream.to == kNoPeer) return;
  Waiting& waiting = waiting_[stream.to.value];
  const bool waits = can_send(stream);
  if (is_shard(target)) {
    waiting.shards = waits ? waiting.shards | bit_of(target) : waiting.shards & ~bit_of(target);
  } else {
    waiting.is_volatile = waits;
  }
}

void Outbound::go_back(std::size_t target) {
  streams_[target].sent = 0;
  streams_[target].sent_bytes = 0;
  place(target);
}

void Outbound::on_leader(ShardId shard) {
  Stream& stream = streams_[shard.value];
  if (stream.to != kNoPeer) waiting_[stream.to.value].shards &= ~bit_of(shard.value);
  stream.to = leaders_.of[shard.value];
  go_back(shard.value);
  note_due(stream.to);
}

void Outbound::on_peer_up(const cluster::PeerInfo& peer) {
  const std::size_t target = target_of(peer.id);
  Stream& stream = streams_[target];
  if (stream.incarnation != peer.incarnation) {
    drop(stream);
    stream.incarnation = peer.incarnation;
    stream.life = life_of(peer);
  }
  stream.to = peer.id;
  on_their_way_[peer.id.value] = 0;
  go_back(target);
  pump(peer.id);
}

void Outbound::on_peer_down(PeerId peer) {
  lose_parts(peer);
  Stream& stream = streams_[target_of(peer)];
  waiting_[peer.value].is_volatile = false;
  stream.to = kNoPeer;
  go_back(target_of(peer));
}

void Outbound::on_peer_gone(PeerId peer, std::uint64_t incarnation) {
  Stream& stream = streams_[target_of(peer)];
  if (stream.incarnation != incarnation) return;
  drop(stream);
  stream.incarnation = 0;
  place(target_of(peer));
}

void Outbound::drop(Stream& stream) {
  while (!stream.numbers.empty()) pop(stream);
  stream.sent = 0;
  stream.sent_bytes = 0;
}

// Cumulative; what an older leader says counts as well: it has committed it.
void Outbound::on_confirmed(PeerId from, const Confirmed& confirmed) {
  std::size_t& on_their_way = on_their_way_[from.value];
  on_their_way -= std::min<std::size_t>(on_their_way, confirmed.taken);
  const std::size_t target =
      confirmed.target == kVolatileTarget ? target_of(from) : confirmed.target;
  Stream& stream = streams_[target];
  // A leader of before may lose what only it has.
  if (confirmed.is_stored) {
    if (stream.to == from) on_stored(stream, confirmed.number);
    return;
  }
  while (!stream.numbers.empty() && stream.numbers.front() <= confirmed.number) {
    const std::uint64_t number = stream.numbers.front();
    if (stream.sent > 0) {
      --stream.sent;
      stream.sent_bytes -= kept(number).message->memory_size();
    }
    pop(stream);
  }
  place(target);
  note_due(from);
  note_due(stream.to);
}

void Outbound::send_due() {
  for_each_bit(std::exchange(due_, 0),
               [&](std::size_t peer) { pump(PeerId{static_cast<std::uint16_t>(peer)}); });
}

void Outbound::on_released() {
  for (std::size_t target = 0; target < kTargets; ++target) {
    if (!streams_[target].numbers.empty()) place(target);
  }
  for (std::uint16_t peer = 0; peer < kPeersMax; ++peer) pump(PeerId{peer});
}

// --- sending ---

void Outbound::pump(PeerId to) {
  if (to != kThisNode && !post_.is_up(to)) return;
  for (;;) {
    if (transfers_[to.value]) {
      send_parts(to);
      if (transfers_[to.value]) return;
    }
    if (!begin_once(to) && !send_next(to)) return;
  }
}

// The oldest that one of its streams waits with, to all whose turn it is as well.
bool Outbound::send_next(PeerId to) {
  const Waiting& waiting = waiting_[to.value];
  if (waiting.empty()) return false;
  std::uint64_t number = UINT64_MAX;
  Waiting targets;
  const auto look = [&](std::size_t target) {
    const Stream& stream = streams_[target];
    const std::uint64_t next = stream.numbers[stream.sent];
    if (next > number) return;
    if (next < number) targets = {};
    number = next;
    if (is_shard(target)) {
      targets.shards |= bit_of(target);
    } else {
      targets.is_volatile = true;
    }
  };
  for_each_bit(waiting.shards, look);
  if (waiting.is_volatile) look(target_of(to));
  send(to, number, targets);
  return true;
}

void Outbound::send(PeerId to, std::uint64_t number, const Waiting& targets) {
  const Kept& one = kept(number);
  head_.number = number;
  head_.is_volatile = targets.is_volatile;
  head_.source = one.source;
  head_.shards.clear();
  const std::size_t bytes = one.message->memory_size();
  head_.is_late = one.targets.is_late;
  head_.is_early = one.publication != nullptr && one.publication->is_early;
  head_.told.reset();
  for_each_bit(targets.shards, [&](std::size_t shard) {
    const bool keeps = one.targets.keeps && one.targets.keeps->value == shard;
    head_.shards.push_back({static_cast<std::uint8_t>(shard),
                            (one.targets.shards >> shard & 1U) != 0, keeps, leaders_.epoch[shard]});
    if (keeps) tell_who_has_it(one);
    advance(shard, bytes);
  });
  if (targets.is_volatile) advance(target_of(to), bytes);
  if (to == kThisNode) {
    events_.to_this_node(lane_, head_, one.message);
  } else {
    send_frame(to, one);
  }
}

void Outbound::tell_who_has_it(const Kept& kept) {
  PublishTold& told = head_.told.emplace();
  told.shards = kept.targets.shards;
  told.cores = kept.targets.cores;
  for_each_bit(kept.targets.nodes, [&](std::size_t node) {
    const Stream& stream = streams_[target_of(PeerId{static_cast<std::uint16_t>(node)})];
    if (stream.incarnation != 0) told.lives.push_back(stream.life);
  });
}

void Outbound::advance(std::size_t target, std::size_t bytes) {
  ++streams_[target].sent;
  streams_[target].sent_bytes += bytes;
  place(target);
}

void Outbound::send_frame(PeerId to, const Kept& kept) {
  const routing::Message& message = *kept.message;
  ++frames_;
  if (message.memory_size() > kWholeBytesMax) {
    Transfer& transfer = transfers_[to.value].emplace();
    transfer.kind = PeerFrameKind::publish;
    append_publish_head(head_, transfer.head);
    append_message_head(message, post_.core().now_ms(), transfer.head);
    transfer.message = kept.message;
    transfer.size = transfer.head.size() + message.payload().size();
    return;
  }
  std::string& out = post_.out(to);
  const std::size_t begun = begin_frame(PeerFrameKind::publish, core_of_lane(lane_), out);
  append_whole_form(lane_, out);
  append_publish_head(head_, out);
  append_message_head(message, post_.core().now_ms(), out);
  out.append(as_text(message.payload()));
  end_frame(begun, out);
}

// --- without a promise, in parts ---

void Outbound::send_once(const MessagePtr& message, PeerId to, bool keeps, std::uint64_t key) {
  once_[to.value].push_back({message, keeps, key});
  bytes_ += message->memory_size();
  pump(to);
}

bool Outbound::begin_once(PeerId to) {
  std::deque<Once>& queue = once_[to.value];
  if (queue.empty() || events_.is_held(lane_, queue.front().key)) return false;
  Once once = std::move(queue.front());
  queue.pop_front();
  ++frames_;
  Transfer& transfer = transfers_[to.value].emplace();
  transfer.kind = PeerFrameKind::once;
  append_once_head(once.keeps, transfer.head);
  append_message_head(*once.message, post_.core().now_ms(), transfer.head);
  transfer.size = transfer.head.size() + once.message->payload().size();
  transfer.message = std::move(once.message);
  transfer.once_key = once.key;
  return true;
}

// As many as may be on their way; the transfer is over with the last one.
void Outbound::send_parts(PeerId to) {
  Transfer& transfer = *transfers_[to.value];
  std::size_t& on_their_way = on_their_way_[to.value];
  while (transfer.offset < transfer.size && on_their_way < kPartsOnTheirWayMax) {
    const std::size_t part = std::min(kWholeBytesMax, transfer.size - transfer.offset);
    std::string& out = post_.out(to);
    const std::size_t begun = begin_frame(transfer.kind, core_of_lane(lane_), out);
    append_part_form(lane_, transfer.offset, transfer.size, out);
    const std::size_t end = transfer.offset + part;
    if (transfer.offset < transfer.head.size()) {
      out.append(transfer.head, transfer.offset, part);
      transfer.offset = std::min(end, transfer.head.size());
    }
    if (transfer.offset < end) {
      const std::string_view payload = as_text(transfer.message->payload());
      out.append(payload.substr(transfer.offset - transfer.head.size(), end - transfer.offset));
    }
    transfer.offset = end;
    end_frame(begun, out);
    on_their_way += part;
  }
  if (transfer.offset < transfer.size) return;
  const std::optional<std::uint64_t> once_key = transfer.once_key;
  if (once_key) {
    bytes_ -= transfer.message->memory_size();
    events_.on_settled(lane_, *once_key, nullptr);
  }
  transfers_[to.value].reset();
}

void Outbound::lose_parts(PeerId to) {
  const std::optional<Transfer> transfer = std::exchange(transfers_[to.value], std::nullopt);
  if (transfer && transfer->once_key) {
    bytes_ -= transfer->message->memory_size();
    events_.on_settled(lane_, *transfer->once_key, nullptr);
  }
  for (const Once& once : std::exchange(once_[to.value], {})) {
    bytes_ -= once.message->memory_size();
    events_.on_settled(lane_, once.key, nullptr);
  }
}

}  // namespace roost::gates
