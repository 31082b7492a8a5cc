// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/peer_link.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cluster/peer/hello.h"
#include "cluster/peer/settings.h"

namespace roost::cluster::peer {
namespace {

constexpr unsigned kAllGreeted = (1u << kLanes) - 1;
constexpr std::size_t kReplication = static_cast<std::size_t>(Lane::replication);
// What another node says that a session must be higher than is believed up to here.
constexpr std::uint64_t kSessionMax = std::uint64_t{1} << 62;

// So that a process that starts again is above its last one's; where the clock went back the other
// side says what to be above of.
std::uint64_t first_session() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

PeerLink::PeerLink(const LinkContext& context, const PeerAddress& peer,
                   std::shared_ptr<EventQueue> queue)
    : context_(context),
      id_(peer.id),
      name_(peer.name),
      is_dialler_(dials(context.self.name, peer.name)),
      queue_(std::move(queue)),
      address_(peer.address),
      session_(queue_->last_session()),
      backoff_ms_(kRedialFirstMs),
      random_(std::random_device{}()) {}

std::int64_t PeerLink::tick(std::int64_t now_ms) {
  std::int64_t due = kNever;
  {
    std::lock_guard lock(mutex_);
    if (is_closed_) return kNever;
    due = state_ == State::up ? tick_up(now_ms) : tick_down(now_ms);
  }
  queue_->deliver();
  return due;
}

std::int64_t PeerLink::tick_up(std::int64_t now) {
  const std::int64_t write_at = streams_[kReplication]->keep_alive(now);
  // Signs of life may be among what we don't read.
  if (is_paused_[kReplication]) heard_ms_ = now;
  if (now >= heard_ms_ + kLostMs) {
    end_session("nothing was heard for " + std::to_string(now - heard_ms_) + " ms");
    return now;
  }
  const bool is_silent = now >= heard_ms_ + kSilentMs;
  if (is_silent) see(PeerView::Seen::silent);
  return std::min(write_at, heard_ms_ + (is_silent ? kLostMs : kSilentMs));
}

std::int64_t PeerLink::tick_down(std::int64_t now) {
  if (state_ == State::joining && now >= begun_ms_ + kHelloMs) {
    end_session("no hello came within " + std::to_string(kHelloMs) + " ms");
  }
  if (!is_probing_ && now >= probe_at_ms_) probe(now);
  if (is_dialler_ && state_ == State::down && now >= dial_at_ms_) dial(now);
  std::int64_t due = is_probing_ ? kNever : probe_at_ms_;
  if (state_ == State::joining) return std::min(due, begun_ms_ + kHelloMs);
  return is_dialler_ ? std::min(due, dial_at_ms_) : due;
}

void PeerLink::probe(std::int64_t now) {
  is_probing_ = true;
  probe_at_ms_ = now + kProbeMs;
  context_.prober.ask(address_, [weak = weak_from_this()](Prober::Found found) {
    if (const auto link = weak.lock()) link->on_probed(found);
  });
}

void PeerLink::on_probed(Prober::Found found) {
  {
    std::lock_guard lock(mutex_);
    is_probing_ = false;
    if (is_closed_ || state_ == State::up) return;
    if (found == Prober::Found::listening && seen_ == PeerView::Seen::refused) {
      dial_at_ms_ = 0;  // it is back
      backoff_ms_ = kRedialFirstMs;
    }
    see(found == Prober::Found::refused ? PeerView::Seen::refused : PeerView::Seen::silent);
    context_.wake();
  }
  queue_->deliver();
}

void PeerLink::move_to(const std::string& address) {
  std::lock_guard lock(mutex_);
  if (is_closed_ || address_ == address) return;
  address_ = address;
  // Who doesn't dial keeps what stands: if the peer has gone it breaks by itself.
  if (is_dialler_ && state_ != State::down) end_session("its address is now " + address);
  dial_at_ms_ = 0;
  probe_at_ms_ = 0;
  backoff_ms_ = kRedialFirstMs;
  context_.wake();
}

void PeerLink::begin(std::uint64_t session, std::int64_t now) {
  session_ = session;
  state_ = State::joining;
  begun_ms_ = now;
  greeted_ = 0;
  is_paused_ = {};
}

void PeerLink::dial(std::int64_t now) {
  begin(std::max(session_ + 1, first_session()), now);
  for (std::size_t i = 0; i < kLanes; ++i) {
    streams_[i] = std::make_shared<Stream>(shared_from_this(), context_.live);
    streams_[i]->dial(context_.transport, address_,
                      make_hello(context_.self, name_, static_cast<Lane>(i), session_));
  }
}

void PeerLink::accept(const std::shared_ptr<Stream>& stream, const pb::Hello& hello) {
  pb::Hello answer =
      make_hello(context_.self, name_, static_cast<Lane>(hello.lane()), hello.session());
  {
    std::lock_guard lock(mutex_);
    if (!is_closed_ && hello.session() > session_ && !is_dialler_) {
      if (state_ != State::down) end_session("it began another one");
      begin(hello.session(), now_ms());
      identity_ = identity_of(hello);
    }
    const bool is_known = !is_closed_ && !is_dialler_;
    if (is_known && state_ == State::joining && hello.session() == session_ &&
        hello.from().incarnation() == identity_.incarnation && !streams_[hello.lane()]) {
      streams_[hello.lane()] = stream;
      stream->adopt(shared_from_this(), answer);
      greeted(hello.lane(), hello);
      context_.wake();
    } else {
      answer.set_refusal(is_known ? pb::OLD_SESSION : pb::UNKNOWN_NAME);
      answer.set_last_session(session_);
      stream->refuse(answer);
    }
  }
  queue_->deliver();
}

void PeerLink::on_hello(const std::shared_ptr<Stream>& stream, const pb::Hello& hello) {
  {
    std::lock_guard lock(mutex_);
    const auto lane = lane_of(*stream);
    if (!lane) return;
    std::string why;
    if (hello.refusal() == pb::MISMATCH) {
      why = shown(hello.why(), kWhyBytesMax);
    } else {
      why = mismatch(context_.self, hello);
    }
    if (why.empty() && hello.from().name() != name_) {
      why = "node '" + shown(hello.from().name()) + "' answers at the address of node '" + name_ +
            "', " + address_;
    }
    if (!why.empty()) {
      note_refusal(why);
      end_session(why);
      dial_at_ms_ = now_ms() + kRefusedMs;
    } else if (hello.refusal() == pb::OLD_SESSION) {
      session_ = std::max(session_, std::min(hello.last_session(), kSessionMax));
      end_session("it knows a later one");
    } else if (hello.refusal() != pb::NONE) {
      end_session("it doesn't know this node yet");
    } else {
      greeted(*lane, hello);
    }
  }
  queue_->deliver();
}

void PeerLink::greeted(std::size_t lane, const pb::Hello& hello) {
  identity_ = identity_of(hello);
  greeted_ |= 1u << lane;
  if (greeted_ == kAllGreeted) come_up();
}

void PeerLink::come_up() {
  state_ = State::up;
  begun_ms_ = heard_ms_ = now_ms();
  context_.counts.sessions.add();
  if (std::exchange(was_up_, true)) context_.counts.reconnects.add();
  said_.clear();
  log(LogLevel::info,
      "peer " + name_ + " at " + address_ + ": linked (version " + shown(identity_.version) + ")");
  queue_->put_up(session_, identity_);
  see(PeerView::Seen::connected);
  for (std::size_t i = 0; i < kLanes; ++i) streams_[i]->open(i, context_.pacer);
  context_.wake();
}

void PeerLink::end_session(const std::string& why) {
  const bool was_up = state_ == State::up;
  const std::int64_t now = now_ms();
  state_ = State::down;
  for (auto& stream : streams_) {
    if (stream) stream->end();
    stream.reset();
  }
  if (was_up) {
    log(LogLevel::info, "peer " + name_ + " at " + address_ + ": link lost: " + why);
    if (now - begun_ms_ > kRedialMs) backoff_ms_ = kRedialFirstMs;
    queue_->put_down(session_);
    see(PeerView::Seen::silent);
    probe_at_ms_ = now;
  } else if (is_dialler_ && said_ != why) {
    said_ = why;
    log(LogLevel::info, "peer " + name_ + " at " + address_ + ": no link: " + why);
  }
  dial_at_ms_ =
      now + std::uniform_int_distribution<std::int64_t>(backoff_ms_ / 2, backoff_ms_)(random_);
  backoff_ms_ = std::min(backoff_ms_ * 2, kRedialMs);
  context_.wake();
}

void PeerLink::see(PeerView::Seen seen) {
  if (seen_ == seen) return;
  seen_ = seen;
  queue_->put_seen(seen);
}

void PeerLink::refused(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (!is_closed_) note_refusal(why);
}

void PeerLink::note_refusal(const std::string& why) {
  context_.counts.refused_hellos.add();
  if (said_ == why) return;
  said_ = why;
  log(LogLevel::error, "peer " + name_ + " at " + address_ + ": refused: " + why);
}

bool PeerLink::send(std::uint64_t session, Lane lane, std::string chunk) {
  std::shared_ptr<Stream> stream;
  {
    std::lock_guard lock(mutex_);
    if (state_ != State::up || session != session_) return false;
    stream = streams_[static_cast<std::size_t>(lane)];
  }
  return stream->send(std::move(chunk));
}

std::size_t PeerLink::waiting_bytes(Lane lane) const {
  std::lock_guard lock(mutex_);
  const auto& stream = streams_[static_cast<std::size_t>(lane)];
  return stream ? stream->waiting_bytes() : 0;
}

void PeerLink::close(bool is_told) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(is_closed_, true)) return;
    if (state_ == State::up && is_told) queue_->put_down(session_);
    state_ = State::down;
    for (auto& stream : streams_) {
      if (stream) stream->end();
      stream.reset();
    }
  }
  if (!is_told) queue_->stop();
}

