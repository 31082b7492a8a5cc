// SPDX-License-Identifier: Apache-2.0
#include "broker/http/body_source.h"

#include <charconv>
#include <utility>

namespace roost::http {

bool BodySource::append(std::string_view bytes) {
  std::function<void()> wake;
  bool is_taken = true;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_ || is_over_ || is_lost_) return false;
    if (waiting_.size() + bytes.size() > limits_.most_bytes) {
      is_lost_ = true;
      is_taken = false;
    } else {
      waiting_.append(bytes);
    }
    wake = std::exchange(wake_, nullptr);
  }
  if (wake) wake();
  return is_taken;
}

void BodySource::end() {
  std::function<void()> wake;
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    wake = std::exchange(wake_, nullptr);
  }
  if (wake) wake();
}

bool BodySource::is_full() {
  const std::lock_guard lock(mutex_);
  const bool is_full = !is_closed_ && waiting_.size() >= limits_.full_bytes;
  was_full_ = was_full_ || is_full;
  return is_full;
}

BodySource::Taken BodySource::take() {
  Taken taken;
  bool has_room = false;
  {
    const std::lock_guard lock(mutex_);
    taken.bytes = std::exchange(waiting_, {});
    taken.is_over = is_over_;
    taken.is_lost = is_lost_;
    has_room = std::exchange(was_full_, false) && !is_closed_;
  }
  if (has_room && events_.room) events_.room();
  return taken;
}

void BodySource::when_ready(std::function<void()> wake) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty() && !is_over_ && !is_lost_) {
      wake_ = std::move(wake);
      return;
    }
  }
  wake();
}

void BodySource::close() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_closed_, true)) return;
    waiting_ = {};
    wake_ = nullptr;
  }
  if (events_.gone) events_.gone();
}

std::string chunk_of(std::string_view bytes) {
  char size[16];
  char* const end = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr;
  std::string chunk(size, end);
  chunk += "\r\n";
  chunk += bytes;
  chunk += "\r\n";
  return chunk;
}

}  // namespace roost::http
