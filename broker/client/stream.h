// SPDX-License-Identifier: Apache-2.0
// A connected stream of bytes, whatever carries it: TCP, TLS, a Unix socket, WebSocket.
// Thread: own thread (its loop's).
// Owner: shared, because operations on the way keep it alive; after close() nothing calls back.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/base/bytes.h"
#include "broker/client/loop.h"
#include "broker/client/options.h"

namespace roost::client {

class Stream {
 public:
  // `problem` is empty when all is well, else a sentence.
  using Done = std::function<void(const std::string& problem)>;
  // `bytes` live until the callback returns. An orderly end is a problem, too.
  using Got = std::function<void(const std::string& problem, ByteView bytes)>;

  virtual ~Stream() = default;
  virtual void connect(Done done) = 0;
  // One at a time.
  virtual void read(Got got) = 0;
  // One at a time; `bytes` must live until `done`.
  virtual void write(ByteView bytes, Done done) = 0;
  virtual void close() = 0;
};

// What the endpoint's transport asks for. Errors (files of TLS) come with connect().
std::shared_ptr<Stream> make_stream(Loop& loop, const Endpoint& endpoint);
// The same without WebSocket.
std::shared_ptr<Stream> make_socket_stream(Loop& loop, const Endpoint& endpoint);
// A Unix stream socket that is connected already; owns `fd`.
std::shared_ptr<Stream> adopt_stream(Loop& loop, int fd);
// WebSocket frames over another stream.
std::shared_ptr<Stream> make_websocket_stream(std::shared_ptr<Stream> below,
                                              const Endpoint& endpoint);

}  // namespace roost::client
