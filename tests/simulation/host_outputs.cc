// SPDX-License-Identifier: Apache-2.0
// What a Host does with what its replicas and its controller want done.
#include <algorithm>
#include <utility>

#include "tests/simulation/host.h"

namespace roost::simulation {

using cluster::TxnResult;
using replication::AppendOp;
using replication::BeginImportOp;
using replication::CutOp;
using replication::LogOp;
using replication::Output;
using replication::SeenRecord;

std::string Host::one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

void Host::turn(ShardId shard, Hosted& hosted) {
  observe(shard, hosted);
  while (!process_->is_dead) {
    output_.clear();
    hosted.replica->take(now_ms(), output_);
    if (output_.empty()) {
      break;
    }
    // Taken away: what is done in here may come back into a turn.
    Output output = std::exchange(output_, {});
    perform(shard, hosted, output);
    if (process_->is_dead) {
      return;
    }
    observe(shard, hosted);
  }
}

bool Host::counts_output() {
  if (outputs_left_ && (*outputs_left_)-- == 0) {
    outputs_left_.reset();
    die("a crash between two outputs");
  }
  return !process_->is_dead;
}

void Host::perform(ShardId shard, Hosted& hosted, Output& output) {
  // No order is asked for between the log and the rest.
  const bool log_first = random_.one_in(2);
  if (!log_first) {
    perform_rest(shard, hosted, output);
  }
  for (LogOp& op : output.log) {
    if (!counts_output()) {
      return;
    }
    perform_log(shard, hosted, op);
  }
  for (const replication::LogRead& read : output.reads) {
    if (!process_->is_dead) {
      read_log(shard, read);
    }
  }
  if (log_first) {
    perform_rest(shard, hosted, output);
  }
}

void Host::perform_log(ShardId shard, Hosted& hosted, LogOp& op) {
  const ShardOnDisk& disk = disk_.now(shard);
  if (const auto* append = std::get_if<AppendOp>(&op.what)) {
    for (const auto& record : *append->records) {
      world_.checker.on_named(shard, record.position.index, seen_of(record));
    }
  } else if (const auto* cut = std::get_if<CutOp>(&op.what)) {
    world_.counters.add("cuts", disk.last() > cut->last ? 1 : 0);
    world_.trace.say(who_, [&] {
      return "shard " + std::to_string(shard.value) + " cuts " + std::to_string(disk.last()) +
             " to " + std::to_string(cut->last);
    });
    world_.checker.on_cut(shard, who_, cut->last + 1, disk);
  } else if (const auto* begin = std::get_if<BeginImportOp>(&op.what)) {
    hosted.importing = begin->meta.import;
    hosted.imported.reset();
    hosted.applied = 0;
    hosted.commit = 0;
    world_.trace.say(who_, [&] {
      return "shard " + std::to_string(shard.value) + " empties itself for import " +
             std::to_string(begin->meta.import);
    });
    world_.post.emptied(shard, self(), who_, disk);
  }
  disk_.submit(shard, op.number,
               std::visit([](auto& what) { return Disk::What(std::move(what)); }, op.what));
}

void Host::perform_rest(ShardId shard, Hosted& /*hosted*/, Output& output) {
  for (const replication::Send& send : output.sends) {
    if (!counts_output()) {
      return;
    }
    world_.post.send(index_, replication::member_id(self()), send.to, shard, send.message);
  }
  for (replication::TxnRequest& txn : output.txns) {
    if (!counts_output()) {
      return;
    }
    start_txn(shard, txn);
  }
  if (process_->is_dead) {
    return;
  }
  if (output.record_read) {
    read_record(shard, *output.record_read);
  }
  for (const replication::SnapshotRequest& request : output.snapshots) {
    start_snapshot(shard, request);
  }
  for (const replication::RaisedAlarm& alarm : output.alarms) {
    world_.counters.add("alarm_" + std::to_string(static_cast<int>(alarm.alarm)));
    world_.trace.say(
        who_, [&] { return "shard " + std::to_string(shard.value) + " ALARM: " + alarm.text; });
  }
  reports_soon_ |= output.is_status_changed;
}

void Host::start_txn(ShardId shard, replication::TxnRequest& request) {
  world_.trace.say(who_, [&] {
    std::string text = "shard " + std::to_string(shard.value) + " asks:";
    for (const cluster::Change& change : request.txn.changes) {
      if (const auto* put = std::get_if<cluster::PutKey>(&change)) {
        text += " " + one_line(put->value);
      }
    }
    return text;
  });
  asking_ = shard;
  connection_->transact(
      std::move(request.txn), [this, shard, id = request.id](const TxnResult& result) {
        count_outcome(result);
        input(shard, [&](Hosted& hosted) { hosted.replica->on_txn_result(id, result); });
      });
  asking_.reset();
}

void Host::count_outcome(const TxnResult& result) {
  static constexpr const char* kNames[] = {"txn_done", "txn_refused", "txn_failed", "txn_unknown"};
  world_.counters.add(kNames[static_cast<int>(result.outcome)]);
}

void Host::read_record(ShardId shard, std::uint64_t id) {
  const std::string key = world_.keys.shard(shard);
  connection_->list(key, [this, shard, id, key](const Result<cluster::Listing>& all) {
    std::optional<SeenRecord> seen;
    if (all) {
      for (const cluster::KeyValue& one : (*all).keys) {
        auto record = cluster::decode_shard_record(one.value);
        if (one.key == key && record) {
          seen = SeenRecord{*record, one.modified};
        }
      }
    }
    input(shard,
          [&](Hosted& hosted) { hosted.replica->on_record_read(id, seen ? &*seen : nullptr); });
  });
}

void Host::read_log(ShardId shard, const replication::LogRead& read) {
  const ShardOnDisk& disk = disk_.now(shard);
  std::vector<replication::LogRecord> records;
  if (read.first >= disk.first_kept) {
    std::uint64_t bytes = 0;
    for (LogIndex i = read.first; i <= std::min(read.last, disk.last()); ++i) {
      records.push_back(disk.record(i));
      bytes += disk.record(i).bytes.size();
      if (bytes >= read.bytes_max || random_.one_in(20)) {
        break;
      }
    }
  }
  world_.counters.add("log_reads");
  world_.queue.after(random_.between(50, 2000), [this, process = process_, shard, id = read.id,
                                                 records = std::move(records)] {
    process->run(
        [&] { input(shard, [&](Hosted& hosted) { hosted.replica->on_log_read(id, records); }); });
  });
}

void Host::start_snapshot(ShardId shard, const replication::SnapshotRequest& request) {
  const ShardOnDisk& disk = disk_.now(shard);
  auto content = std::make_shared<ImportWrite>();
  content->table = disk.table;
  content->first_kept = disk.first_kept;
  content->applied = shards_[shard].applied;
  content->log.assign(disk.log.begin(), disk.log.end());
  world_.counters.add("snapshots");
  send_next_part(shard, request, std::move(content), random_.below(4));
}

void Host::send_next_part(ShardId shard, replication::SnapshotRequest request,
                          std::shared_ptr<const ImportWrite> content, std::uint64_t parts_left) {
  const ImportPart part{request.import, parts_left == 0, content.get()};
  world_.post.send_part(
      index_, request.to, shard, part,
      [this, process = process_, shard, request, content, parts_left](bool is_wanted) {
        process->run([=, this] {
          const bool goes_on = is_wanted && parts_left > 0;
          input(shard, [&](Hosted& hosted) {
            if (goes_on) {
              hosted.replica->on_snapshot_progress(request.to, request.import);
            } else {
              hosted.replica->on_snapshot_ended(request.to, request.import);
            }
          });
          if (goes_on && !process->is_dead) {
            send_next_part(shard, request, content, parts_left - 1);
          }
        });
      });
}

void Host::turn_controller() {
  while (!process_->is_dead) {
    controller_output_.clear();
    controller_.take(now_ms(), controller_output_);
    if (controller_output_.txns.empty() && controller_output_.alarms.empty()) {
      return;
    }
    cluster::ControllerOutput output = std::exchange(controller_output_, {});
    for (replication::TxnRequest& request : output.txns) {
      if (!counts_output()) {
        return;
      }
      start_controller_txn(request);
    }
    for (const auto& raised : output.alarms) {
      world_.counters.add("controller_alarm_" + std::to_string(static_cast<int>(raised.alarm)));
      world_.trace.say(who_, [&] {
        return "controller ALARM: shard " + std::to_string(raised.shard.value) + " " + raised.text;
      });
    }
  }
}

void Host::start_controller_txn(replication::TxnRequest& request) {
  world_.trace.say(who_, [&] {
    std::string text = "controller asks:";
    for (const cluster::Change& change : request.txn.changes) {
      if (const auto* put = std::get_if<cluster::PutKey>(&change)) {
        text += " " + put->key + " " + one_line(put->value);
      }
    }
    return text;
  });
  connection_->transact(std::move(request.txn), [this, id = request.id](const TxnResult& result) {
    count_outcome(result);
    controller_.on_txn_result(id, result);
    turn_controller();
  });
}

}  // namespace roost::simulation
