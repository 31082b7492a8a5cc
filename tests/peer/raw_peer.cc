// SPDX-License-Identifier: Apache-2.0
#include "tests/peer/raw_peer.h"

#include <chrono>
#include <functional>
#include <map>
#include <utility>

#include "broker/base/check.h"
#include "cluster/peer/grpc_peer_network.h"
#include "cluster/peer/hello.h"
#include "tests/peer/peer_node.h"

namespace roost::cluster {

namespace pb = peer::pb;

class RawPeer::Ends final : public peer::StreamOwner {
 public:
  Ends(std::string name) : name_(std::move(name)) {}

  void on_hello(const std::shared_ptr<peer::Stream>& stream, const pb::Hello& hello) override {
    std::lock_guard lock(mutex_);
    hellos_.push_back(hello);
    if (hello.to() == name_ && hello.refusal() == pb::NONE && refusal_ != pb::NONE) {
      pb::Hello answer = peer::make_hello({"farm", name_, 1, "", "", 1, 0}, hello.from().name(),
                                          static_cast<Lane>(hello.lane()), hello.session());
      answer.set_refusal(refusal_);
      answer.set_last_session(last_session_);
      stream->refuse(answer);
    }
    said_[stream.get()] = hello;
    changed_.notify_all();
  }
  void on_envelope(const std::shared_ptr<peer::Stream>& stream, pb::Envelope&) override {
    stream->go_on();
  }
  void on_sent(std::size_t, std::size_t, std::size_t) override {}
  void on_end(const peer::Stream& stream, const std::string&) override {
    std::lock_guard lock(mutex_);
    pb::Hello& said = said_[&stream];
    if (said.why().empty() && !said.has_from()) said.set_why("closed");
    changed_.notify_all();
  }

  pb::Hello wait_for(const peer::Stream& stream) {
    std::unique_lock lock(mutex_);
    CHECK(changed_.wait_for(lock, kPatience, [&] { return said_.contains(&stream); }));
    return said_[&stream];
  }
  bool wait_for(const std::function<bool(const pb::Hello&)>& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] {
      for (const pb::Hello& hello : hellos_) {
        if (holds(hello)) return true;
      }
      return false;
    });
  }
  void answer_with(pb::Refusal refusal, std::uint64_t last_session) {
    std::lock_guard lock(mutex_);
    refusal_ = refusal;
    last_session_ = last_session;
  }

 private:
  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<const peer::Stream*, pb::Hello> said_;
  std::vector<pb::Hello> hellos_;
  pb::Refusal refusal_ = pb::NONE;
  std::uint64_t last_session_ = 0;
};

RawPeer::RawPeer(const std::string& name)
    : name_(name), live_(std::make_shared<peer::LiveCount>()), ends_(std::make_shared<Ends>(name)) {
  auto made = peer::Transport::make(
      "127.0.0.1:0", PeerTls{}, [this](peer::Wire& wire) -> peer::WireEvents& {
        const auto stream = std::make_shared<peer::Stream>(ends_, live_);
        stream->accept(wire);
        return *stream;
      });
  CHECK(made.has_value());
  transport_ = std::move(*made);
}

RawPeer::~RawPeer() {
  end();
  transport_->stop();
  live_->wait_for_none();
}

void RawPeer::end() {
  for (const auto& stream : streams_) stream->end();
  streams_.clear();
}

PeerAddress RawPeer::as(PeerId id) const {
  return {id, name_, "127.0.0.1:" + std::to_string(port())};
}

pb::Hello RawPeer::dial(const PeerAddress& to, Lane lane, std::uint64_t session) {
  const auto stream = std::make_shared<peer::Stream>(ends_, live_);
  streams_.push_back(stream);
  stream->dial(*transport_, to.address,
               peer::make_hello({"farm", name_, 1, "", "", 1, 0}, to.name, lane, session));
  return ends_->wait_for(*stream);
}

void RawPeer::send(Lane lane, const std::string& chunk) {
  const auto& stream = streams_[static_cast<std::size_t>(lane)];
  stream->open(static_cast<std::size_t>(lane), pacer_);
  CHECK(stream->send(chunk));
}

void RawPeer::answer_with(pb::Refusal refusal, std::uint64_t last_session) {
  ends_->answer_with(refusal, last_session);
}

bool RawPeer::wait_for_hello(const std::function<bool(const pb::Hello&)>& holds) {
  return ends_->wait_for(holds);
}

}  // namespace roost::cluster
