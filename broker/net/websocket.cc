// SPDX-License-Identifier: Apache-2.0
#include "broker/net/websocket.h"

#include <wslay/wslay.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "broker/base/check.h"
#include "broker/net/connection.h"
#include "broker/net/http_upgrade.h"

namespace roost::net {

namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::uint8_t kFinal = 0x80;
constexpr std::size_t kControlSizeMax = 125;

// Close codes, RFC 6455 7.4.1.
constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kUnsupportedData = 1003;

// Frames of a server aren't masked.
void append_head(std::uint8_t opcode, std::size_t size, FilterOutput& out) {
  out.push_back(static_cast<std::uint8_t>(kFinal | opcode));
  if (size <= kControlSizeMax) {
    out.push_back(static_cast<std::uint8_t>(size));
    return;
  }
  const int bytes = size <= 0xFFFF ? 2 : 8;
  out.push_back(bytes == 2 ? 126 : 127);
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(size) >> shift));
  }
}

void append_frame(std::uint8_t opcode, ByteView payload, FilterOutput& out) {
  append_head(opcode, payload.size(), out);
  out.insert(out.end(), payload.begin(), payload.end());
}

// wslay's reader of frames over the bytes of one call.
class FrameReader {
 public:
  FrameReader() {
    const wslay_frame_callbacks callbacks{nullptr, &FrameReader::read, nullptr};
    CHECK(::wslay_frame_context_init(&context_, &callbacks, this) == 0);
  }
  ~FrameReader() { ::wslay_frame_context_free(context_); }
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  void feed(ByteView wire) { wire_ = wire; }
  // A piece of a frame's payload. `frame` says of which; the result as of wslay_frame_recv.
  std::ptrdiff_t next(wslay_frame_iocb& frame) { return ::wslay_frame_recv(context_, &frame); }

 private:
  static ssize_t read(std::uint8_t* to, std::size_t size_max, int, void* reader) {
    ByteView& wire = static_cast<FrameReader*>(reader)->wire_;
    const std::size_t size = std::min(size_max, wire.size());
    std::copy_n(wire.begin(), size, to);
    wire = wire.subspan(size);
    return size > 0 ? static_cast<ssize_t>(size) : -1;  // wslay makes WANT_READ of it
  }

  wslay_frame_context_ptr context_ = nullptr;
  ByteView wire_;
};

class WebSocketFilter final : public ByteFilter {
 public:
  explicit WebSocketFilter(std::string path) : path_(std::move(path)) {}

  FilterStatus from_wire(ByteView wire, FilterOutput& out_app, FilterOutput& out_wire) override {
    if (status_ == FilterStatus::ok && frames_ == nullptr) wire = read_head(wire, out_wire);
    if (status_ != FilterStatus::ok || frames_ == nullptr) return status_;
    frames_->feed(wire);
    for (;;) {
      wslay_frame_iocb frame{};
      const std::ptrdiff_t got = frames_->next(frame);
      if (got == WSLAY_ERR_WANT_READ) return status_;
      if (got < 0) {
        refuse(kProtocolError, "malformed WebSocket frame", out_wire);
      } else {
        take_piece(frame, out_app, out_wire);
      }
      if (status_ != FilterStatus::ok) return status_;
    }
  }

  FilterStatus to_wire(ByteView app, FilterOutput& out_wire) override {
    if (frames_ == nullptr) {
      early_.insert(early_.end(), app.begin(), app.end());
    } else if (!close_sent_) {
      append_frame(WSLAY_BINARY_FRAME, app, out_wire);  // [MQTT-6.0.0-1]
    }
    return FilterStatus::ok;
  }

  void end(FilterOutput& out_wire) override { send_close(kNormal, out_wire); }
  bool handshake_done() const override { return frames_ != nullptr; }
  void describe(PeerInfo&) const override {}
  std::string last_error() const override { return error_; }

 private:
  // Returns what is behind the head.
  ByteView read_head(ByteView wire, FilterOutput& out_wire) {
    const std::size_t seen = head_.size() < kHeadEnd.size() ? 0 : head_.size() - kHeadEnd.size();
    const std::size_t before = head_.size();
    head_ += as_text(wire.first(std::min(wire.size(), kUpgradeSizeMax + 1 - before)));
    const std::size_t end = head_.find(kHeadEnd, seen);
    UpgradeAnswer answer;
    if (!may_be_request()) {
      answer = refuse_upgrade("400 Bad Request", "this is no HTTP request");
    } else if (end != head_.npos) {
      const std::size_t size = end + kHeadEnd.size();
      answer = answer_upgrade(std::string_view(head_).substr(0, size), path_);
      wire = wire.subspan(size - before);
    } else if (head_.size() > kUpgradeSizeMax) {
      answer = refuse_upgrade("431 Request Header Fields Too Large", "more than 8 KB of headers");
    } else {
      return {};
    }
    head_ = {};
    out_wire.insert(out_wire.end(), answer.response.begin(), answer.response.end());
    if (answer.accepted) {
      frames_ = std::make_unique<FrameReader>();
      if (!early_.empty()) append_frame(WSLAY_BINARY_FRAME, early_, out_wire);
      early_ = {};
    } else {
      status_ = FilterStatus::failed;
      error_ = std::move(answer.why);
    }
    return wire;
  }

