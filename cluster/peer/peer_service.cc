// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/peer_service.h"

#include <utility>
#include <vector>

#include "cluster/peer/hello.h"
#include "cluster/peer/settings.h"

namespace roost::cluster::peer {
namespace {

// Between two lines about those who are no peers.
constexpr std::int64_t kSayMs = 1000;

}  // namespace

PeerService::PeerService(const PeerIdentity& self, const LinkTable& links, Log& log, Counts& counts,
                         std::shared_ptr<LiveCount> live)
    : self_(self), links_(links), log_(log), counts_(counts), live_(std::move(live)) {}

WireEvents& PeerService::accept(Wire& wire) {
  const auto stream = std::make_shared<Stream>(shared_from_this(), live_);
  stream->accept(wire);
  {
    std::lock_guard lock(mutex_);
    if (!is_closed_ && strangers_.size() < kStrangersMax) {
      strangers_[stream.get()] = {stream, now_ms() + kHelloMs};
      return *stream;
    }
  }
  stream->end();
  return *stream;
}

std::int64_t PeerService::tick(std::int64_t now_ms) {
  std::vector<std::shared_ptr<Stream>> late;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [stream, stranger] : strangers_) {
      if (now_ms >= stranger.until_ms) late.push_back(stranger.stream);
    }
  }
  for (const auto& stream : late) stream->end();
  return now_ms + kHelloMs;
}

void PeerService::close() {
  std::map<const Stream*, Stranger> strangers;
  {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
    strangers.swap(strangers_);
  }
  for (const auto& [key, stranger] : strangers) stranger.stream->end();
}

void PeerService::on_hello(const std::shared_ptr<Stream>& stream, const pb::Hello& hello) {
  {
    std::lock_guard lock(mutex_);
    strangers_.erase(stream.get());
    if (is_closed_) return stream->end();
  }
  const auto link = links_.find(hello.from().name());
  const std::string why = fault_of(*stream, hello);
  if (!why.empty()) {
    link ? link->refused(why) : log_refusal(why);
    return refuse(*stream, hello, pb::MISMATCH, why);
  }
  if (!link) return refuse(*stream, hello, pb::UNKNOWN_NAME, "");
  link->accept(stream, hello);
}

std::string PeerService::fault_of(const Stream& stream, const pb::Hello& hello) const {
  std::string why = mismatch(self_, hello);
  const std::string& name = hello.from().name();
  if (!why.empty()) return why;
  if (!stream.is_named(name)) {
    return "the certificate of node '" + shown(name) + "' doesn't name it among its DNS names";
  }
  if (!dials(name, self_.name)) return "node '" + shown(name) + "' is not the one that dials";
  return "";
}

void PeerService::refuse(Stream& stream, const pb::Hello& hello, pb::Refusal refusal,
                         const std::string& why) {
  pb::Hello answer = make_hello(self_, hello.from().name(), Lane::replication, hello.session());
  answer.set_lane(hello.lane());
  answer.set_refusal(refusal);
  answer.set_why(why);
  stream.refuse(answer);
}

void PeerService::log_refusal(const std::string& why) {
  counts_.refused_hellos.add();
  std::lock_guard lock(mutex_);
  const std::int64_t now = now_ms();
  if (said_ == why || now < say_at_ms_) return;
  said_ = why;
  say_at_ms_ = now + kSayMs;
  if (log_.enabled(LogLevel::error)) log_.write(LogLevel::error, "peer refused: " + why);
}

void PeerService::on_envelope(const std::shared_ptr<Stream>& stream, pb::Envelope&) {
  stream->end();
}

void PeerService::on_end(const Stream& stream, const std::string&) {
  std::lock_guard lock(mutex_);
  strangers_.erase(&stream);
}

}  // namespace roost::cluster::peer
