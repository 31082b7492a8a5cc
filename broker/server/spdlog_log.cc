// SPDX-License-Identifier: Apache-2.0
#include "broker/server/spdlog_log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <future>
#include <mutex>
#include <string>

namespace roost::server {

namespace {

constexpr std::size_t kLinesWaitingMax = 16 * 1024;
constexpr std::chrono::seconds kFlushPatience{5};
constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%e%z %-5l %v";
constexpr const char* kJsonPattern =
    R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})";

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

bool needs_escape(char c, bool json) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F || (json && (c == '"' || c == '\\'));
}

// JSON's escapes serve text lines too: what is not printable becomes visible.
std::string escape(std::string_view line, bool json) {
  std::string result;
  result.reserve(line.size());
  for (const char c : line) {
    if (!needs_escape(c, json)) {
      result += c;
    } else if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c) & 0xFFU);
      result += code;
    }
  }
  return result;
}

// Writes on the logger's one thread, so without a lock.
class FdSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit FdSink(int fd) : fd_(fd) {}

  // Fulfilled by the next flush that comes through the queue.
  std::shared_ptr<std::promise<void>> next_flush() {
    const std::lock_guard lock(flushed_mutex_);
    return flushed_ = std::make_shared<std::promise<void>>();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    const char* from = text.data();
    for (std::size_t left = text.size(); left > 0;) {
      const ssize_t n = ::write(fd_, from, left);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;  // nobody reads any more: a log must not end a broker
      from += n;
      left -= static_cast<std::size_t>(n);
    }
  }
  void flush_() override {
    const std::lock_guard lock(flushed_mutex_);
    if (flushed_) flushed_->set_value();
    flushed_.reset();
  }

  const int fd_;
  std::mutex flushed_mutex_;
  std::shared_ptr<std::promise<void>> flushed_;  // guarded by flushed_mutex_
};

}  // namespace

struct SpdlogLog::Inside {
  Inside(LogLevel level, Format format, int fd)
      : json(format == Format::json),
        lowest(level),
        pool(std::make_shared<spdlog::details::thread_pool>(kLinesWaitingMax, 1)),
        sink(std::make_shared<FdSink>(fd)),
        logger(std::make_shared<spdlog::async_logger>(
            "roost", sink, pool, spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_pattern(json ? kJsonPattern : kTextPattern);
    logger->set_level(spdlog::level::trace);
  }

  const bool json;
  std::atomic<LogLevel> lowest;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<FdSink> sink;
  std::shared_ptr<spdlog::async_logger> logger;
  std::mutex flush_mutex;
};

SpdlogLog::SpdlogLog(LogLevel level, Format format, int fd)
    : inside_(std::make_unique<Inside>(level, format, fd)) {}

SpdlogLog::~SpdlogLog() = default;  // the pool's end writes what is queued

bool SpdlogLog::enabled(LogLevel level) const {
  return level >= inside_->lowest.load(std::memory_order_relaxed);
}

LogLevel SpdlogLog::level() const { return inside_->lowest.load(std::memory_order_relaxed); }

void SpdlogLog::set_level(LogLevel level) {
  inside_->lowest.store(level, std::memory_order_relaxed);
}

void SpdlogLog::write(LogLevel level, std::string_view line) {
  if (!enabled(level)) return;
  inside_->logger->log(level_of(level), escape(line, inside_->json));
}

void SpdlogLog::flush() {
  const std::lock_guard lock(inside_->flush_mutex);
  const auto done = inside_->sink->next_flush();
  inside_->logger->flush();
  // A flood of lines may push the request itself out of the queue.
  done->get_future().wait_for(kFlushPatience);
}

std::uint64_t SpdlogLog::dropped() const { return inside_->pool->overrun_counter(); }

}  // namespace roost::server
