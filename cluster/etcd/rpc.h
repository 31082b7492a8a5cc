// SPDX-License-Identifier: Apache-2.0
// The calls to etcd's members, each member with a connection of its own, which is made again for
// ever. Which member, how often and with which token is decided by Requests.
// Thread: the loop's; all callbacks too, none inside the call that it answers.
// Owner: Client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "broker/base/result.h"
#include "cluster/etcd/status.h"
#include "proto/coordinator.pb.h"

namespace roost::cluster {
struct EtcdOptions;
}

namespace roost::cluster::etcd {

class Loop;

// Where a call goes, and with what.
struct Route {
  std::size_t member = 0;
  std::string token;            // empty: none
  std::int64_t timeout_ms = 0;  // 0: none, for streams
};

template <typename Response>
using Answered = std::function<void(Status, Response&)>;

// Ends with its destructor, after which nothing is told any more.
class Stream {
 public:
  virtual ~Stream() = default;
};

// `on_end` is told once, when the other side or the network ended it.
template <typename Response>
struct StreamEvents {
  std::function<void(Response&)> on_message;
  std::function<void(Status)> on_end;
};

class Rpc {
 public:
  // `on_ready`: a connection to a member was made or lost. Errors: those of reading the PEM files.
  static Result<std::unique_ptr<Rpc>> make(Loop& loop, const EtcdOptions& options,
                                           std::function<void()> on_ready);
  virtual ~Rpc() = default;

  virtual void start() = 0;
  // Ends all calls; nothing is told any more and nothing may be begun.
  virtual void stop() = 0;
  virtual std::size_t member_count() const = 0;
  virtual bool is_ready(std::size_t member) const = 0;

  virtual void call(const Route& route, const etcdserverpb::RangeRequest& request,
                    Answered<etcdserverpb::RangeResponse> answered) = 0;
  virtual void call(const Route& route, const etcdserverpb::TxnRequest& request,
                    Answered<etcdserverpb::TxnResponse> answered) = 0;
  virtual void call(const Route& route, const etcdserverpb::LeaseGrantRequest& request,
                    Answered<etcdserverpb::LeaseGrantResponse> answered) = 0;
  virtual void call(const Route& route, const etcdserverpb::LeaseRevokeRequest& request,
                    Answered<etcdserverpb::LeaseRevokeResponse> answered) = 0;
  virtual void call(const Route& route, const etcdserverpb::AuthenticateRequest& request,
                    Answered<etcdserverpb::AuthenticateResponse> answered) = 0;

  // Each sends one request and then listens.
  virtual std::unique_ptr<Stream> open(const Route& route,
                                       const etcdserverpb::WatchRequest& request,
                                       StreamEvents<etcdserverpb::WatchResponse> events) = 0;
  virtual std::unique_ptr<Stream> open(
      const Route& route, const etcdserverpb::LeaseKeepAliveRequest& request,
      StreamEvents<etcdserverpb::LeaseKeepAliveResponse> events) = 0;
};

}  // namespace roost::cluster::etcd
