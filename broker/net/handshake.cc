// SPDX-License-Identifier: Apache-2.0
#include "broker/net/handshake.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "broker/net/client_hello.h"

namespace roost::net {

namespace {

constexpr std::size_t kReadMax = 64 * 1024;
constexpr std::size_t kUnreadMax = 64 * 1024;  // more than this waits in the kernel
constexpr std::size_t kSegmentsMax = 16;
constexpr std::int64_t kRefusalLingerMs = 1000;  // for the peer to read an alert or an HTTP error

}  // namespace

Handshake::Handshake(core::Core& core, DetachedConnection from, HandshakePace* pace,
                     std::uint32_t timeout_ms, HandshakeOwner& owner, NetCounters& counters)
    : core_(core),
      owner_(owner),
      counters_(counters),
      connection_(std::move(from)),
      stack_(std::move(connection_.filters)),
      pace_(pace),
      timeout_ms_(timeout_ms) {
  watching_ = core_.watch(connection_.fd, EPOLLIN, *this);
  core_.timers().arm(*this, core_.now_ms() + (watching_ ? timeout_ms : 0));
}

Handshake::~Handshake() {
  leave_pace();
  if (connection_.fd < 0) return;
  if (watching_) core_.unwatch(connection_.fd, *this);
  counters_.connections_closed.add();
}

void Handshake::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) send();
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read();
}

void Handshake::on_timer() {
  if (is_listed()) return core_.timers().arm(*this, core_.now_ms() + timeout_ms_);  // our fault
  if (!watching_) why_ = "the kernel's fs.epoll.max_user_watches is reached";
  if (watching_ && !refused_) why_ = "the handshake took too long";
  end();
}

void Handshake::read() {
  const MutableByteView room = core_.scratch().first(kReadMax);
  const std::ptrdiff_t got = ::recv(connection_.fd, room.data(), room.size(), MSG_DONTWAIT);
  counters_.reads.add();
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (got < 0) return end();
  if (got == 0) return found_end();
  counters_.bytes_in.add(static_cast<std::uint64_t>(got));
  if (refused_) return;
  const ByteView bytes = room.first(static_cast<std::size_t>(got));
  pace_ != nullptr ? keep(bytes) : step(bytes);
}

// Read at once though their turn comes later, so that the socket isn't ready again all the while.
void Handshake::keep(ByteView bytes) {
  unread_.insert(unread_.end(), bytes.begin(), bytes.end());
  if (unread_.size() >= kUnreadMax) watch_for(false, kernel_full_);
  if (!is_listed()) core_.in_background(*this, answered_ || offers_ticket(unread_));
}

// Who goes before the first answer needs none. Later the peer's last words may be there still.
void Handshake::found_end() {
  if (unread_.empty() || !answered_) return end();
  watch_for(false, kernel_full_);
}

void Handshake::on_background() {
  if (begun_ms_ < 0) {
    if (!pace_->may_begin(*this, offers_ticket(unread_))) return;
    begun_ms_ = core_.now_ms();
    // From now on, and once: who sends a byte at a time gains none by it.
    core_.timers().arm(*this, core_.now_ms() + timeout_ms_);
  }
  watch_for(true, kernel_full_);
  step(std::exchange(unread_, {}));
}

// This object may be gone after it.
void Handshake::step(ByteView bytes) {
  const auto [status, app] = stack_.from_wire(core_, bytes, connection_.to_write);
  layers_done_ = stack_.layers_done();
  if (status == FilterStatus::ok && stack_.handshake_done()) return succeed(app);
  if (status != FilterStatus::ok) refuse(stack_.last_error());
  answered_ = answered_ || !connection_.to_write.empty();
  send();
}

void Handshake::send() {
  WriteQueue& queue = connection_.to_write;
  bool full = false;
  while (!queue.empty() && !full) {
    std::array<iovec, kSegmentsMax> segments;
    msghdr message{};
    message.msg_iov = segments.data();
    message.msg_iovlen = queue.gather(segments.data(), segments.size());
    const std::ptrdiff_t sent = ::sendmsg(connection_.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    counters_.writes.add();
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      queue.clear();  // the read side learns of it
      break;
    }
    full = sent < 0 && errno != EINTR;
    if (sent <= 0) continue;
    counters_.bytes_out.add(static_cast<std::uint64_t>(sent));
    queue.consume(static_cast<std::size_t>(sent));
  }
  watch_for(reading_, full);
  if (refused_ && queue.empty()) ::shutdown(connection_.fd, SHUT_WR);
}

void Handshake::watch_for(bool reading, bool writing) {
  if (reading == reading_ && writing == kernel_full_) return;
  reading_ = reading;
  kernel_full_ = writing;
  const std::uint32_t events = (reading ? EPOLLIN : 0U) | (writing ? EPOLLOUT : 0U);
  core_.rewatch(connection_.fd, events, *this);
}

// What still is in to_write the connection sends at the turn's end.
void Handshake::succeed(ByteView app) {
  connection_.unread.assign(app.begin(), app.end());
  stack_.describe(connection_.peer);
  connection_.filters = stack_.release();
  core_.timers().cancel(*this);
  if (watching_) core_.unwatch(connection_.fd, *this);
  owner_.on_handshake_done(*this, std::move(connection_));
}

void Handshake::refuse(std::string why) {
  refused_ = true;
  why_ = std::move(why);
  core_.timers().arm(*this, core_.now_ms() + kRefusalLingerMs);
}

void Handshake::leave_pace() {
  if (begun_ms_ >= 0) pace_->ended(std::exchange(begun_ms_, -1));
}

void Handshake::end() {
  core_.timers().cancel(*this);
  if (watching_) core_.unwatch(connection_.fd, *this);
  ::close(std::exchange(connection_.fd, -1));
  counters_.connections_closed.add();
  owner_.on_handshake_failed(*this, why_);
}

}  // namespace roost::net
