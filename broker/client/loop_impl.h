// SPDX-License-Identifier: Apache-2.0
// What is behind Loop; for the .cc files of this folder only.
// Thread: own thread.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>

#include "broker/client/loop.h"

namespace roost::client {

namespace asio = boost::asio;

struct Loop::Impl {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::signal_set signals{io};
  std::map<TimerId, asio::steady_timer> timers;
  TimerId next_timer = 1;
  std::unique_ptr<asio::posix::stream_descriptor> readable;
};

}  // namespace roost::client
