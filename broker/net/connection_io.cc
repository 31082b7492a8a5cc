// SPDX-License-Identifier: Apache-2.0
// The bytes of a connection: socket -> filters -> on_bytes, and back at the turn's end.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "broker/base/check.h"
#include "broker/net/connection.h"

namespace roost::net {

namespace {

constexpr std::size_t kFilteredReadMax = 64 * 1024;
constexpr std::size_t kSegmentsMax = 64;                // of one gather write
constexpr std::size_t kLastWordsMax = 4 * 1024 * 1024;  // more than a kernel holds for one socket

}  // namespace

void Connection::on_ready(std::uint32_t events) {
  if (fd_ < 0) return;
  if ((events & EPOLLOUT) != 0) {
    kernel_full_ = false;
    if (!flush()) return;
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
  if (!reading_paused_) {
    read(events);
  } else if ((events & EPOLLERR) != 0 || write_broken_) {
    finish(CloseReason::peer_reset);
  } else if ((events & EPOLLHUP) != 0) {
    park();
  }
}

void Connection::on_turn_end() {
  if (fd_ < 0) return;
  if (unwatchable_) {
    finish(CloseReason::transport_error);
    return;
  }
  if (offer_pending_ && !offer_again()) return;
  if (layer_closed_ && !reading_paused_ && !closing_) {
    end_of_stream(0);
    return;
  }
  flush();
}

// --- reading ---

bool Connection::read(std::uint32_t events) {
  if (offer_pending_ && !offer_again()) return false;
  Reading reading{.budget = limits_.read_budget_bytes,
                  .until_end = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0};
  while (reading.more && reading.budget > 0 && !reading_paused_) {
    const bool alive = closing_    ? discard(reading)
                       : filtered_ ? read_filtered(reading)
                                   : read_plain(reading);
    if (!alive) return false;
  }
  return true;
}

bool Connection::read_plain(Reading& reading) {
  MutableByteView room;
  const bool in_place = remainder_.is_large();
  const std::size_t before = remainder_.size();
  if (in_place) {
    room = remainder_.room();
  } else {
    const MutableByteView scratch = core_.scratch();
    if (before > 0) std::memcpy(scratch.data(), remainder_.bytes().data(), before);
    room = scratch.subspan(before);
  }
  const std::ptrdiff_t got = receive(room, reading);
  if (got <= 0) return end_of_stream(got == 0 ? 0 : errno);
  const auto size = static_cast<std::size_t>(got);
  if (in_place) {
    remainder_.added(size);
    return remainder_.size() < remainder_.wanted() || offer(remainder_.bytes());
  }
  const ByteView bytes = core_.scratch().first(before + size);
  if (bytes.size() >= remainder_.wanted()) return offer(bytes);
  remainder_.append(bytes.subspan(before));
  return true;
}

bool Connection::read_filtered(Reading& reading) {
  const MutableByteView room = core_.scratch().first(kFilteredReadMax);
  const std::ptrdiff_t got = receive(room, reading);
  if (got <= 0) return end_of_stream(got == 0 ? 0 : errno);
  const ByteView wire = room.first(static_cast<std::size_t>(got));
  const auto [status, app] = filtered_->stack.from_wire(core_, wire, write_queue_);
  if (!write_queue_.empty()) core_.at_turn_end(*this);
  if (!app.empty() && !take_in(app)) return false;
  if (closing_ || status == FilterStatus::ok) return true;
  if (status == FilterStatus::closed) {
    layer_closed_ = reading_paused_;  // then what was decoded waits for resume_reading()
    return layer_closed_ || end_of_stream(0);
  }
  close_because(CloseReason::transport_error);
  return true;
}

// After close(): the peer may go on sending until it has read our last bytes.
bool Connection::discard(Reading& reading) {
  const std::ptrdiff_t got = receive(core_.scratch(), reading);
  return got > 0 || end_of_stream(got == 0 ? 0 : errno);
}

// Bytes that are not in front of the remainder yet.
bool Connection::take_in(ByteView bytes) {
  if (remainder_.empty()) return offer(bytes);
  remainder_.append(bytes);
  return remainder_.size() < remainder_.wanted() || offer(remainder_.bytes());
}

bool Connection::offer(ByteView bytes) {
  DCHECK(call_ == nullptr);
  Call call{.offered = bytes};
  call_ = &call;
  std::uint64_t wanted = 0;
  const std::size_t used = events_.on_bytes(bytes, wanted);
  if (call.deleted) return false;
  call_ = nullptr;
  if (fd_ < 0 || closing_) {
    remainder_.clear();
    return fd_ >= 0;
  }
  CHECK(used <= bytes.size());
  remainder_.keep(bytes.subspan(used), wanted);
  return true;
}

bool Connection::offer_again() {
  offer_pending_ = false;
  return reading_paused_ || offer(remainder_.bytes());
}

std::ptrdiff_t Connection::receive(MutableByteView room, Reading& reading) {
  room = room.first(std::min(room.size(), reading.budget));
  DCHECK(!room.empty());
  std::ptrdiff_t got = -1;
  do {
    got = ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  counters_.reads.add();
  reading.more = got > 0;
  if (got <= 0) return got;
  const auto size = static_cast<std::size_t>(got);
  counters_.bytes_in.add(size);
  reading.budget -= size;
  // A short read has emptied the socket.
  reading.more = size == room.size() || reading.until_end;
  return got;
}

// FIN (error 0), an error, or nothing to read just now.
bool Connection::end_of_stream(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return true;
  if (closing_) return finish(close_reason_);
  if (error != 0 || write_broken_) return finish(CloseReason::peer_reset);
  // Who half-closes may still listen: what waits leaves as far as the kernel takes it.
  for (std::size_t left = kLastWordsMax; left > 0 && backlog() > 0;) {
    const std::size_t now = std::min<std::size_t>(left, limits_.write_budget_bytes);
    if (filtered_) wrap_written(now);
    if (!send_queue(left)) break;
    left -= now;
  }
  return finish(CloseReason::peer_closed);
}

// --- writing ---

void Connection::write(ByteView bytes) { queue_for(bytes.size()).append(bytes); }

void Connection::write_shared(ByteView bytes, SharedPtr<const SharedBlock> owner) {
  queue_for(bytes.size()).append_shared(bytes, std::move(owner));
}

// The queue that is to take `size` bytes now.
WriteQueue& Connection::queue_for(std::size_t size) {
  if (fd_ < 0 || closing_) {
    if (!discarded_) discarded_ = std::make_unique<WriteQueue>();
    discarded_->clear();
    return *discarded_;
  }
  if (backlog() + size > limits_.write_high_bytes) congested_ = true;
  core_.at_turn_end(*this);
  return filtered_ ? filtered_->to_wrap : write_queue_;
}

// The application's bytes become the wire's.
void Connection::wrap_written(std::size_t size_max) {
  WriteQueue& to_wrap = filtered_->to_wrap;
  if (to_wrap.empty()) return;
  const FilterStatus status = filtered_->stack.to_wire(core_, to_wrap, size_max, write_queue_);
  if (status != FilterStatus::failed) return;
  to_wrap.clear();
  close_because(CloseReason::transport_error);
}

// As much as one turn may do for one connection.
void Connection::send_turn() {
  const std::size_t budget = limits_.write_budget_bytes;
  if (filtered_) {
    if (write_queue_.size() < budget) wrap_written(budget - write_queue_.size());
    if (closing_ && filtered_->to_wrap.empty() && !std::exchange(filtered_->ended, true)) {
      filtered_->stack.end(core_, write_queue_);
    }
  }
  if (!kernel_full_ && !write_queue_.empty()) kernel_full_ = !send_queue(budget);
  if (filtered_ && !filtered_->to_wrap.empty()) kernel_full_ = true;
}

bool Connection::flush() {
  send_turn();
  if (closing_ && backlog() == 0 && !fin_sent_) {
    fin_sent_ = true;
    ::shutdown(fd_, SHUT_WR);
  }
  set_interest();
  if (!congested_ || backlog() > limits_.write_low_bytes) return true;
  congested_ = false;
  if (closing_) return true;
  Call call;
  call_ = &call;
  events_.on_drained();
  if (call.deleted) return false;
  call_ = nullptr;
  return fd_ >= 0;
}

// False: there is more, but the kernel took as much as it could, or this was enough; EPOLLOUT says
// when to go on.
bool Connection::send_queue(std::size_t size_max) {
  while (!write_queue_.empty()) {
    if (size_max == 0) return false;
    std::array<iovec, kSegmentsMax> segments;
    const std::size_t count = write_queue_.gather(segments.data(), segments.size(), size_max);
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) size += segments[i].iov_len;
    msghdr message{};
    message.msg_iov = segments.data();
    message.msg_iovlen = count;
    const std::ptrdiff_t sent =
        count == 1 ? ::send(fd_, segments[0].iov_base, size, MSG_NOSIGNAL | MSG_DONTWAIT)
                   : ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    counters_.writes.add();
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (sent < 0) {
      // What the peer said before it went is still to be read. The shutdown makes sure that epoll
      // tells us, whatever the error was; the read side then ends the connection.
      write_broken_ = true;
      write_queue_.clear();
      if (filtered_) filtered_->to_wrap.clear();
      ::shutdown(fd_, SHUT_RDWR);
      return true;
    }
    counters_.bytes_out.add(static_cast<std::uint64_t>(sent));
    write_queue_.consume(static_cast<std::size_t>(sent));
    size_max -= static_cast<std::size_t>(sent);
    if (static_cast<std::size_t>(sent) < size) return false;
  }
  return true;
}

// --- readiness ---

void Connection::watch(std::uint32_t interest) {
  parked_ = !core_.watch(fd_, interest, *this);
  if (!parked_) return;
  unwatchable_ = true;  // the system's limit, not the peer's fault; but all we can do is end it
  core_.at_turn_end(*this);
}

void Connection::set_interest() {
  std::uint32_t interest = reading_paused_ ? 0 : EPOLLIN | EPOLLRDHUP;
  if (kernel_full_) interest |= EPOLLOUT;
  if (parked_ && !reading_paused_) {
    watch(interest);
  } else if (interest != interest_ && !parked_) {
    core_.rewatch(fd_, interest, *this);
  }
  interest_ = interest;
}

// The peer has hung up, but bytes that nobody may read yet wait before its FIN. Epoll would
// report the hang-up again and again.
void Connection::park() {
  core_.unwatch(fd_, *this);
  parked_ = true;
}

}  // namespace roost::net
