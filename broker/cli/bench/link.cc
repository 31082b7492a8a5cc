// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/link.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"

namespace roost::cli::bench {

using mqtt::PropertyId;

Result<Target> resolve(const Options& options, std::uint16_t port) {
  Target target;
  if (!options.unix_path.empty()) {
    auto& address = reinterpret_cast<sockaddr_un&>(target.address);
    if (options.unix_path.size() >= sizeof address.sun_path) {
      return error(ErrorKind::invalid_argument, "the Unix socket's path is too long");
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, options.unix_path.c_str(), options.unix_path.size() + 1);
    target.size = sizeof address;
    return target;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port != 0 ? port : options.port);
  const int code = getaddrinfo(options.host.c_str(), service.c_str(), &hints, &found);
  if (code != 0) {
    return error(ErrorKind::not_found, options.host + ": " + gai_strerror(code));
  }
  std::memcpy(&target.address, found->ai_addr, found->ai_addrlen);
  target.size = found->ai_addrlen;
  freeaddrinfo(found);
  return target;
}

Link::Link(Loop& loop, const LinkSettings& settings, std::string client_id)
    : loop_(loop), settings_(settings), client_id_(std::move(client_id)) {}

Link::~Link() { drop(); }

void Link::open_at(const Target& target, bool clean, std::uint32_t source) {
  clean_ = clean;
  const auto& address = target.address;
  fd_ = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return lose(std::strerror(errno));
  const int on = 1;
  if (address.ss_family != AF_UNIX) setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source != 0 && address.ss_family == AF_INET) {
    setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + source);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) {
      return lose(std::strerror(errno));
    }
  }
  state_ = LinkState::connecting;
  const int result = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), target.size);
  if (result != 0 && errno != EINPROGRESS) return lose(std::strerror(errno));
  loop_.add(fd_, *this, true);
  waits_to_write_ = true;
}

void Link::close() {
  if (state_ == LinkState::ready) {
    send(mqtt::Disconnect{});
    flush();
  }
  drop();
}

void Link::drop() {
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  state_ = LinkState::closed;
  waits_to_write_ = false;
  out_.clear();
  out_sent_ = 0;
  partial_.clear();
}

void Link::lose(std::string_view why) {
  drop();
  on_lost(why);
}

void Link::on_events(std::uint32_t events) {
  if (state_ == LinkState::closed) return;
  if (state_ == LinkState::connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) return lose(std::strerror(failure));
    return on_connected();
  }
  if ((events & EPOLLOUT) != 0) flush();
  if (state_ != LinkState::closed && (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read();
}

void Link::on_connected() {
  state_ = LinkState::handshaking;
  if (settings_.tls != nullptr) {
    tls_ = std::make_unique<Secure>(*settings_.tls, fd_, session_.get());
    session_.reset();
  }
  mqtt::Connect connect;
  connect.version = settings_.version;
  connect.clean_start = clean_;
  connect.keep_alive_s = settings_.keep_alive_s;
  connect.client_id = client_id_;
  if (!settings_.user_name.empty()) connect.user_name = settings_.user_name;
  if (!settings_.password.empty()) connect.password = as_bytes(settings_.password);
  if (!clean_ && settings_.version == mqtt::ProtocolVersion::v5) {
    connect.properties.session_expiry_interval_s = mqtt::kNeverExpires;
    connect.properties.mark(PropertyId::session_expiry_interval);
  }
  send(connect);
  flush();
}

// What OpenSSL holds makes no socket ready.
void Link::read() {
  while (read_once() && tls_ != nullptr) {
  }
}

// False: nothing came.
bool Link::read_once() {
  const auto scratch = loop_.scratch();
  std::size_t have = partial_.size();
  if (have * 2 > scratch.size()) {
    lose("a packet larger than the generator's buffer");
    return false;
  }
  std::memcpy(scratch.data(), partial_.data(), have);
  const ssize_t got = receive(scratch.subspan(have));
  if (tls_ != nullptr && out_sent_ < out_.size()) mark_dirty();  // it may be able to write now
  if (got <= 0) {
    const bool passes = got < 0 && (errno == EAGAIN || errno == EINTR);
    if (!passes) lose(got == 0 ? "the broker closed the connection" : std::strerror(errno));
    return false;
  }
  have += static_cast<std::size_t>(got);
  parse(scratch.first(have));
  return true;
}

ssize_t Link::receive(std::span<std::uint8_t> room) {
  if (tls_ != nullptr) return tls_->receive(room);
  return ::recv(fd_, room.data(), room.size(), 0);
}

ssize_t Link::send_some() {
  const auto bytes = std::span<const std::uint8_t>(out_).subspan(out_sent_);
  if (tls_ != nullptr) return tls_->send(bytes);
  return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void Link::parse(std::span<const std::uint8_t> bytes) {
  while (state_ != LinkState::closed) {
    const auto result = mqtt::next_frame(bytes, mqtt::kPacketSizeMax);
    if (result.status == mqtt::FrameStatus::incomplete) break;
    if (result.status != mqtt::FrameStatus::complete) return lose("malformed frame");
    if (state_ == LinkState::ready) {
      on_frame(result.frame);
    } else {
      handle_connack(result.frame);
    }
    bytes = bytes.subspan(result.frame.size());
  }
  if (state_ != LinkState::closed) partial_.assign(bytes.begin(), bytes.end());
}

void Link::handle_connack(const mqtt::Frame& frame) {
  const auto packet = mqtt::decode(frame, settings_.version, {}, mqtt::Sender::server);
  if (!packet) return lose(packet.error().what);
  const auto* connack = std::get_if<mqtt::Connack>(&*packet);
  if (connack == nullptr) return lose("something else than CONNACK");
  if (mqtt::is_error(connack->reason)) return lose(mqtt::name(connack->reason));
  state_ = LinkState::ready;
  on_ready(*connack);
}

void Link::mark_dirty() {
  if (dirty_) return;
  dirty_ = true;
  loop_.mark_dirty(*this);
}

std::uint8_t* Link::room(std::size_t size) {
  mark_dirty();
  if (out_sent_ > 0 && out_.size() + size > out_.capacity()) {
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_sent_));
    out_sent_ = 0;
  }
  const std::size_t at = out_.size();
  out_.resize(at + size);
  return out_.data() + at;
}

void Link::send(const mqtt::Packet& packet) {
  mark_dirty();
  mqtt::encode(packet, settings_.version, out_);
}

void Link::send_ack(mqtt::PacketType type, mqtt::PacketId id) {
  std::uint8_t* out = room(4);
  const bool reserved_flag = type == mqtt::PacketType::pubrel;
  out[0] = static_cast<std::uint8_t>((static_cast<unsigned>(type) << 4) | (reserved_flag ? 2 : 0));
  out[1] = 2;
  out[2] = static_cast<std::uint8_t>(id >> 8);
  out[3] = static_cast<std::uint8_t>(id);
}

void Link::flush() {
  dirty_ = false;
  if (fd_ < 0 || state_ == LinkState::connecting) return;
  while (out_sent_ < out_.size()) {
    const ssize_t sent = send_some();
    if (sent <= 0) break;  // EAGAIN; an error shows when reading
    out_sent_ += static_cast<std::size_t>(sent);
  }
  const bool done = out_sent_ == out_.size();
  if (done) {
    out_.clear();
    out_sent_ = 0;
  }
  const bool waits = !done && (tls_ == nullptr || !tls_->waits_to_read());
  if (waits_to_write_ != waits) {
    waits_to_write_ = waits;
    loop_.change(fd_, *this, waits_to_write_);
  }
}

}  // namespace roost::cli::bench
