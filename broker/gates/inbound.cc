// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/inbound.h"

#include <utility>

#include "broker/base/check.h"

namespace roost::gates {

Inbound::Received& Inbound::received(PeerId from, LaneId lane, std::uint8_t target) {
  const std::uint64_t key =
      std::uint64_t{from.value} << 32 | std::uint64_t{lane} << 8 | std::uint64_t{target};
  std::unique_ptr<Received>& slot = received_[key];
  if (slot == nullptr) {
    slot = std::make_unique<Received>();
    slot->from = from;
    slot->lane = lane;
    slot->target = target;
  }
  return *slot;
}

void Inbound::renew(Received& received, std::uint64_t incarnation, std::uint64_t epoch) {
  if (received.incarnation == incarnation && received.epoch == epoch) return;
  received.incarnation = incarnation;
  received.epoch = epoch;
  ++received.round;
  received.last = 0;
  received.through = 0;
  received.stored = 0;
  received.stored_count = 0;
  received.pending.clear();
}

bool Inbound::begin(Received& received, std::uint64_t number, bool is_early) {
  if (number <= received.last) {
    ++repeats_;
    note(received);  // the confirmation may have been lost
    return false;
  }
  received.last = number;
  received.pending.push_back({number, false, is_early, false});
  return true;
}

std::size_t Inbound::place_of(const Received& received, std::uint64_t number) {
  std::size_t from = 0;
  for (std::size_t to = received.pending.size(); from < to;) {
    const std::size_t middle = (from + to) / 2;
    if (received.pending[middle].number < number) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  CHECK(from < received.pending.size() && received.pending[from].number == number);
  return from;
}

// The rows are short and in order; what is done in order is at the front.
void Inbound::done(Received& received, std::uint32_t round, std::uint64_t number) {
  if (received.round != round) return;
  const std::size_t place = place_of(received, number);
  received.pending[place].is_done = true;
  if (place > 0) {
    if (received.pending[place].is_early) go_on_with_stored(received);
    return;
  }
  while (!received.pending.empty() && received.pending.front().is_done) {
    received.through = received.pending.front().number;
    received.pending.pop_front();
    if (received.stored_count > 0) --received.stored_count;
  }
  note(received);
}

// It is told only before it is done.
void Inbound::stored(Received& received, std::uint32_t round, std::uint64_t number) {
  if (received.round != round) return;
  received.pending[place_of(received, number)].is_stored = true;
  go_on_with_stored(received);
}

void Inbound::go_on_with_stored(Received& received) {
  const std::uint64_t before = received.stored;
  std::size_t& count = received.stored_count;
  for (; count < received.pending.size(); ++count) {
    const Received::Pending& next = received.pending[count];
    if (next.is_early && !next.is_stored && !next.is_done) break;
    received.stored = next.number;
  }
  if (received.stored != before) note(received);
}

void Inbound::note(Received& received) {
  if ((received.through == 0 && received.stored == 0) || std::exchange(received.is_news, true))
    return;
  news_.push_back(&received);
  router_.core().at_turn_end(tell_);
}

std::vector<Confirmation> Inbound::take_news() {
  std::vector<Confirmation> all;
  for (Received* one : std::exchange(news_, {})) {
    one->is_news = false;
    Confirmed what{one->lane, one->target, one->through, 0};
    if (one->through != 0) all.push_back({one->from, one->incarnation, what});
    if (one->stored <= one->through) continue;
    what.number = one->stored;
    what.is_stored = true;
    all.push_back({one->from, one->incarnation, what});
  }
  return all;
}

void Inbound::arrived(const Arrived& one) {
  const ShardId shard{one.to.id};
  if (!shards_.leads(shard, one.to.epoch)) {
    ++refused_;
    return;
  }
  Received& row = received(one.from, one.lane, one.to.id);
  renew(row, one.incarnation, one.to.epoch);
  if (!begin(row, one.number, one.is_early)) return;
  if (one.is_late && router_.is_stale(*one.message)) return done(row, row.round, one.number);
  if (one.message->retain()) router_.note_newest(*one.message);
  if (one.to.keeps) router_.keep_begins(one.message, one.told);
  core::Task when_stored;
  if (one.is_early) {
    when_stored = [this, row = &row, round = row.round, number = one.number] {
      stored(*row, round, number);
    };
  }
  shards_.deliver(
      shard, one.message, one.source, one.to.delivers, one.to.keeps,
      [this, row = &row, round = row.round, number = one.number] { done(*row, round, number); },
      std::move(when_stored));
}

void Inbound::arrived_volatile(PeerId from, std::uint64_t incarnation, LaneId lane,
                               std::uint64_t number, const routing::MessagePtr& message,
                               bool is_late, const std::optional<routing::Source>& source) {
  Received& row = received(from, lane, kVolatileTarget);
  renew(row, incarnation, 0);
  if (!begin(row, number, false)) return;
  if (spare_.empty()) {
    spare_.push_back(open_.size());
    open_.emplace_back();
  }
  const std::size_t tag = spare_.back();
  spare_.pop_back();
  open_[tag] = {&row, row.round, number};
  const auto published = router_.arrived(message, {this, tag}, is_late, source);
  if (published.outcome != routing::Router::Outcome::pending) {
    on_confirmed(tag);
  }
}

void Inbound::on_confirmed(std::uint64_t tag) {
  const Open open = open_[tag];
  spare_.push_back(tag);
  done(*open.received, open.round, open.number);
}

}  // namespace roost::gates
