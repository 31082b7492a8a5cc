// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/lease.h"

#include <algorithm>
#include <utility>

namespace roost::cluster::etcd {
namespace {

namespace pb = etcdserverpb;

constexpr std::int64_t kTickMs = 20;     // while a renewal is under way
constexpr std::int64_t kPauseMs = 50;    // before the next attempt
constexpr std::int64_t kAnswerMs = 200;  // the least time for an answer

}  // namespace

void LeaseRun::begin(std::int64_t sent_at) {
  renewed_at_ = sent_at;
  renew_at_ = sent_at + ttl_ms_ / 3;
  client_.note_lease(sent_at + ttl_ms_);
  tick();
}

void LeaseRun::tick() {
  if (is_over_) return;
  const std::int64_t now = Loop::now_ms();
  if (now - renewed_at_ >= ttl_ms_) return lose();
  if (!is_left_ && !is_renewing_ && now >= renew_at_) renew();
  const std::int64_t end_at = renewed_at_ + ttl_ms_;
  const std::int64_t next_at = is_left_ ? end_at : is_renewing_ ? now + kTickMs : renew_at_;
  client_.loop().after(std::max<std::int64_t>(std::min(next_at, end_at) - now, 1),
                       [self = shared_from_this()] { self->tick(); });
}

void LeaseRun::renew() {
  is_renewing_ = true;
  client_.requests().when_ready([self = shared_from_this()](const Route& route) {
    if (!self->is_over_ && !self->is_left_) self->renew_on(route);
  });
}

void LeaseRun::renew_on(Route route) {
  route.timeout_ms = std::max(ttl_ms_ / 6, kAnswerMs);
  pb::LeaseKeepAliveRequest request;
  request.set_id(id_);
  sent_at_ = Loop::now_ms();
  stream_ =
      client_.rpc().open(route, request,
                         {[self = shared_from_this()](const pb::LeaseKeepAliveResponse& response) {
                            self->renewed(response.ttl_s());
                          },
                          [self = shared_from_this(), route](const Status& status) {
                            self->not_renewed(route, status);
                          }});
}

void LeaseRun::renewed(std::int64_t ttl_s) {
  stream_.reset();
  is_renewing_ = false;
  client_.note_answer();
  if (ttl_s <= 0) return lose();
  renewed_at_ = sent_at_;
  client_.note_lease(sent_at_ + ttl_ms_);
  renew_at_ = sent_at_ + ttl_ms_ / 3;
}

void LeaseRun::not_renewed(const Route& route, const Status& status) {
  stream_.reset();
  is_renewing_ = false;
  renew_at_ = Loop::now_ms() + kPauseMs;
  if (judge(status) == Verdict::token_rejected) {
    client_.requests().reject_token(route.token);
  } else {
    client_.requests().avoid(route.member);
  }
}

void LeaseRun::leave() {
  is_left_ = true;
  stream_.reset();
}

void LeaseRun::revoke() {
  if (std::exchange(is_over_, true)) return;
  client_.note_lease(0);
  stream_.reset();
  if (!is_left_) client_.revoke(id_);
}

void LeaseRun::lose() {
  client_.note_lease(0);
  is_over_ = true;
  stream_.reset();
  guard_.run([this] { on_lost_(); });
}

}  // namespace roost::cluster::etcd
