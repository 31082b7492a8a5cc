// SPDX-License-Identifier: Apache-2.0
// One client's connection: a socket, the filters on it (PROXY prelude, TLS, WebSocket) and the
// bytes that wait to be written. Upwards there are only plain MQTT bytes. An idle one holds no
// buffer: reads go through the core's scratch, what is left over is kept only while a packet is
// incomplete. Writes are gathered and leave at the end of the core's turn.
// Thread: core-bound; detach() and attach() carry it to another core.
// Owner: whoever made it (gates); it may delete it inside any callback but must not touch it after.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/shared.h"
#include "broker/core/core.h"
#include "broker/net/admission.h"
#include "broker/net/byte_filter.h"
#include "broker/net/counters.h"
#include "broker/net/filter_stack.h"
#include "broker/net/peer_info.h"
#include "broker/net/remainder.h"
#include "broker/net/write_queue.h"

namespace roost::net {

enum class CloseReason : std::uint8_t {
  peer_closed,      // FIN
  peer_reset,       // RST or another socket error
  closed_by_us,     // close() ran to its end
  transport_error,  // TLS, WebSocket or PROXY broken or refused
  timeout,          // handshake or lingering took too long
};

class ConnectionEvents {
 public:
  // Plain bytes have come. Returns how many were consumed; the rest comes again with more behind
  // it. `wanted` (out): total bytes needed in front before it makes sense to call again, 0 unknown.
  // May write, close or delete the connection (then returns anything).
  virtual std::size_t on_bytes(ByteView bytes, std::uint64_t& wanted) = 0;
  // The backlog fell to the low watermark after having been above the high one.
  virtual void on_drained() = 0;
  // The end; nothing comes after it. Not called after detach() or abort().
  virtual void on_closed(CloseReason reason) = 0;

 protected:
  ~ConnectionEvents() = default;
};

struct ConnectionLimits {
  std::uint32_t write_high_bytes = 1024 * 1024;   // above: is_congested()
  std::uint32_t write_low_bytes = 256 * 1024;     // at or under: on_drained()
  std::uint32_t read_budget_bytes = 256 * 1024;   // per turn, then others get their turn
  std::uint32_t write_budget_bytes = 256 * 1024;  // likewise
  std::uint32_t linger_ms = 2000;  // after close(): time for the peer to read and close
};

// A socket with its filters and unread bytes, belonging to no core.
struct DetachedConnection {
  int fd = -1;                                       // owned; closed by the destructor
  std::vector<std::unique_ptr<ByteFilter>> filters;  // socket side first
  std::vector<std::uint8_t> unread;                  // plain bytes not consumed yet
  WriteQueue to_write;
  PeerInfo peer;
  Place place;  // in the node's Admission, if any
  ConnectionLimits limits;

  DetachedConnection() = default;
  DetachedConnection(DetachedConnection&&) noexcept;
  DetachedConnection& operator=(DetachedConnection&&) noexcept;
  ~DetachedConnection();
};

class Connection final : private core::Watcher, private core::TurnEnd, private core::Timer {
 public:
  // Takes the socket over and begins reading; bytes in `from.unread` are offered at the end of
  // this turn. `events` and `counters` must outlive the connection.
  Connection(core::Core& core, DetachedConnection from, ConnectionEvents& events,
             NetCounters& counters);
  ~Connection() override;  // closes the socket at once, silently

  const PeerInfo& peer() const { return peer_; }

  // --- writing: nothing leaves before the turn's end; after the end everything is thrown away ---
  // Copies.
  void write(ByteView bytes);
  // Contiguous room for `size` bytes to fill before any other call. Small packets go this way.
  std::uint8_t* write_room(std::size_t size) { return queue_for(size).room(size); }
  // Not copied: `bytes` belong to `owner`, which is kept until they are sent. For large payloads.
  void write_shared(ByteView bytes, SharedPtr<const SharedBlock> owner);
  // Bytes not yet taken by the kernel.
  std::size_t backlog() const {
    return write_queue_.size() + (filtered_ ? filtered_->to_wrap.size() : 0);
  }
  // The other end has closed its side, though what it sent may not be read yet. A system call.
  bool peer_has_closed() const;
  bool is_congested() const { return congested_; }

