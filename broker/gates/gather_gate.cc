// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/gather_gate.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/gates/peer_message.h"
#include "cluster/packed.h"

namespace roost::gates {

using cluster::PackedReader;
using cluster::PackedWriter;
using routing::ShardSet;
using session::Kept;

namespace {

constexpr std::uint8_t kNew = 0, kNextPage = 1;
constexpr std::uint8_t kMore = 0, kLast = 1;

ShardSet bit_of(std::size_t shard) { return ShardSet{1} << shard; }

void append_entry(const Kept& kept, SteadyMs now_ms, std::string& out) {
  std::string message;
  append_once_head(false, message);
  append_message_head(*kept.message, now_ms, message);
  const ByteView payload = kept.message->payload();
  PackedWriter writer(out);
  writer.number(kept.filter);
  writer.number(message.size() + payload.size());
  out.append(message);
  out.append(as_text(payload));
}

}  // namespace

GatherGate::GatherGate(PeerPost& post, session::SessionTable& sessions, LeaderView& leaders)
    : post_(post), sessions_(sessions), leaders_(leaders) {
  post.handle({PeerFrameKind::gather, PeerFrameKind::gathered}, *this);
  leaders.tell(*this);
}

// --- asking ---

void GatherGate::gather(std::vector<std::string> filters, ShardSet shards,
                        std::function<void(std::vector<Kept>)> done) {
  const std::uint64_t number = ++last_number_;
  Gather& gather = gathers_[number];
  gather.filters = std::move(filters);
  gather.missing = shards;
  gather.done = std::move(done);
  gather.until_ms = post_.core().now_ms() + kWaitMs;
  if (!armed()) post_.core().timers().arm(*this, post_.core().now_ms() + kLookMs);
  ask(number, gather);
}

// Whoever leads something that nobody was asked for yet.
void GatherGate::ask(std::uint64_t number, Gather& gather) {
  ShardSet open = gather.missing;
  for (const auto& [peer, asked] : gather.asked) open &= ~asked.shards;
  std::map<std::uint16_t, ShardSet> by_leader;
  for (std::uint16_t shard = 0; shard < kClusterShardsMax; ++shard) {
    if ((open & bit_of(shard)) == 0) continue;
    const PeerId leader = leaders_.leader_of(ShardId{shard});
    // One question to a node at a time.
    if (leader == kNoPeer || gather.asked.contains(leader.value)) continue;
    by_leader[leader.value] |= bit_of(shard);
  }
  for (const auto& [leader, shards] : by_leader) {
    const PeerId peer{leader};
    if (peer == kThisNode) {
      gather.asked[leader].shards = shards;
      ask_here(number, shards);
      continue;
    }
    if (!post_.is_up(peer)) continue;
    gather.asked[leader].shards = shards;
    counters_.asked.add();
    std::string& out = post_.out(peer);
    const std::size_t begun = begin_frame(PeerFrameKind::gather, post_.core().id().value, out);
    PackedWriter writer(out);
    writer.number(number);
    writer.byte(kNew);
    writer.number(shards);
    writer.number(gather.filters.size());
    for (const std::string& filter : gather.filters) writer.bytes(as_bytes(filter));
    end_frame(begun, out);
  }
}

// Led here since the question was put.
void GatherGate::ask_here(std::uint64_t number, ShardSet shards) {
  const std::vector<std::string>& filters = gathers_[number].filters;
  const std::vector<std::string_view> views(filters.begin(), filters.end());
  const auto found = [this, number](session::SessionTable::Led& led) {
    const auto at = gathers_.find(number);
    if (at == gathers_.end()) return;
    at->second.asked[kThisNode.value].kept = std::move(led.kept);
    settle(number, kThisNode, led.shards);
  };
  // Never at once: whoever asks is in the middle of the gathers.
  sessions_.gather_led(views, shards, [this, found](session::SessionTable::Led led) {
    post_.core().post([found, led = std::move(led)]() mutable { found(led); });
  });
}

// A node has said all: of those shards that it led.
void GatherGate::settle(std::uint64_t number, PeerId from, ShardSet led) {
  Gather& gather = gathers_[number];
  Asked asked = std::move(gather.asked[from.value]);
  gather.asked.erase(from.value);
  gather.missing &= ~(led & asked.shards);
  gather.kept.insert(gather.kept.end(), std::make_move_iterator(asked.kept.begin()),
                     std::make_move_iterator(asked.kept.end()));
  if (gather.missing == 0) return finish(number);
  // What it doesn't lead is asked for again by the timer, or when its leader is heard of.
}

void GatherGate::finish(std::uint64_t number) {
  const auto at = gathers_.find(number);
  Gather gather = std::move(at->second);
  gathers_.erase(at);
  if (gather.missing != 0) counters_.incomplete.add();
  // Never before gather() returns, also where the only shard left is led here by now.
  post_.core().post([done = std::move(gather.done), kept = std::move(gather.kept)]() mutable {
    done(std::move(kept));
  });
}

void GatherGate::on_timer() {
  const SteadyMs now_ms = post_.core().now_ms();
  std::vector<std::uint64_t> over;
  for (auto& [number, gather] : gathers_) {
    if (gather.until_ms <= now_ms) {
      over.push_back(number);
    } else {
      ask(number, gather);
    }
  }
  for (const std::uint64_t number : over) finish(number);
  if (!gathers_.empty()) post_.core().timers().arm(*this, now_ms + kLookMs);
}

void GatherGate::on_leader(ShardId shard, PeerId leader, std::uint64_t) {
  if (leader == kNoPeer) return;
  for (auto& [number, gather] : gathers_) {
    if ((gather.missing & bit_of(shard.value)) != 0) ask(number, gather);
  }
}

// Nothing of an answer that isn't whole counts.
void GatherGate::on_peer_down(PeerId peer) {
  for (auto& [number, gather] : gathers_) gather.asked.erase(peer.value);
  std::erase_if(answers_, [&](const auto& one) { return one.first.peer == peer; });
}

void GatherGate::on_frame(PeerId from, const PeerFrame& frame) {
  frame.kind == PeerFrameKind::gather ? on_question(from, frame) : on_answer(from, frame);
}

// Entries that are whole. False: it is no row of entries.
bool GatherGate::take(Asked& asked, std::size_t filters, bool is_last) const {
  std::size_t at = 0;
  while (at < asked.bytes.size()) {
    const ByteView rest = as_bytes(std::string_view(asked.bytes).substr(at));
    PackedReader reader(rest);
    const std::uint64_t filter = reader.number();
    const std::uint64_t size = reader.number();
    if (reader.failed() || size > reader.left()) {
      if (is_last || (!reader.failed() && size > kEntryBytesMax)) return false;
      break;
    }
    auto body = read_once(reader.take(size), post_.core().now_ms(), {});
    if (!body || filter >= filters) return false;
    asked.kept.push_back({static_cast<std::uint32_t>(filter), std::move(body->message)});
    at += rest.size() - reader.left();
  }
  asked.bytes.erase(0, at);
  return true;
}

void GatherGate::on_answer(PeerId from, const PeerFrame& frame) {
  PackedReader reader(frame.bytes);
  const std::uint64_t number = reader.number();
  const bool is_last = reader.byte() == kLast;
  const ShardSet led = is_last ? reader.number() : 0;
  if (reader.failed()) return counters_.broken.add();
  const auto at = gathers_.find(number);
  if (at == gathers_.end()) return;
  const auto asked = at->second.asked.find(from.value);
  if (asked == at->second.asked.end()) return;
  asked->second.bytes.append(as_text(reader.take(reader.left())));
  if (!take(asked->second, at->second.filters.size(), is_last)) {
    counters_.broken.add();
    asked->second.kept.clear();
    return settle(number, from, 0);
  }
  if (is_last) return settle(number, from, led);
  std::string& out = post_.out(from);
  const std::size_t begun = begin_frame(PeerFrameKind::gather, frame.to, out);
  PackedWriter writer(out);
  writer.number(number);
  writer.byte(kNextPage);
  end_frame(begun, out);
}

// --- answering ---

void GatherGate::on_question(PeerId from, const PeerFrame& frame) {
  PackedReader reader(frame.bytes);
  const std::uint64_t number = reader.number();
  const Asker asker{from, frame.to, number};
  if (reader.byte() == kNextPage && !reader.failed()) return answer(asker);
  const ShardSet shards = reader.number();
  const std::uint64_t count = reader.number();
  std::vector<std::string_view> filters;
  for (std::uint64_t i = 0; i < count && count <= kFiltersMax && !reader.failed(); ++i) {
    filters.push_back(as_text(reader.bytes()));
  }
  reader.expect_end();
  if (reader.failed()) return counters_.broken.add();
  counters_.answered.add();
  sessions_.gather_led(
      filters, shards,
      [this, asker, session = post_.info(from).session](session::SessionTable::Led led) {
        const PeerId peer = asker.peer;
        if (!post_.is_up(peer) || post_.info(peer).session != session) return;
        answers_[asker].led = std::move(led);
        answer(asker);
      });
}

// The next page. Without an answer of that number it was all said.
void GatherGate::answer(const Asker& asker) {
  const auto at = answers_.find(asker);
  if (at == answers_.end()) return;
  Answer& answer = at->second;
  while (answer.bytes.size() - answer.sent < kPageBytes && answer.next < answer.led.kept.size()) {
    answer.bytes.erase(0, std::exchange(answer.sent, 0));
    append_entry(answer.led.kept[answer.next++], post_.core().now_ms(), answer.bytes);
  }
  const std::size_t size = std::min(answer.bytes.size() - answer.sent, kPageBytes);
  const bool is_last =
      answer.next == answer.led.kept.size() && answer.sent + size == answer.bytes.size();
  std::string& out = post_.out(asker.peer);
  const std::size_t begun = begin_frame(PeerFrameKind::gathered, asker.to, out);
  PackedWriter writer(out);
  writer.number(asker.number);
  writer.byte(is_last ? kLast : kMore);
  if (is_last) writer.number(answer.led.shards);
  out.append(answer.bytes, answer.sent, size);
  end_frame(begun, out);
  answer.sent += size;
  if (is_last) answers_.erase(at);
}

}  // namespace roost::gates
