// SPDX-License-Identifier: Apache-2.0
#include "broker/client/loop.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <csignal>

#include "broker/client/loop_impl.h"

namespace roost::client {

using boost::system::error_code;

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

void Loop::run() { impl_->io.run(); }
void Loop::stop() { impl_->io.stop(); }

void Loop::post(Callback callback) { asio::post(impl_->io, std::move(callback)); }

Loop::TimerId Loop::after_ms(std::uint32_t ms, Callback callback) {
  const TimerId id = impl_->next_timer++;
  auto& timer = impl_->timers.try_emplace(id, impl_->io).first->second;
  timer.expires_after(std::chrono::milliseconds(ms));
  timer.async_wait([this, id, callback = std::move(callback)](const error_code& problem) {
    // A wait that had ended before cancel() came is found out by the missing entry.
    if (problem || impl_->timers.erase(id) == 0) return;
    callback();
  });
  return id;
}

void Loop::cancel(TimerId timer) { impl_->timers.erase(timer); }

void Loop::on_stop_signal(const Callback& callback) {
  error_code ignored;
  impl_->signals.add(SIGINT, ignored);
  impl_->signals.add(SIGTERM, ignored);
  impl_->signals.async_wait([this, callback](const error_code& problem, int) {
    if (problem) return;
    callback();
    on_stop_signal(callback);
  });
}

void Loop::when_readable(int fd, Callback callback) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) return post(std::move(callback));
  if (!impl_->readable) {
    impl_->readable = std::make_unique<asio::posix::stream_descriptor>(impl_->io);
    error_code problem;
    impl_->readable->assign(::dup(fd), problem);
    if (problem) {  // /dev/null and the like can't be waited for
      impl_->readable.reset();
      return post(std::move(callback));
    }
  }
  impl_->readable->async_wait(asio::posix::stream_descriptor::wait_read,
                              [callback = std::move(callback)](const error_code& problem) {
                                if (!problem) callback();
                              });
}

}  // namespace roost::client
