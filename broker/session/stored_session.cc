// SPDX-License-Identifier: Apache-2.0
#include "broker/session/stored_session.h"

#include <algorithm>

#include "broker/base/check.h"
#include "broker/session/outgoing.h"

namespace roost::session {

StoredSession::StoredSession(std::string_view id, std::uint64_t its_number)
    : number(its_number), client_id_(decltype(client_id_)::make(id)) {}

StoredSession::~StoredSession() { client_id_.release(); }

StoredSession::Rare& StoredSession::make_rare() {
  if (rare == nullptr) rare = std::make_unique<Rare>();
  return *rare;
}

void StoredSession::shrink_rare() {
  if (rare == nullptr) return;
  const bool is_empty = rare->finished.empty() && rare->received.empty() &&
                        rare->awaiting_release.empty() && rare->will == nullptr &&
                        rare->gathers_open == 0 && rare->live_topics.empty() &&
                        rare->newest.empty();
  if (is_empty) rare.reset();
}

bool StoredSession::was_received(std::uint64_t sequence) const {
  return rare != nullptr &&
         std::find(rare->received.begin(), rare->received.end(), sequence) != rare->received.end();
}

bool StoredSession::awaits_release(mqtt::PacketId id) const {
  return rare != nullptr &&
         std::binary_search(rare->awaiting_release.begin(), rare->awaiting_release.end(), id);
}

// Attached: the client holds at most receive_maximum; acks that aren't committed yet let the
// Session run ahead by as much again.
std::uint64_t StoredSession::flight_end() const {
  if (!attached) return std::min(sent_before, next_sequence);
  std::uint64_t end = oldest + std::uint64_t{2} * receive_maximum;
  if (rare != nullptr) end = rare->finished.skip(oldest, end);
  end = std::min(end, oldest + Outgoing::kIds);
  return std::min(std::max(end, sent_before), next_sequence);
}

StoredSession::Fresh* StoredSession::find_fresh(std::uint64_t sequence) {
  if (fresh.empty() || sequence < fresh.front().sequence) return nullptr;
  // Nearly always without gaps: sequences of one session are given one by one.
  const std::uint64_t offset = sequence - fresh.front().sequence;
  if (offset < fresh.size() && fresh[offset].sequence == sequence) return &fresh[offset];
  std::size_t begin = 0, end = fresh.size();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (fresh[middle].sequence < sequence) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin < fresh.size() && fresh[begin].sequence == sequence ? &fresh[begin] : nullptr;
}

void StoredSession::finish(std::uint64_t sequence) {
  DCHECK(is_unfinished(sequence));
  DCHECK(queued > 0);
  --queued;
  if (sequence != oldest) {
    make_rare().finished.add(sequence);
  } else {
    ++oldest;
    if (rare != nullptr) oldest = rare->finished.pass(oldest);
  }
  if (rare != nullptr && !rare->received.empty()) std::erase(rare->received, sequence);
}

StoredHeader StoredSession::header() const {
  StoredHeader header;
  header.number = number;
  header.generation = generation;
  header.durable = durable;
  header.attached = attached;
  header.expiry_s = expiry_s;
  header.expires_at_ms = expires_at_ms;
  header.next_sequence = next_sequence;
  header.oldest_unfinished = oldest;
  header.sent_before = sent_before;
  header.receive_maximum = receive_maximum;
  header.queued = queued;
  header.queued_bytes = queued_bytes;
  if (rare != nullptr) {
    header.finished = rare->finished.bounds();
    header.received = rare->received;
    header.awaiting_release = rare->awaiting_release;
    header.newest.assign(rare->newest.begin(), rare->newest.end());
  }
  return header;
}

}  // namespace roost::session