  // --- reading ---
  // Inside on_bytes: who holds this keeps the bytes just offered as they are, without a copy. Null
  // for all but a packet that was received in a buffer of its own (over 1 MB).
  SharedPtr<const SharedBlock> share_offered();
  void pause_reading();
  void resume_reading();

  // --- ending ---
  // Sends what waits, then FIN; reads and throws away until the peer closes or linger_ms is over,
  // so that the peer can still read our last packet (no RST); then on_closed(closed_by_us), or
  // on_closed(timeout) if the peer didn't even take what waited. on_bytes isn't called any more.
  void close() { close_because(CloseReason::closed_by_us); }
  bool is_closing() const { return closing_; }
  // RST-free immediate end without any callback.
  void abort();
  // Leaves this core. Requires: called from within on_bytes' consumer or outside callbacks;
  // `consumed` bytes of the ones just offered don't travel. Neither these nor anything else of
  // this connection may be used afterwards; its owner deletes it when convenient.
  DetachedConnection detach(std::size_t consumed = 0);

 private:
  void on_ready(std::uint32_t events) override;
  void on_turn_end() override;
  void on_timer() override;

  // On the stack of whoever calls upwards: learns if the connection was deleted there.
  struct Call {
    bool deleted = false;
    ByteView offered;
  };
  struct Reading {
    std::size_t budget;  // bytes that this turn may still read
    bool until_end;      // a FIN is known to be behind what is there
    bool more = true;    // another read is worth its system call
  };
  struct Filtered {
    FilterStack stack;
    WriteQueue to_wrap;  // application bytes; wrapped together at the turn's end
    bool ended = false;  // after close(): the layers' last words are written
  };

  WriteQueue& queue_for(std::size_t size);
  // These return false when the connection is gone, or at least must not be touched further.
  bool read(std::uint32_t events);
  bool read_plain(Reading& reading);
  bool read_filtered(Reading& reading);
  bool discard(Reading& reading);
  bool take_in(ByteView bytes);
  bool offer(ByteView bytes);
  bool offer_again();
  bool flush();
  void send_turn();
  bool send_queue(std::size_t size_max);
  bool end_of_stream(int error);
  bool finish(CloseReason reason);

  std::ptrdiff_t receive(MutableByteView room, Reading& reading);
  void close_because(CloseReason reason);
  void wrap_written(std::size_t size_max);
  void watch(std::uint32_t interest);
  void set_interest();
  void park();
  void release_socket();

  core::Core& core_;
  ConnectionEvents& events_;
  NetCounters& counters_;
  int fd_;                      // -1 after the end
  std::uint32_t interest_ = 0;  // what epoll was asked for
  ConnectionLimits limits_;
  bool congested_ : 1 = false;
  bool closing_ : 1 = false;
  bool fin_sent_ : 1 = false;
  bool reading_paused_ : 1 = false;
  bool offer_pending_ : 1 = false;  // the remainder is to be offered again at the turn's end
  bool kernel_full_ : 1 = false;    // waiting for EPOLLOUT, or for the next turn
  bool write_broken_ : 1 = false;   // the peer takes nothing any more
  bool layer_closed_ : 1 = false;   // the peer ended TLS or WebSocket while reading was paused
  bool unwatchable_ : 1 = false;    // the kernel has no room in the epoll set
  bool parked_ : 1 = false;         // hung up while reading was paused: out of the epoll set
  CloseReason close_reason_ = CloseReason::closed_by_us;
  PeerInfo peer_;
  Place place_;
  WriteQueue write_queue_;  // bytes of the wire
  Remainder remainder_;
  std::unique_ptr<Filtered> filtered_;     // null: plain
  std::unique_ptr<WriteQueue> discarded_;  // takes what is written after the end
  Call* call_ = nullptr;
};

}  // namespace roost::net