void PeerLink::on_envelope(const std::shared_ptr<Stream>& stream, pb::Envelope& envelope) {
  {
    std::lock_guard lock(mutex_);
    const auto lane = lane_of(*stream);
    if (!lane || state_ != State::up) return;
    heard_ms_ = now_ms();
    see(PeerView::Seen::connected);
    std::size_t bytes = 0;
    Chunks chunks;
    for (std::string& chunk : *envelope.mutable_chunks()) {
      bytes += chunk.size();
      chunks.push_back(hold(std::move(chunk), *lane));
    }
    if (!chunks.empty()) {
      queue_->put_chunks(session_, static_cast<Lane>(*lane), std::move(chunks));
    }
    Counts::OfLane& counts = context_.counts.lanes[*lane];
    counts.envelopes_in.add();
    counts.chunks_in.add(static_cast<std::uint64_t>(envelope.chunks_size()));
    counts.bytes_in.add(bytes);
    if (held_bytes_[*lane] > kHeldBytesMax) {
      is_paused_[*lane] = true;
      context_.counts.pauses.add();
    } else {
      stream->go_on();
    }
  }
  queue_->deliver();
}

Chunk PeerLink::hold(std::string bytes, std::size_t lane) {
  const std::size_t size = bytes.size();
  held_bytes_[lane] += size;
  return {std::move(bytes),
          std::shared_ptr<const void>(this, [link = shared_from_this(), lane, size](const void*) {
            link->let_go(lane, size);
          })};
}

