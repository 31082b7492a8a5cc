// SPDX-License-Identifier: Apache-2.0
// A body that goes on: somebody appends to it for as long as a client reads. What waits for the
// client is bounded; who appends asks is_full() and goes on when he is told that there is room.
// Thread: any thread, except where said; callbacks run on the HTTP server's, or on that of whoever
// calls append() or end().
// Owner: shared by who writes and the connection.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace roost::http {

class BodySource {
 public:
  struct Limits {
    std::size_t full_bytes = 256 * 1024;  // from here on is_full()
    std::size_t most_bytes = 64 << 20;    // over it the stream is given up
  };
  // Both may be null; neither is called with a lock held.
  struct Events {
    std::function<void()> room;  // what waited was taken after is_full() was true
    std::function<void()> gone;  // once: nobody reads it any more, or end() was sent
  };

  // `heartbeat`: sent where nothing else was for a while; empty: nothing.
  BodySource(Events events, std::string heartbeat, const Limits& limits)
      : events_(std::move(events)), heartbeat_(std::move(heartbeat)), limits_(limits) {}
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;

  // --- for who writes ---
  // False: thrown away, for nobody reads any more or too much waits already.
  bool append(std::string_view bytes);
  // What was appended is still sent.
  void end();
  bool is_full();

  // --- for the connection ---
  struct Taken {
    std::string bytes;     // all that waits; empty: nothing
    bool is_over = false;  // nothing comes after them
    bool is_lost = false;  // more came than may wait: what is sent from here on has a gap
  };
  Taken take();
  // Calls `wake` once: when something can be taken, at once where it can be now.
  void when_ready(std::function<void()> wake);
  // Nobody reads it any more.
  void close();
  const std::string& heartbeat() const { return heartbeat_; }

 private:
  const Events events_;
  const std::string heartbeat_;
  const Limits limits_;
  std::mutex mutex_;
  std::string waiting_;         // guarded by mutex_, like all below
  bool was_full_ = false;       // who writes saw it full
  bool is_over_ = false;        // end() was called
  bool is_lost_ = false;        // append() went over most_bytes
  bool is_closed_ = false;      // close() was called
  std::function<void()> wake_;  // null: nobody waits
};

// A chunk as HTTP/1.1 has it. An empty one is the last.
std::string chunk_of(std::string_view bytes);

}  // namespace roost::http
