// SPDX-License-Identifier: Apache-2.0
// What a Host does as its replicas move on: applies, answers clients, keeps and trims.
#include <algorithm>
#include <utility>

#include "tests/simulation/host.h"

namespace roost::simulation {

using replication::Role;

namespace {

std::string_view name_of(Role role) {
  static constexpr std::string_view kNames[] = {"follower", "fencing",   "confirming",
                                                "leader",   "importing", "stopped"};
  return kNames[static_cast<int>(role)];
}

}  // namespace

void Host::observe(ShardId shard, Hosted& hosted) {
  replication::ShardReplica& replica = *hosted.replica;
  const Role role = replica.role();
  if (role != hosted.role) {
    world_.trace.say(who_, [&] {
      return "shard " + std::to_string(shard.value) + " is " + std::string(name_of(role)) +
             " in epoch " + std::to_string(replica.epoch()) + ", log to " +
             std::to_string(replica.last().index) + ", commit " + std::to_string(replica.commit());
    });
    hosted.role = role;
    if (role == Role::leader) {
      world_.counters.add("take_overs");
      world_.checker.on_serving(shard, replica.epoch(), who_, disk_.now(shard));
    }
  }
  if (replica.commit() != hosted.commit) {
    if (role == Role::leader) {
      world_.checker.on_commit(shard, replica.epoch(), who_, replica.commit());
    }
    hosted.commit = replica.commit();
  }
  // State may be behind the log for a while.
  if (!random_.one_in(4)) {
    apply(shard, hosted);
  }
  answer_appends(shard, hosted);
  answer_reads(shard, hosted);
}

void Host::apply(ShardId shard, Hosted& hosted) {
  const LogIndex to = hosted.replica->apply_to();
  if (hosted.applied >= to || hosted.importing != 0) {
    return;
  }
  const ShardOnDisk& disk = disk_.now(shard);
  for (; hosted.applied < to; ++hosted.applied) {
    world_.checker.on_apply(shard, who_, hosted.applied + 1, disk.at(hosted.applied + 1));
  }
  hosted.replica->on_applied(hosted.applied);
}

void Host::answer_appends(ShardId shard, Hosted& hosted) {
  while (!hosted.appends.empty()) {
    const PendingAppend& first = hosted.appends.front();
    const bool still_leads = hosted.role == Role::leader || hosted.role == Role::confirming;
    if (!still_leads || hosted.replica->epoch() != first.position.epoch) {
      world_.answers.on_appended(first.request, false);
    } else if (first.position.index <= hosted.applied) {
      world_.checker.on_acknowledged(shard, first.position.index,
                                     {first.position.epoch, first.content});
      world_.answers.on_appended(first.request, true);
    } else {
      return;
    }
    hosted.appends.pop_front();
  }
}

void Host::answer_reads(ShardId shard, Hosted& hosted) {
  while (!hosted.reads.empty()) {
    const PendingRead& first = hosted.reads.front();
    if (hosted.role == Role::leader) {
      const auto confirmed_ms = hosted.replica->confirmed_ms();
      if (!confirmed_ms || *confirmed_ms <= first.since_ms) {
        return;
      }
      world_.checker.on_read(shard, who_, first.acknowledged_before, hosted.replica->commit());
      world_.answers.on_read(first.request);
    }
    hosted.reads.pop_front();
  }
}

// Flushes the state now and then, and deletes of the log what nobody asks for; sometimes more, as
// a size cap would.
void Host::keep_state(ShardId shard, Hosted& hosted) {
  apply(shard, hosted);
  if (hosted.importing != 0 || !random_.one_in(8)) {
    return;
  }
  disk_.flush_state(shard, hosted.applied);
  const LogIndex wanted = hosted.replica->wanted_from();
  const LogIndex limit =
      random_.one_in(8) ? hosted.applied + 1 : std::min(wanted, hosted.applied + 1);
  const LogIndex first = disk_.now(shard).first_kept;
  if (limit > first && random_.one_in(4)) {
    const LogIndex to = first + random_.below(limit - first + 1);
    world_.counters.add("trims");
    disk_.trim(shard, to);
    hosted.replica->on_trimmed(disk_.now(shard).first_kept);
  }
}

}  // namespace roost::simulation
