// SPDX-License-Identifier: Apache-2.0
// One lane of one session: hello first, then what waits to be sent in batches that form while a
// write is under way or a slot lasts (pacer.h), and what is received one envelope after the other,
// for as long as the owner wants the next. It ends at the first failure; nothing is told of it
// after its end but the end. Thread: any. The owner is told without a lock held. Owner: itself
// while its wire is there, and the link (or the door) that it belongs to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "cluster/peer/live_count.h"
#include "cluster/peer/pacer.h"
#include "cluster/peer/wire.h"

namespace roost::cluster::peer {

class Stream;
class Transport;

class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  virtual void on_hello(const std::shared_ptr<Stream>& stream, const pb::Hello& hello) = 0;
  // The next is read when go_on() says so.
  virtual void on_envelope(const std::shared_ptr<Stream>& stream, pb::Envelope& envelope) = 0;
  virtual void on_sent(std::size_t chunks, std::size_t bytes, std::size_t lane) = 0;
  virtual void on_end(const Stream& stream, const std::string& why) = 0;
};

class Stream final : public WireEvents, public Paced, public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::shared_ptr<StreamOwner> owner, std::shared_ptr<LiveCount> live);

  // Either of them once, first. The hello is sent at once where we dial.
  void dial(Transport& transport, const std::string& address, const pb::Hello& hello);
  void accept(Wire& wire);

  // Where others dialled, within on_hello(): who owns it from now on, and the answer.
  void adopt(std::shared_ptr<StreamOwner> owner, const pb::Hello& answer);
  void refuse(const pb::Hello& answer);  // and ends
  bool is_named(const std::string& name) const { return wire_->is_named(name); }

  // Both sides have said hello on all lanes: the first envelope is read, what waits is sent.
  void open(std::size_t lane, Pacer& pacer);
  bool send(std::string chunk);  // false: it has ended
  void go_on();                  // reads the next envelope
  // An empty envelope, unless something was sent within kKeepAliveMs. Returns when to ask again.
  std::int64_t keep_alive(std::int64_t now_ms);
  std::size_t waiting_bytes() const;
  void end();

 private:
  void on_read(bool is_ok) override;
  void on_written(bool is_ok) override;
  void on_cancelled() override { end(); }
  void on_gone(const std::string& why) override;
  void on_slot() override;

  void read_next();  // mutex_ is held, as in all until write_next()
  void end_locked();
  void finish_if_idle();
  void write_hello(const pb::Hello& hello);
  // Takes what waits, and sets is_writing_; false: nothing waits, or not now.
  bool begin_writing();
  void write_next();  // only by whom set is_writing_, without mutex_
  void count_sent();

  const std::shared_ptr<LiveCount> live_;
  std::shared_ptr<StreamOwner> owner_;  // changed within on_hello() only
  Wire* wire_ = nullptr;
  pb::Envelope incoming_;    // of the read under way
  bool is_greeted_ = false;  // the first envelope was received; of reads only

  // Of who set is_writing_.
  pb::Envelope outgoing_;
  std::deque<std::string> sending_;
  std::size_t outgoing_bytes_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::deque<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;  // with those in sending_ and outgoing_
  std::int64_t written_ms_ = 0;
  std::size_t lane_ = 0;
  Pacer* pacer_ = nullptr;
  SteadyMs slot_ = 0;      // of the last envelope that was begun
  bool is_paced_ = false;  // on_slot() will come
  bool is_open_ = false;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_refused_ = false;  // ends when the answer is written
  bool is_ended_ = false;
  bool is_finished_ = false;
  std::shared_ptr<Stream> self_;  // while the wire is there
};

// Steady, in ms.
std::int64_t now_ms();

}  // namespace roost::cluster::peer
