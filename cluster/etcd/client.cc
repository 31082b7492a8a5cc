// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/client.h"

#include <chrono>
#include <future>

namespace roost::cluster::etcd {
namespace {

namespace pb = etcdserverpb;

constexpr std::int64_t kProbeMs = 1000;  // how often, and how long the answer may take
constexpr std::chrono::seconds kRevokeWait{1};

}  // namespace

Result<std::shared_ptr<Client>> Client::make(const EtcdOptions& options) {
  auto client = std::make_shared<Client>();
  auto rpc = Rpc::make(client->loop_, options, [raw = client.get()] { raw->requests_->look(); });
  if (!rpc) return Unexpected(rpc.error());
  client->rpc_ = std::move(*rpc);
  client->requests_ = std::make_unique<Requests>(client->loop_, *client->rpc_, options);
  client->requests_->on_move([raw = client.get()] { raw->moved(); });
  client->loop_.start();
  client->loop_.post([raw = client.get()] {
    raw->rpc_->start();
    raw->probe();
  });
  return client;
}

void Client::stop() {
  auto revoked = std::make_shared<std::promise<void>>();
  loop_.post([this, revoked] {
    if (revocations_ == 0) return revoked->set_value();
    on_revoked_ = [revoked] { revoked->set_value(); };
  });
  revoked->get_future().wait_for(kRevokeWait);
  loop_.stop([this] { rpc_->stop(); });
}

void Client::revoke(std::int64_t lease) {
  ++revocations_;
  pb::LeaseRevokeRequest request;
  request.set_id(lease);
  ask<pb::LeaseRevokeRequest, pb::LeaseRevokeResponse>(
      Requests::Repeat::yes, std::move(request),
      [this](const Requests::Ending&, pb::LeaseRevokeResponse&) {
        if (--revocations_ == 0 && on_revoked_) std::exchange(on_revoked_, nullptr)();
      });
}

void Client::moved() {
  // Who is told may unfollow.
  for (Follower* follower : std::set<Follower*>(followers_)) {
    if (followers_.contains(follower)) follower->moved();
  }
}

// Linearizable, so that a member without the others fails it too. Any answer of its own is one.
void Client::probe() {
  loop_.after(kProbeMs, [this] { probe(); });
  if (followers_.empty() || is_probing_) return;
  is_probing_ = true;
  requests_->when_ready([this](Route route) {
    route.timeout_ms = kProbeMs;
    pb::RangeRequest request;
    request.set_key("/");
    request.set_count_only(true);
    rpc_->call(route, request, [this, route](const Status& status, pb::RangeResponse&) {
      is_probing_ = false;
      const Verdict verdict = judge(status);
      if (verdict == Verdict::token_rejected) requests_->reject_token(route.token);
      if (verdict == Verdict::unknown || verdict == Verdict::no_leader) {
        requests_->avoid(route.member);
      }
    });
  });
}

}  // namespace roost::cluster::etcd
