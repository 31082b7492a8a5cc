// SPDX-License-Identifier: Apache-2.0
// Questions between the brokers of two nodes, and their answers: bytes that mean nothing here, in
// parts that fit a chunk, on the bulk lane.
// Thread: one; answers of this node are handed to it from anywhere.
// Owner: ClusterNode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "broker/base/clock.h"
#include "broker/base/ids.h"
#include "broker/base/result.h"
#include "cluster/cluster.h"
#include "cluster/peer_messages.h"

namespace roost::cluster {

class Questions {
 public:
  static constexpr std::size_t kPendingMax = 256;       // asked and not answered
  static constexpr std::size_t kAnswerMax = 16U << 20;  // bytes of a question or an answer
  using Send = std::function<bool(PeerId to, std::uint64_t session, std::string chunk)>;

  explicit Questions(Send send) : send_(std::move(send)) {}

  // `done` once: the answer, or unavailable (the session ends, the time is over, too many are
  // pending), resource_exhausted (larger than kAnswerMax).
  void ask(PeerId to, std::uint64_t session, std::string_view question, SteadyMs until_ms,
           Cluster::Answered done);
  // Says the answer to a question that came.
  void answer(PeerId to, std::uint64_t session, std::uint64_t number, std::string_view answer);
  // A part of a question came; true: `question` is whole now.
  bool came(PeerId from, std::uint64_t session, PeerTalk part, std::string& question);
  // A part of an answer.
  void answered(PeerId from, std::uint64_t session, PeerTalk part);
  void on_peer_down(PeerId peer, std::uint64_t session);
  void tick(SteadyMs now_ms);
  // Whoever waits is told.
  void end();
  std::size_t pending() const { return asked_.size(); }

 private:
  struct Asked {
    PeerId to;
    std::uint64_t session = 0;
    SteadyMs until_ms = 0;
    Cluster::Answered done;
    std::string parts;
  };
  struct From {
    PeerId peer;
    std::uint64_t session = 0, number = 0;
    friend auto operator<=>(const From& a, const From& b) {
      return std::tie(a.peer.value, a.session, a.number) <=>
             std::tie(b.peer.value, b.session, b.number);
    }
  };

  bool say(PeerId to, std::uint64_t session, bool is_answer, std::uint64_t number,
           std::string_view bytes);
  template <typename Which>
  void give_up(Which which, const std::string& why);

  const Send send_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Asked> asked_;
  std::map<From, std::string> coming_;  // questions that aren't whole yet
};

}  // namespace roost::cluster
