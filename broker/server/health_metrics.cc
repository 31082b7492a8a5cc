// SPDX-License-Identifier: Apache-2.0
// How long things take and wait, how full the disk is, and classes of clients.
#include <filesystem>
#include <string>
#include <system_error>

#include "broker/server/node.h"

namespace roost::server {

namespace {

namespace fs = std::filesystem;

std::vector<double> bounds() {
  std::vector<double> all;
  for (std::size_t i = 0; i < DurationCounts::kBounds; ++i) {
    all.push_back(static_cast<double>(DurationCounts::bound_us(i)) / 1e6);
  }
  return all;
}

void add_to(observe::HistogramValue& sum, const DurationCounts& counts) {
  sum.counts.resize(DurationCounts::kBounds + 1);
  for (std::size_t i = 0; i <= DurationCounts::kBounds; ++i) sum.counts[i] += counts.count(i);
  sum.sum += counts.sum_s();
}

const DurationCounts& commits_of(const Node& node, std::size_t core) {
  const gates::DiskGate* const gate = node.store->gate(core);
  return gate != nullptr ? gate->commits() : node.cluster->on_core()[core]->replicas.commits();
}

void add_durations(observe::Metrics& metrics, const Node& node) {
  metrics.add_histogram(
      "roost_commit_duration_seconds",
      "From when a record is appended until it is committed: on this disk, in a cluster on those "
      "of all copies in sync.",
      bounds(), [&node] {
        observe::HistogramValue sum;
        for (std::size_t i = 0; i < node.on_core.size(); ++i) add_to(sum, commits_of(node, i));
        return sum;
      });
  metrics.add_histogram("roost_log_fsync_duration_seconds",
                        "Group commits on this disk: one write and one fsync each.", bounds(),
                        [&store = node.store->store()] {
                          observe::HistogramValue sum;
                          add_to(sum, store.counters().sync_durations);
                          return sum;
                        });
  metrics.add_histogram(
      "roost_delivery_duration_seconds",
      "From a PUBLISH until it is written for a subscriber, where both sessions run on this node: "
      "of one message in " +
          std::to_string(routing::kMeasuredOneIn) + ", of clients that were there when it came.",
      bounds(), [&node] {
        observe::HistogramValue sum;
        for (const auto& core : node.on_core) {
          add_to(sum, std::as_const(core->sessions).deliveries());
        }
        return sum;
      });
}

// The oldest of all cores; 0: nothing waits.
double age_s(const Node& node, SteadyMs (session::QueueAge::*came)() const) {
  SteadyMs oldest_ms = 0;
  for (const auto& core : node.on_core) {
    const SteadyMs came_ms = (core->sessions.stale_queues().age().*came)();
    if (came_ms != 0 && (oldest_ms == 0 || came_ms < oldest_ms)) oldest_ms = came_ms;
  }
  if (oldest_ms == 0) return 0;
  return static_cast<double>(std::max<SteadyMs>(node.clock.steady_ms() - oldest_ms, 0)) / 1e3;
}

void add_queue_age(observe::Metrics& metrics, const Node& node) {
  using Q = session::QueueAge;
  constexpr std::pair<const char*, SteadyMs (Q::*)() const> kClients[] = {
      {"connected", &Q::connected_ms}, {"absent", &Q::absent_ms}};
  for (const auto& [client, came] : kClients) {
    metrics.add_gauge(
        "roost_queued_oldest_seconds",
        "Age of the oldest message that isn't sent or acknowledged yet, for clients that are "
        "connected and for those that are absent. Looked at bit by bit, a part each second.",
        [&node, came = came] { return age_s(node, came); }, {{"client", client}});
  }
}

void add_lag(observe::Metrics& metrics, const Node& node) {
  for (std::uint16_t core = 0; core < node.on_core.size(); ++core) {
    metrics.add_gauge(
        "roost_core_lag_seconds",
        "The longest turn of a core's event loop in the last second: so long may what was ready "
        "have waited.",
        [&node, core] {
          return static_cast<double>(
                     node.on_core[core]->sessions.core().counters().longest_ns.value()) /
                 1e9;
        },
        {{"core", std::to_string(core)}});
  }
}

double space(const Node& node, std::uintmax_t fs::space_info::*what) {
  std::error_code failed;
  const fs::space_info found = fs::space(node.config.data_dir, failed);
  return failed ? 0 : static_cast<double>(found.*what);
}

void add_disk(observe::Metrics& metrics, const Node& node) {
  metrics.add_gauge("roost_disk_free_bytes", "Free where data_dir is.",
                    [&node] { return space(node, &fs::space_info::available); });
  metrics.add_gauge("roost_disk_size_bytes", "Size of the file system where data_dir is.",
                    [&node] { return space(node, &fs::space_info::capacity); });
}

struct ClassRow {
  const char* name;
  const char* help;
  Counter session::ClassCounters::*counter;
  bool is_gauge = false;
};
using K = session::ClassCounters;
constexpr ClassRow kClassRows[] = {
    {"roost_class_clients_connected", "Clients connected now, by metrics.classes.", &K::connected,
     true},
    {"roost_class_publish_received_total", "PUBLISH packets from clients, by metrics.classes.",
     &K::messages_in},
    {"roost_class_publish_sent_total", "PUBLISH packets to clients, by metrics.classes.",
     &K::messages_out},
    {"roost_class_messages_dropped_total",
     "Messages not delivered to clients that were connected, by metrics.classes.", &K::dropped},
};

// Counted where the session runs, in a cluster too.
void add_classes(observe::Metrics& metrics, const Node& node) {
  const auto add = [&](const ClassRow& row, const std::string& name, session::ClientClass index) {
    const auto read = [&node, index, member = row.counter] {
      double sum = 0;
      for (const auto& core : node.on_core) {
        sum += static_cast<double>((core->sessions.class_counters(index).*member).value());
      }
      return sum;
    };
    if (row.is_gauge) {
      metrics.add_gauge(row.name, row.help, read, {{"class", name}});
    } else {
      metrics.add_counter(row.name, row.help, read, {{"class", name}});
    }
  };
  const std::vector<std::string>& names = node.gates_common.classes.names();
  for (const ClassRow& row : kClassRows) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      add(row, names[i], static_cast<session::ClientClass>(i));
    }
    add(row, gates::ClientClasses::kOther, session::kClientClassesMax);
  }
}

}  // namespace

void add_health_metrics(observe::Metrics& metrics, const Node& node) {
  add_durations(metrics, node);
  add_queue_age(metrics, node);
  add_lag(metrics, node);
  add_disk(metrics, node);
  add_classes(metrics, node);
}

}  // namespace roost::server
