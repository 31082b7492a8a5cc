// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/stream.h"

#include <chrono>
#include <utility>

#include "broker/base/check.h"
#include "cluster/peer/settings.h"
#include "cluster/peer/transport.h"

namespace roost::cluster::peer {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Stream::Stream(std::shared_ptr<StreamOwner> owner, std::shared_ptr<LiveCount> live)
    : live_(std::move(live)), owner_(std::move(owner)) {}

void Stream::dial(Transport& transport, const std::string& address, const pb::Hello& hello) {
  live_->enter();
  std::lock_guard lock(mutex_);
  self_ = shared_from_this();
  wire_ = &transport.dial(address, hello.to(), *this);
  write_hello(hello);
  read_next();
}

void Stream::accept(Wire& wire) {
  live_->enter();
  std::lock_guard lock(mutex_);
  self_ = shared_from_this();
  wire_ = &wire;
  read_next();
}

void Stream::write_hello(const pb::Hello& hello) {
  CHECK(!is_writing_);
  if (is_ended_) return;
  *outgoing_.mutable_hello() = hello;
  is_writing_ = true;
  wire_->write(outgoing_);
}

void Stream::adopt(std::shared_ptr<StreamOwner> owner, const pb::Hello& answer) {
  owner_ = std::move(owner);
  std::lock_guard lock(mutex_);
  write_hello(answer);
}

void Stream::refuse(const pb::Hello& answer) {
  std::lock_guard lock(mutex_);
  is_refused_ = true;
  write_hello(answer);
}

void Stream::open(std::size_t lane, Pacer& pacer) {
  std::lock_guard lock(mutex_);
  lane_ = lane;
  pacer_ = &pacer;
  is_open_ = true;
  read_next();
}

bool Stream::send(std::string chunk) {
  {
    std::lock_guard lock(mutex_);
    if (is_ended_) return false;
    waiting_bytes_ += chunk.size();
    waiting_.push_back(std::move(chunk));
    if (pacer_ != nullptr) pacer_->note_sent();
    if (!begin_writing()) return true;
  }
  write_next();
  return true;
}

bool Stream::begin_writing() {
  if (is_ended_ || !is_open_ || is_writing_ || waiting_.empty()) return false;
  const bool is_much = waiting_bytes_ >= kMuchBytes;
  if (is_paced_ && !is_much) return false;
  if (!pacer_->may_begin(slot_, is_much)) {
    is_paced_ = true;
    pacer_->wait(weak_from_this());
    return false;
  }
  is_writing_ = true;
  sending_.swap(waiting_);
  return true;
}

void Stream::on_slot() {
  {
    std::lock_guard lock(mutex_);
    is_paced_ = false;
    if (!begin_writing()) return;
  }
  write_next();
}

void Stream::write_next() {
  outgoing_ = pb::Envelope();
  outgoing_bytes_ = 0;
  std::size_t framed = 0;
  while (!sending_.empty()) {
    std::string& chunk = sending_.front();
    framed += chunk.size() + kChunkFrameBytes;
    if (framed > kEnvelopeBytesMax && outgoing_bytes_ > 0) break;
    outgoing_bytes_ += chunk.size();
    outgoing_.add_chunks(std::move(chunk));
    sending_.pop_front();
  }
  wire_->write(outgoing_);
}

std::int64_t Stream::keep_alive(std::int64_t now_ms) {
  {
    std::lock_guard lock(mutex_);
    if (is_ended_ || !is_open_ || is_writing_) return now_ms + kKeepAliveMs;
    if (now_ms < written_ms_ + kKeepAliveMs) return written_ms_ + kKeepAliveMs;
    is_writing_ = true;
  }
  outgoing_ = pb::Envelope();
  outgoing_bytes_ = 0;
  wire_->write(outgoing_);
  return now_ms + kKeepAliveMs;
}

std::size_t Stream::waiting_bytes() const {
  std::lock_guard lock(mutex_);
  return waiting_bytes_;
}

void Stream::go_on() {
  std::lock_guard lock(mutex_);
  read_next();
}

void Stream::end() {
  std::lock_guard lock(mutex_);
  end_locked();
}

void Stream::read_next() {
  if (is_ended_ || is_reading_) return;
  is_reading_ = true;
  wire_->read(incoming_);
}

void Stream::end_locked() {
  if (!is_ended_) {
    is_ended_ = true;
    wire_->cancel();
  }
  finish_if_idle();
}

void Stream::finish_if_idle() {
  if (!is_ended_ || is_writing_ || is_finished_) return;
  is_finished_ = true;
  wire_->finish();
}

void Stream::on_read(bool is_ok) {
  pb::Envelope got;
  {
    std::lock_guard lock(mutex_);
    is_reading_ = false;
    if (!is_ok) return end_locked();
    if (is_ended_) return;
    got.Swap(&incoming_);
  }
  if (std::exchange(is_greeted_, true)) return owner_->on_envelope(shared_from_this(), got);
  if (!got.has_hello()) return end();
  // Kept, as it may give the stream to another.
  const std::shared_ptr<StreamOwner> owner = owner_;
  owner->on_hello(shared_from_this(), got.hello());
}

void Stream::on_written(bool is_ok) {
  const std::size_t chunks = static_cast<std::size_t>(outgoing_.chunks_size());
  const bool is_hello = outgoing_.has_hello();
  const std::int64_t now = now_ms();
  {
    std::lock_guard lock(mutex_);
    waiting_bytes_ -= is_hello ? 0 : outgoing_bytes_;
    written_ms_ = now;
    if (is_ok && is_refused_) is_ended_ = true;  // not cancelled: the answer shall arrive
    if (!is_ok || is_ended_) {
      is_writing_ = false;
      return end_locked();
    }
    if (is_hello && !is_open_) {
      outgoing_ = pb::Envelope();
      is_writing_ = false;
      return;
    }
  }
  if (!is_hello && chunks > 0) owner_->on_sent(chunks, outgoing_bytes_, lane_);
  if (sending_.empty()) {
    std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (!begin_writing()) return finish_if_idle();
  }
  write_next();
}

void Stream::on_gone(const std::string& why) {
  const std::shared_ptr<LiveCount> live = live_;
  std::shared_ptr<Stream> self;
  {
    std::lock_guard lock(mutex_);
    is_ended_ = true;
    self = std::move(self_);
  }
  owner_->on_end(*this, why);
  owner_.reset();
  self.reset();
  live->leave();
}

}  // namespace roost::cluster::peer
