// SPDX-License-Identifier: Apache-2.0
// The client's event loop, a narrow front of Asio's io_context.
// Thread: own thread; everything runs in run().
// Owner: the command or the test; outlives clients and streams on it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace roost::client {

class Loop {
 public:
  using Callback = std::function<void()>;
  using TimerId = std::uint64_t;  // 0: none

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until stop().
  void run();
  void stop();

  void post(Callback callback);
  TimerId after_ms(std::uint32_t ms, Callback callback);
  void cancel(TimerId timer);  // of a timer that is over: nothing happens
  // Calls back for every SIGINT and SIGTERM from now on.
  void on_stop_signal(const Callback& callback);
  // Once, when a read() of `fd` won't block. Regular files are always readable.
  void when_readable(int fd, Callback callback);

  struct Impl;  // in loop_impl.h, for the streams
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace roost::client