  // A plain MQTT client on the wrong port needn't wait for the timeout.
  bool may_be_request() const {
    const auto is_method = [](char c) { return (c >= 'A' && c <= 'Z') || c == ' '; };
    return std::all_of(head_.begin(),
                       head_.begin() + std::min<std::ptrdiff_t>(3, std::ssize(head_)), is_method);
  }

  void take_piece(const wslay_frame_iocb& frame, FilterOutput& out_app, FilterOutput& out_wire) {
    const ByteView piece(frame.data, frame.data_length);
    if (frame_left_ == 0) {
      frame_left_ = frame.payload_length;
      if (!begin_frame(frame, out_wire)) return;
    }
    frame_left_ -= piece.size();
    if (!wslay_is_ctrl_frame(frame.opcode)) {
      out_app.insert(out_app.end(), piece.begin(), piece.end());
      return;
    }
    control_.append(as_text(piece));
    if (frame_left_ > 0) return;
    end_control(frame.opcode, out_wire);
    control_.clear();
  }

  // False: refused.
  bool begin_frame(const wslay_frame_iocb& frame, FilterOutput& out_wire) {
    if (frame.mask == 0) return refuse(kProtocolError, "unmasked WebSocket frame", out_wire);
    if (frame.rsv != 0) return refuse(kProtocolError, "reserved bits in a frame", out_wire);
    switch (frame.opcode) {
      case WSLAY_BINARY_FRAME:
        if (in_message_) return refuse(kProtocolError, "a message inside a message", out_wire);
        in_message_ = frame.fin == 0;
        return true;
      case WSLAY_CONTINUATION_FRAME:
        if (!in_message_) return refuse(kProtocolError, "continuation of nothing", out_wire);
        in_message_ = frame.fin == 0;
        return true;
      case WSLAY_TEXT_FRAME:  // [MQTT-6.0.0-1]
        return refuse(kUnsupportedData, "text frame: MQTT comes in binary ones", out_wire);
      case WSLAY_CONNECTION_CLOSE:
      case WSLAY_PING:
      case WSLAY_PONG:
        if (frame.fin == 0 || frame.payload_length > kControlSizeMax) {
          return refuse(kProtocolError, "malformed control frame", out_wire);
        }
        return true;
      default:
        return refuse(kProtocolError, "unknown WebSocket opcode", out_wire);
    }
  }

  void end_control(std::uint8_t opcode, FilterOutput& out_wire) {
    if (opcode == WSLAY_PING && !close_sent_) {
      append_frame(WSLAY_PONG, as_bytes(control_), out_wire);
    } else if (opcode == WSLAY_CONNECTION_CLOSE) {
      send_close(kNormal, out_wire);
      status_ = FilterStatus::closed;
    }
  }

  bool refuse(std::uint16_t code, const char* why, FilterOutput& out_wire) {
    send_close(code, out_wire);
    status_ = FilterStatus::failed;
    error_ = why;
    return false;
  }

  void send_close(std::uint16_t code, FilterOutput& out_wire) {
    if (frames_ == nullptr || std::exchange(close_sent_, true)) return;
    const std::array<std::uint8_t, 2> payload = {static_cast<std::uint8_t>(code >> 8),
                                                 static_cast<std::uint8_t>(code)};
    append_frame(WSLAY_CONNECTION_CLOSE, payload, out_wire);
  }

  const std::string path_;
  FilterStatus status_ = FilterStatus::ok;
  bool in_message_ = false;
  bool close_sent_ = false;
  std::string head_;                     // of the HTTP request, until it is whole
  std::vector<std::uint8_t> early_;      // written before the upgrade was done
  std::unique_ptr<FrameReader> frames_;  // from then on
  std::uint64_t frame_left_ = 0;         // payload bytes of the current frame still to come
  std::string control_;                  // payload of the current control frame
  std::string error_;
};

}  // namespace

std::unique_ptr<ByteFilter> make_websocket_filter(std::string path) {
  return std::make_unique<WebSocketFilter>(std::move(path));
}

}  // namespace roost::net
