// SPDX-License-Identifier: Apache-2.0
// Where others come in: keeps the streams that they open until they have said hello, and gives each
// to its link, or says why not.
// Thread: any.
// Owner: the network, and the streams that haven't said hello.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "broker/base/log.h"
#include "cluster/peer/counts.h"
#include "cluster/peer/link_table.h"
#include "cluster/peer/stream.h"

namespace roost::cluster::peer {

class PeerService final : public StreamOwner, public std::enable_shared_from_this<PeerService> {
 public:
  PeerService(const PeerIdentity& self, const LinkTable& links, Log& log, Counts& counts,
              std::shared_ptr<LiveCount> live);

  WireEvents& accept(Wire& wire);
  // Ends streams that say nothing. Returns when to come again.
  std::int64_t tick(std::int64_t now_ms);
  // Ends all that are here, and those that still come.
  void close();

  void on_hello(const std::shared_ptr<Stream>& stream, const pb::Hello& hello) override;
  void on_envelope(const std::shared_ptr<Stream>& stream, pb::Envelope& envelope) override;
  void on_sent(std::size_t, std::size_t, std::size_t) override {}
  void on_end(const Stream& stream, const std::string& why) override;

 private:
  struct Stranger {
    std::shared_ptr<Stream> stream;
    std::int64_t until_ms;
  };

  std::string fault_of(const Stream& stream, const pb::Hello& hello) const;
  void refuse(Stream& stream, const pb::Hello& hello, pb::Refusal refusal, const std::string& why);
  void log_refusal(const std::string& why);

  const PeerIdentity& self_;
  const LinkTable& links_;
  Log& log_;
  Counts& counts_;
  const std::shared_ptr<LiveCount> live_;
  std::mutex mutex_;  // guards what follows
  std::map<const Stream*, Stranger> strangers_;
  bool is_closed_ = false;
  std::string said_;  // of the last one that is no peer
  std::int64_t say_at_ms_ = 0;
};

}  // namespace roost::cluster::peer
