// SPDX-License-Identifier: Apache-2.0
// Which member is asked, with which token, and how often. One member is asked for everything until
// it fails; then the next that can be reached is.
// Thread: the loop's; all callbacks too.
// Owner: Client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/etcd/etcd_coordinator.h"
#include "cluster/etcd/loop.h"
#include "cluster/etcd/rpc.h"

namespace roost::cluster::etcd {

class Requests {
 public:
  enum class Repeat {
    no,   // sent again only where it certainly wasn't executed
    yes,  // executing it twice does no harm
  };
  struct Ending {
    Status status;
    bool is_sent = false;      // no: `status` says why it couldn't be
    std::int64_t sent_at = 0;  // the last time
  };
  // Sends it once along the route and tells how that ended.
  using Send = std::function<void(const Route&, std::function<void(Status)>)>;
  using Done = std::function<void(const Ending&)>;

  Requests(Loop& loop, Rpc& rpc, const EtcdOptions& options);

  void run(Repeat repeat, Send send, Done done);
  // For streams: as soon as a member can be reached, and the token is there where one is needed;
  // at once where that is so already.
  void when_ready(std::function<void(const Route&)> then);
  // A connection was made or lost.
  void look();

  // The member didn't answer, or not well: another one is asked from now on.
  void avoid(std::size_t member);
  void reject_token(const std::string& token);
  bool is_current(std::size_t member) const { return member == current_; }
  // Told whenever another member became the one that is asked.
  void on_move(std::function<void()> moved) { moved_ = std::move(moved); }

 private:
  struct Request;
  using RequestPtr = std::shared_ptr<Request>;

  void step(const RequestPtr& request);
  void send(const RequestPtr& request, const Route& route);
  void answered(const RequestPtr& request, const Route& route, Status status);
  void step_later(const RequestPtr& request, const Status& why);
  void end(const RequestPtr& request, Status status);
  void diagnose();
  void authenticate();
  void authenticated(std::size_t member, const Status& status, const std::string& token);

  Loop& loop_;
  Rpc& rpc_;
  const EtcdOptions options_;
  std::size_t current_ = 0;
  std::function<void()> moved_;
  std::vector<std::function<void(const Route&)>> waiting_;
  std::string token_;
  bool has_token_;  // or needs none
  bool is_authenticating_ = false;
  bool is_diagnosing_ = false;
  Status trouble_;  // why nothing could be sent
};

// The end of the range of all keys with a prefix.
std::string end_of_prefix(std::string prefix);

}  // namespace roost::cluster::etcd
