// SPDX-License-Identifier: Apache-2.0
// Life of a connection: construction, moving, closing. Its bytes: connection_io.cc.
#include "broker/net/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "broker/base/check.h"

namespace roost::net {

// 15 000 idle connections in 2 kB each leave room for little of ours.
static_assert(sizeof(Connection) <= 384);

DetachedConnection::DetachedConnection(DetachedConnection&& other) noexcept
    : fd(std::exchange(other.fd, -1)),
      filters(std::move(other.filters)),
      unread(std::move(other.unread)),
      to_write(std::move(other.to_write)),
      peer(std::move(other.peer)),
      place(std::move(other.place)),
      limits(other.limits) {}

DetachedConnection& DetachedConnection::operator=(DetachedConnection&& other) noexcept {
  std::swap(fd, other.fd);
  filters = std::move(other.filters);
  unread = std::move(other.unread);
  to_write = std::move(other.to_write);
  peer = std::move(other.peer);
  place = std::move(other.place);
  limits = other.limits;
  return *this;
}

DetachedConnection::~DetachedConnection() {
  if (fd >= 0) ::close(fd);
}

Connection::Connection(core::Core& core, DetachedConnection from, ConnectionEvents& events,
                       NetCounters& counters)
    : core_(core),
      events_(events),
      counters_(counters),
      fd_(std::exchange(from.fd, -1)),
      limits_(from.limits),
      peer_(std::move(from.peer)),
      place_(std::move(from.place)),
      write_queue_(std::move(from.to_write)) {
  CHECK(fd_ >= 0);
  if (!from.filters.empty()) {
    filtered_ = std::make_unique<Filtered>();
    filtered_->stack = FilterStack(std::move(from.filters));
  }
  interest_ = EPOLLIN | EPOLLRDHUP;
  watch(interest_);
  if (!from.unread.empty()) {
    remainder_.keep(from.unread, 0);
    offer_pending_ = true;
  }
  congested_ = backlog() > limits_.write_high_bytes;
  if (offer_pending_ || !write_queue_.empty()) core_.at_turn_end(*this);
}

Connection::~Connection() {
  if (call_ != nullptr) call_->deleted = true;
  release_socket();
}

SharedPtr<const SharedBlock> Connection::share_offered() {
  const bool in_place = call_ != nullptr && call_->offered.data() == remainder_.bytes().data();
  return in_place ? remainder_.share() : SharedPtr<const SharedBlock>();
}

void Connection::pause_reading() {
  if (fd_ < 0 || reading_paused_ || closing_) return;
  reading_paused_ = true;
  counters_.reads_paused.add();
  set_interest();
}

void Connection::resume_reading() {
  if (fd_ < 0 || !reading_paused_) return;
  reading_paused_ = false;
  set_interest();
  offer_pending_ = !remainder_.empty();
  if (offer_pending_ || layer_closed_) core_.at_turn_end(*this);
}

void Connection::close_because(CloseReason reason) {
  if (fd_ < 0 || closing_) return;
  closing_ = true;
  close_reason_ = reason;
  reading_paused_ = false;
  offer_pending_ = false;
  if (call_ == nullptr) remainder_.clear();  // else what is offered may be in it
  set_interest();
  core_.timers().arm(*this, core_.now_ms() + limits_.linger_ms);
  core_.at_turn_end(*this);
}

void Connection::abort() {
  if (fd_ < 0) return;
  // Closing a TCP socket with unread bytes would send RST, which takes our last bytes with it.
  constexpr std::size_t kDiscardMax = 1024 * 1024;
  static_cast<void>(::recv(fd_, nullptr, kDiscardMax, MSG_TRUNC | MSG_DONTWAIT));
  release_socket();
}

bool Connection::peer_has_closed() const {
  pollfd one{fd_, POLLRDHUP, 0};
  return ::poll(&one, 1, 0) > 0 && (one.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

DetachedConnection Connection::detach(std::size_t consumed) {
  CHECK(fd_ >= 0 && !closing_);
  DetachedConnection to;
  const ByteView unread = call_ != nullptr ? call_->offered : remainder_.bytes();
  CHECK(consumed <= unread.size());
  to.unread.assign(unread.begin() + static_cast<std::ptrdiff_t>(consumed), unread.end());
  if (filtered_) {
    wrap_written(filtered_->to_wrap.size());
    to.filters = filtered_->stack.release();
  }
  if (!parked_) core_.unwatch(fd_, *this);
  to.fd = std::exchange(fd_, -1);
  to.to_write = std::move(write_queue_);
  to.peer = std::move(peer_);
  to.place = std::move(place_);
  to.limits = limits_;
  core_.timers().cancel(*this);
  return to;
}

// The linger time is over.
void Connection::on_timer() { finish(fin_sent_ ? close_reason_ : CloseReason::timeout); }

// Always false. Nothing of this object may be touched after it.
bool Connection::finish(CloseReason reason) {
  release_socket();
  remainder_.clear();
  events_.on_closed(reason);
  return false;
}

void Connection::release_socket() {
  if (fd_ < 0) return;
  if (!parked_) core_.unwatch(fd_, *this);
  ::close(std::exchange(fd_, -1));
  counters_.connections_closed.add();
  core_.timers().cancel(*this);
  write_queue_.clear();
  if (filtered_) filtered_->to_wrap.clear();
}

}  // namespace roost::net
