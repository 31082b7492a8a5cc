// SPDX-License-Identifier: Apache-2.0
#include "broker/session/outgoing.h"

#include <utility>

#include "broker/base/check.h"

namespace roost::session {

// The first in the window is unfinished, or has just left.
bool Outgoing::has_id() const {
  if (window_ == 0) return true;
  const Entry& next = entries_[window_ == entries_.size() ? 0 : window_];
  const std::uint64_t sequence =
      window_ < entries_.size() && next.sequence != kUnnumbered ? next.sequence : next_sequence_;
  return sequence - entries_[0].sequence < kIds;
}

std::size_t Outgoing::enter() {
  DCHECK(waiting() > 0 && has_id());
  Entry& entry = entries_[window_];
  if (entry.sequence == kUnnumbered) entry.sequence = next_sequence_;
  DCHECK(entry.sequence >= next_sequence_);
  next_sequence_ = entry.sequence + 1;
  entry.state = State::publish_sent;
  ++unfinished_;
  return window_++;
}

// In the middle of the row it stays as a finished one until the older ones have left.
QueueEntry Outgoing::skip() {
  DCHECK(waiting() > 0);
  Entry& entry = entries_[window_];
  QueueEntry queued = std::move(entry.queued);
  if (window_ == 0) {
    entries_.pop_front();
    return queued;
  }
  if (entry.sequence == kUnnumbered) entry.sequence = next_sequence_;
  entry.queued = {};
  entry.state = State::finished;
  ++window_;
  return queued;
}

std::size_t Outgoing::lower_bound(std::uint64_t sequence, std::size_t begin,
                                  std::size_t end) const {
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (entries_[middle].sequence < sequence) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

Outgoing::Entry* Outgoing::find(mqtt::PacketId id) {
  if (window_ == 0) return nullptr;
  const std::uint64_t first = entries_[0].sequence;
  const std::uint64_t offset = (id + kIds - id_of(first)) % kIds;
  const std::uint64_t sequence = first + offset;
  // Mostly there are no gaps.
  std::size_t at = offset < window_ && entries_[offset].sequence == sequence
                       ? static_cast<std::size_t>(offset)
                       : lower_bound(sequence, 0, window_);
  for (; at < window_ && entries_[at].sequence == sequence; ++at) {
    if (entries_[at].state != State::finished) return &entries_[at];
  }
  return nullptr;
}

Outgoing::Entry* Outgoing::find_waiting(std::uint64_t sequence) {
  const std::size_t at = lower_bound(sequence, window_, entries_.size());
  return at < entries_.size() && entries_[at].sequence == sequence ? &entries_[at] : nullptr;
}

std::uint32_t Outgoing::finish(Entry& entry) {
  DCHECK(unfinished_ > 0);
  --unfinished_;
  entry.state = State::finished;
  entry.queued = {};
  return pop_finished();
}

std::uint32_t Outgoing::pop_finished() {
  std::uint32_t left = 0;
  while (window_ > 0 && entries_.front().state == State::finished) {
    entries_.pop_front();
    --window_;
    ++left;
  }
  return left;
}

}  // namespace roost::session
