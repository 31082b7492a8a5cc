// SPDX-License-Identifier: Apache-2.0
// What an operator asks of the cluster: done by the node that is the controller, wherever it is
// asked.
#include <chrono>
#include <future>
#include <utility>

#include "cluster/cluster_node.h"

namespace roost::cluster {
namespace {

constexpr std::int64_t kAgainMs = 200;    // after "unavailable"
constexpr std::int64_t kSilentMs = 1000;  // without an answer: asked again

// What was asked twice by chance does no harm. A forced leader would get another lineage.
bool may_repeat(const PeerCommand& what) { return what.kind != PeerCommand::Kind::force_leader; }

}  // namespace

struct ClusterNode::Command {
  PeerCommand what;
  std::promise<Result<void>> result;
  SteadyMs until_ms = 0, next_ms = 0;
  bool is_sent = false;
  Error last{ErrorKind::unavailable, "no controller answers"};
};

Result<void> ClusterNode::remove_node(const std::string& name, bool undo) {
  using Kind = PeerCommand::Kind;
  return run({0, undo ? Kind::undo_remove : Kind::remove_node, name, {}});
}

Result<void> ClusterNode::move_leaders(const std::string& from) {
  return run({0, PeerCommand::Kind::move_leaders, from, {}});
}

Result<void> ClusterNode::force_leader(ShardId shard, const std::string& to) {
  return run({0, PeerCommand::Kind::force_leader, to, shard});
}

Result<void> ClusterNode::run(PeerCommand what) {
  auto command = std::make_shared<Command>();
  command->what = std::move(what);
  auto result = command->result.get_future();
  post_([this, command] {
    command->what.id = ++last_command_;
    command->until_ms = clock_.steady_ms() + settings_.command_ms;
    commands_.push_back(command);
    tick_commands();
  });
  // The thread answers in time unless this node is stopping.
  if (result.wait_for(std::chrono::milliseconds(2 * settings_.command_ms)) !=
      std::future_status::ready) {
    return error(ErrorKind::unavailable, "this node is stopping");
  }
  return result.get();
}

void ClusterNode::tick_commands() {
  const SteadyMs now = clock_.steady_ms();
  const auto all = commands_;
  for (const CommandPtr& command : all) {
    if (now >= command->until_ms) {
      give_up(command);
    } else if (now >= command->next_ms) {
      try_command(command);
    }
  }
}

void ClusterNode::try_command(const CommandPtr& command) {
  const PeerCommand& what = command->what;
  command->next_ms = clock_.steady_ms() + kAgainMs;
  if (controller_name_ == settings_.node) return settle(command, execute(what));
  const ClusterView::Peer* peer = view_.peer(controller_name_);
  if (peer == nullptr || peer->session == 0 || (command->is_sent && !may_repeat(what))) return;
  command->is_sent = network_->send(peer->id, peer->session, Lane::replication, encode(what));
  if (!command->is_sent) return;
  command->next_ms = clock_.steady_ms() + kSilentMs;
  command->last.message = "no answer from " + controller_name_ + "; it may have been done";
}

Result<void> ClusterNode::execute(const PeerCommand& what) {
  if (!controller_ || !controller_->is_controller()) {
    return error(ErrorKind::unavailable, "no node is the controller yet");
  }
  const auto node = view_.nodes().find(what.node);
  Result<void> result;
  switch (what.kind) {
    case PeerCommand::Kind::remove_node:
      result = controller_->leave(what.node);
      break;
    case PeerCommand::Kind::undo_remove:
      result = controller_->undo_leave(what.node);
      break;
    case PeerCommand::Kind::move_leaders:
    case PeerCommand::Kind::force_leader:
      if (node == view_.nodes().end()) {
        return error(ErrorKind::not_found, "there is no node " + what.node);
      }
      if (what.kind == PeerCommand::Kind::force_leader) {
        result = controller_->force_leader(what.shard, {what.node, node->second.store});
      } else if (view_.nodes().size() < 2) {
        return error(ErrorKind::invalid_argument, "there is no other node");
      } else {
        emptied_[what.node] = {node->second.incarnation, clock_.steady_ms() + settings_.emptied_ms};
      }
  }
  turn_controller();
  if (result) {
    log_.write(LogLevel::info, "cluster " + settings_.cluster + ": command " +
                                   std::to_string(static_cast<int>(what.kind)) + " for " +
                                   what.node + " begun");
  }
  return result;
}

void ClusterNode::on_command(PeerId from, std::uint64_t session, const PeerCommand& what) {
  const auto result = execute(what);
  PeerAnswer answer{what.id, result.has_value(), ErrorKind::unavailable, {}};
  if (!result) {
    answer.kind = result.error().kind;
    answer.message = result.error().message;
  }
  network_->send(from, session, Lane::replication, encode(answer));
}

void ClusterNode::on_answer(const PeerAnswer& answer) {
  const auto all = commands_;
  for (const CommandPtr& command : all) {
    if (command->what.id != answer.id) continue;
    if (answer.is_done) return settle(command, {});
    command->is_sent = false;  // refused: nothing was done
    settle(command, error(answer.kind, answer.message));
  }
}

// Who says that it isn't the controller, or that the shard is being changed, is asked again.
void ClusterNode::settle(const CommandPtr& command, Result<void> result) {
  if (!result && result.error().kind == ErrorKind::unavailable) {
    command->last = std::move(result).error();
    command->next_ms = clock_.steady_ms() + kAgainMs;
    return;
  }
  std::erase(commands_, command);
  command->result.set_value(std::move(result));
}

void ClusterNode::give_up(const CommandPtr& command) {
  std::erase(commands_, command);
  command->result.set_value(Unexpected(std::move(command->last)));
}

void ClusterNode::drain() {
  post_([this] {
    is_draining_ = is_report_urgent_ = true;
    note_status();
    if (controller_) send_report();
  });
}

// --- from broker to broker ---

// What is posted when the thread has ended is dropped: whoever asks must have an end of its own.
void ClusterNode::ask(const std::string& node, std::string question, std::int64_t timeout_ms,
                      Answered done) {
  post_([this, node, question = std::move(question), timeout_ms, done = std::move(done)]() mutable {
    const ClusterView::Peer* peer = view_.peer(node);
    if (peer == nullptr || peer->session == 0) {
      return done(error(ErrorKind::unavailable, "there is no link to it"));
    }
    questions_.ask(peer->id, peer->session, question, clock_.steady_ms() + timeout_ms,
                   std::move(done));
  });
}

void ClusterNode::on_talk(PeerId from, std::uint64_t session, PeerTalk talk) {
  if (talk.is_answer) return questions_.answered(from, session, std::move(talk));
  std::string question;
  const std::uint64_t number = talk.number;
  if (!questions_.came(from, session, std::move(talk), question)) return;
  auto reply = [this, post = post_, from, session, number](std::string answer) {
    post([this, from, session, number, answer = std::move(answer)] {
      questions_.answer(from, session, number, answer);
    });
  };
  if (!asked_) return reply({});
  asked_(std::move(question), std::move(reply));
}

}  // namespace roost::cluster
