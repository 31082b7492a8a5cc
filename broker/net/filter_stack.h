// SPDX-License-Identifier: Apache-2.0
// The filters of one connection as one: wire bytes in at the bottom, application bytes out at the
// top and back, answers of inner layers wrapped by the outer ones. Works in the core's spare
// buffers, so it holds nothing but the filters themselves.
// Thread: wherever its connection is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/core/core.h"
#include "broker/net/byte_filter.h"
#include "broker/net/write_queue.h"

namespace roost::net {

class FilterStack {
 public:
  FilterStack() = default;
  // Socket side first.
  explicit FilterStack(std::vector<std::unique_ptr<ByteFilter>> filters)
      : filters_(std::move(filters)) {}

  bool empty() const { return filters_.empty(); }
  bool handshake_done() const { return layers_done() == filters_.size(); }
  std::size_t layers_done() const;  // socket side first

  struct Read {
    FilterStatus status;  // the worst of the layers; `app` is good nevertheless
    ByteView app;         // in the core's spare buffers: until the next call with this core
  };
  // Answers (handshake, pong) go to `out`.
  Read from_wire(core::Core& core, ByteView wire, WriteQueue& out);
  // Takes up to `size_max` bytes out of `app`.
  FilterStatus to_wire(core::Core& core, WriteQueue& app, std::size_t size_max, WriteQueue& out);
  // Ends every layer politely, innermost first.
  void end(core::Core& core, WriteQueue& out);

  // Requires: handshake_done(). Asks every filter once, then drops the transparent ones.
  void describe(PeerInfo& peer);
  std::string last_error() const;
  std::vector<std::unique_ptr<ByteFilter>> release() { return std::move(filters_); }

 private:
  FilterStatus wrap(core::Core& core, std::size_t level, ByteView bytes, WriteQueue& out);

  std::vector<std::unique_ptr<ByteFilter>> filters_;
};

}  // namespace roost::net
