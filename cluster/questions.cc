// SPDX-License-Identifier: Apache-2.0
#include "cluster/questions.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace roost::cluster {

void Questions::ask(PeerId to, std::uint64_t session, std::string_view question, SteadyMs until_ms,
                    Cluster::Answered done) {
  if (question.size() > kAnswerMax) {
    return done(error(ErrorKind::resource_exhausted, "the question is too long"));
  }
  if (asked_.size() >= kPendingMax) {
    return done(error(ErrorKind::unavailable, "too many questions wait for answers"));
  }
  const std::uint64_t number = ++last_;
  asked_.emplace(number, Asked{to, session, until_ms, std::move(done), {}});
  if (say(to, session, false, number, question)) return;
  give_up([number](const auto& one) { return one.first == number; }, "there is no link to it");
}

void Questions::answer(PeerId to, std::uint64_t session, std::uint64_t number,
                       std::string_view answer) {
  say(to, session, true, number, answer);
}

bool Questions::say(PeerId to, std::uint64_t session, bool is_answer, std::uint64_t number,
                    std::string_view bytes) {
  bool is_last = false;
  while (!is_last) {
    const std::string_view part = bytes.substr(0, kTalkPartBytes);
    bytes.remove_prefix(part.size());
    is_last = bytes.empty();
    const PeerTalk talk{is_answer, number, is_last, std::string(part)};
    if (!send_(to, session, encode(talk))) return false;
  }
  return true;
}

bool Questions::came(PeerId from, std::uint64_t session, PeerTalk part, std::string& question) {
  const auto at = coming_.try_emplace(From{from, session, part.number}).first;
  at->second += part.bytes;
  const bool is_whole = part.is_last && at->second.size() <= kAnswerMax;
  if (is_whole) question = std::move(at->second);
  // What is too long goes unanswered; whoever asks that was told before.
  if (part.is_last || at->second.size() > kAnswerMax) coming_.erase(at);
  return is_whole;
}

void Questions::answered(PeerId from, std::uint64_t session, PeerTalk part) {
  const auto at = asked_.find(part.number);
  if (at == asked_.end() || at->second.to != from || at->second.session != session) return;
  at->second.parts += part.bytes;
  const bool is_too_long = at->second.parts.size() > kAnswerMax;
  if (!part.is_last && !is_too_long) return;
  Asked asked = std::move(at->second);
  asked_.erase(at);
  if (is_too_long)
    return asked.done(error(ErrorKind::resource_exhausted, "its answer is too long"));
  asked.done(std::move(asked.parts));
}

template <typename Which>
void Questions::give_up(Which which, const std::string& why) {
  std::vector<Asked> over;
  for (auto at = asked_.begin(); at != asked_.end();) {
    const auto next = std::next(at);
    if (which(*at)) {
      over.push_back(std::move(at->second));
      asked_.erase(at);
    }
    at = next;
  }
  for (Asked& asked : over) asked.done(error(ErrorKind::unavailable, why));
}

void Questions::on_peer_down(PeerId peer, std::uint64_t session) {
  std::erase_if(coming_, [&](const auto& one) {
    return one.first.peer == peer && one.first.session == session;
  });
  give_up([&](const auto& one) { return one.second.to == peer && one.second.session == session; },
          "the link to it broke");
}

void Questions::tick(SteadyMs now_ms) {
  give_up([&](const auto& one) { return now_ms >= one.second.until_ms; }, "it doesn't answer");
}

void Questions::end() {
  coming_.clear();
  give_up([](const auto&) { return true; }, "this node is stopping");
}

}  // namespace roost::cluster
