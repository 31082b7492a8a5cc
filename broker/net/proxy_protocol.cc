// SPDX-License-Identifier: Apache-2.0
// https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
#include "broker/net/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "broker/net/connection.h"
#include "broker/net/socket.h"

namespace roost::net {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kText = "PROXY ";
constexpr std::string_view kTextEnd = "\r\n";
constexpr std::size_t kTextSizeMax = 107;  // 2.1: with the line's end
constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kHeadSize = 16;

struct Source {
  std::string address;  // empty: not told
  bool is_loopback = false;
};

Source source_of(const sockaddr_storage& address) {
  return {address_text(address), is_loopback(address)};
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool padded = text.size() > 1 && text.front() == '0';
  return failed == std::errc() && end == text.data() + text.size() && !padded;
}

bool parse_address(int family, std::string_view text, std::uint16_t port,
                   sockaddr_storage& address) {
  const std::string terminated(text);
  address.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    auto& four = reinterpret_cast<sockaddr_in&>(address);
    four.sin_port = htons(port);
    return ::inet_pton(family, terminated.c_str(), &four.sin_addr) == 1;
  }
  auto& six = reinterpret_cast<sockaddr_in6&>(address);
  six.sin6_port = htons(port);
  return ::inet_pton(family, terminated.c_str(), &six.sin6_addr) == 1;
}

// The line without "PROXY " and without its end. Nothing: malformed.
std::optional<Source> parse_text(std::string_view line) {
  std::array<std::string_view, 5> words;  // protocol, source, destination, their ports
  std::size_t count = 0;
  while (count < words.size()) {
    const std::size_t space = line.find(' ');
    words[count++] = line.substr(0, space);
    if (space == line.npos) break;
    line.remove_prefix(space + 1);
    if (words[0] == "UNKNOWN") break;
  }
  if (words[0] == "UNKNOWN") return Source{};
  const int family = words[0] == "TCP4" ? AF_INET : AF_INET6;
  if ((words[0] != "TCP4" && words[0] != "TCP6") || count != words.size()) return std::nullopt;
  if (words[4].data() + words[4].size() != line.data() + line.size()) return std::nullopt;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  sockaddr_storage source{};
  sockaddr_storage destination{};
  if (!parse_port(words[3], source_port) || !parse_port(words[4], destination_port) ||
      !parse_address(family, words[1], source_port, source) ||
      !parse_address(family, words[2], destination_port, destination)) {
    return std::nullopt;
  }
  return source_of(source);
}

// How many bytes of addresses a family and transport byte stands for; nothing: no such thing.
std::optional<std::size_t> address_size(std::uint8_t family) {
  if (family >> 4 > 3 || (family & 0x0F) > 2) return std::nullopt;
  constexpr std::array<std::size_t, 4> kSizes = {0, 12, 36, 216};
  return kSizes[family >> 4];
}

Source parse_binary(std::uint8_t family, ByteView addresses) {
  sockaddr_storage source{};
  switch (family) {
    case 0x11: {
      auto& four = reinterpret_cast<sockaddr_in&>(source);
      four.sin_family = AF_INET;
      std::memcpy(&four.sin_addr, addresses.data(), 4);
      std::memcpy(&four.sin_port, addresses.data() + 8, 2);
      return source_of(source);
    }
    case 0x21: {
      auto& six = reinterpret_cast<sockaddr_in6&>(source);
      six.sin6_family = AF_INET6;
      std::memcpy(&six.sin6_addr, addresses.data(), 16);
      std::memcpy(&six.sin6_port, addresses.data() + 32, 2);
      return source_of(source);
    }
    case 0x31:
      return {"unix", false};
    default:  // unspecified, or datagrams, which we don't serve: as good as not told
      return {};
  }
}

class ProxyFilter final : public ByteFilter {
 public:
  FilterStatus from_wire(ByteView wire, FilterOutput& out_app, FilterOutput&) override {
    while (!wire.empty() && state_ == State::head) {
      head_.push_back(static_cast<char>(wire.front()));
      wire = wire.subspan(1);
      look_at_head();
    }
    if (state_ == State::tail) {  // addresses that we don't need, TLVs
      const std::size_t skipped = std::min(tail_left_, wire.size());
      tail_left_ -= skipped;
      wire = wire.subspan(skipped);
      if (tail_left_ == 0) state_ = State::done;
    }
    if (state_ == State::refused) return FilterStatus::failed;
    if (state_ == State::done) out_app.insert(out_app.end(), wire.begin(), wire.end());
    return FilterStatus::ok;
  }

  FilterStatus to_wire(ByteView app, FilterOutput& out_wire) override {
    out_wire.insert(out_wire.end(), app.begin(), app.end());
    return FilterStatus::ok;
  }

  void end(FilterOutput&) override {}
  bool handshake_done() const override { return state_ == State::done; }
  bool transparent() const override { return state_ == State::done; }

  void describe(PeerInfo& peer) const override {
    // Whoever the proxy speaks for isn't the proxy: a local proxy doesn't make its clients local.
    peer.is_loopback = source_.is_loopback;
    if (!source_.address.empty()) peer.address = source_.address;
  }

  std::string last_error() const override { return error_; }

 private:
  enum class State { head, tail, done, refused };

  // One byte has come to the head.
  void look_at_head() {
    const std::string_view head = head_;
    const bool maybe_text = head.substr(0, kText.size()) == kText.substr(0, head.size());
    const bool maybe_binary =
        head.substr(0, kSignature.size()) == kSignature.substr(0, head.size());
    if (maybe_text) {
      look_at_text(head);
    } else if (maybe_binary) {
      look_at_binary(head);
    } else {
      refuse("no PROXY header came first");
    }
  }

  void look_at_text(std::string_view head) {
    if (!head.ends_with(kTextEnd)) {
      if (head.size() >= kTextSizeMax) refuse("a PROXY line without an end");
      return;
    }
    head.remove_suffix(kTextEnd.size());
    if (head.size() < kText.size()) return refuse("malformed PROXY line");
    auto source = parse_text(head.substr(kText.size()));
    if (!source) return refuse("malformed PROXY line");
    finish(std::move(*source), 0);
  }

  void look_at_binary(std::string_view head) {
    if (head.size() < kHeadSize) return;
    const ByteView bytes = as_bytes(head);
    const std::size_t size = static_cast<std::size_t>(bytes[14]) << 8 | bytes[15];
    const std::uint8_t command = bytes[12];
    const std::uint8_t family = bytes[13];
    if (command == 0x20) return finish({}, size);  // LOCAL: the proxy itself, a health check
    const auto wanted = address_size(family);
    if (command != 0x21 || !wanted || size < *wanted) return refuse("malformed PROXY header");
    if (head.size() == kHeadSize + *wanted) {
      finish(parse_binary(family, bytes.subspan(kHeadSize)), size - *wanted);
    }
  }

  void finish(Source source, std::size_t tail) {
    source_ = std::move(source);
    tail_left_ = tail;
    state_ = tail > 0 ? State::tail : State::done;
    head_ = {};
  }

  void refuse(const char* why) {
    state_ = State::refused;
    error_ = why;
  }

  State state_ = State::head;
  std::string head_;  // at most 232 bytes
  std::size_t tail_left_ = 0;
  Source source_;
  const char* error_ = "";
};

}  // namespace

std::unique_ptr<ByteFilter> make_proxy_filter() { return std::make_unique<ProxyFilter>(); }

}  // namespace roost::net