void PeerLink::let_go(std::size_t lane, std::size_t bytes) {
  const std::size_t before = held_bytes_[lane].fetch_sub(bytes);
  if (before <= kHeldBytesMax || before - bytes > kHeldBytesMax) return;
  std::lock_guard lock(mutex_);
  if (!std::exchange(is_paused_[lane], false)) return;
  if (streams_[lane]) streams_[lane]->go_on();
}

void PeerLink::on_sent(std::size_t chunks, std::size_t bytes, std::size_t lane) {
  Counts::OfLane& counts = context_.counts.lanes[lane];
  counts.envelopes_out.add();
  counts.chunks_out.add(chunks);
  counts.bytes_out.add(bytes);
}

void PeerLink::on_end(const Stream& stream, const std::string& why) {
  {
    std::lock_guard lock(mutex_);
    if (!lane_of(stream)) return;
    end_session(why.empty() ? "it was closed" : why);
  }
  queue_->deliver();
}

std::optional<std::size_t> PeerLink::lane_of(const Stream& stream) const {
  for (std::size_t i = 0; i < kLanes; ++i) {
    if (streams_[i].get() == &stream) return i;
  }
  return std::nullopt;
}

void PeerLink::log(LogLevel level, const std::string& line) {
  if (context_.log.enabled(level)) context_.log.write(level, line);
}

}  // namespace roost::cluster::peer
