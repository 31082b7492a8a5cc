// SPDX-License-Identifier: Apache-2.0
// WebSocket over another stream: the upgrade first, then every write is one binary frame.
#include <openssl/evp.h>

#include <random>

#include "broker/client/stream.h"
#include "broker/client/websocket_frames.h"

namespace roost::client {
namespace {

constexpr std::size_t kHeadMax = 16 * 1024;

class WebsocketStream final : public Stream, public std::enable_shared_from_this<WebsocketStream> {
 public:
  WebsocketStream(std::shared_ptr<Stream> below, const Endpoint& endpoint)
      : below_(std::move(below)), endpoint_(endpoint) {}

  void connect(Done done) override {
    auto self = shared_from_this();
    below_->connect([self, this, done](const std::string& problem) {
      if (!problem.empty()) return done(problem);
      key_ = random_key();
      const std::string request =
          upgrade_request(endpoint_.host, endpoint_.port, endpoint_.websocket_path, key_);
      out_.assign(request.begin(), request.end());
      below_->write(out_, [self, this, done](const std::string& failed) {
        if (!failed.empty()) return done(failed);
        read_head(done);
      });
    });
  }

  void read(Got got) override {
    if (!data_.empty()) return hand_up(got);
    auto self = shared_from_this();
    below_->read([self, this, got](const std::string& problem, ByteView bytes) {
      if (!problem.empty()) return got(problem, {});
      if (!take(bytes)) return got("the connection was closed", {});
      if (data_.empty()) return read(got);
      hand_up(got);
    });
  }

  void write(ByteView bytes, Done done) override {
    out_.clear();
    append_pongs();
    append_frame(Opcode::binary, bytes, mask(), out_);
    auto self = shared_from_this();
    below_->write(out_, [self, done](const std::string& problem) { done(problem); });
  }

  void close() override { below_->close(); }

 private:
  std::string random_key() {
    std::uint8_t bytes[16];
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_());
    std::uint8_t coded[32];
    const int size = EVP_EncodeBlock(coded, bytes, sizeof bytes);
    return {reinterpret_cast<const char*>(coded), static_cast<std::size_t>(size)};
  }

  std::uint32_t mask() { return random_(); }

  void read_head(const Done& done) {
    auto self = shared_from_this();
    below_->read([self, this, done](const std::string& problem, ByteView bytes) {
      if (!problem.empty()) return done(problem);
      head_ += as_text(bytes);
      const auto end = head_.find("\r\n\r\n");
      if (end == std::string::npos) {
        if (head_.size() > kHeadMax) return done("WebSocket: the answer is too long");
        return read_head(done);
      }
      const std::string refused = check_upgrade(std::string_view(head_).substr(0, end + 2), key_);
      if (!refused.empty()) return done(refused);
      take(as_bytes(std::string_view(head_).substr(end + 4)));
      done("");
    });
  }

  bool take(ByteView bytes) { return reader_.feed(bytes, data_, pings_); }

  // Pongs go out with the next write; MQTT's own pings see to it that there is one.
  void append_pongs() {
    for (const auto& ping : pings_) append_frame(Opcode::pong, ping, mask(), out_);
    pings_.clear();
  }

  void hand_up(const Got& got) {
    handed_.swap(data_);
    data_.clear();
    got("", handed_);
  }

  std::shared_ptr<Stream> below_;
  const Endpoint endpoint_;
  std::random_device random_;
  std::string key_, head_;
  FrameReader reader_;
  std::vector<std::uint8_t> out_, data_, handed_;
  std::vector<std::vector<std::uint8_t>> pings_;
};

}  // namespace

std::shared_ptr<Stream> make_websocket_stream(std::shared_ptr<Stream> below,
                                              const Endpoint& endpoint) {
  return std::make_shared<WebsocketStream>(std::move(below), endpoint);
}

}  // namespace roost::client
