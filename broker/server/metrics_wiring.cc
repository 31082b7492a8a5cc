// SPDX-License-Identifier: Apache-2.0
// Which counter is which metric: tables, one row a number; cores are summed at scrape.
#include <iterator>
#include <string>
#include <string_view>

#include "broker/observe/process_numbers.h"
#include "broker/server/node.h"

namespace roost::server {

namespace {

template <typename Counters>
struct Row {
  const char* name;
  const char* help;
  Counter Counters::*counter;
  const char* cause = nullptr;  // value of the label "cause"
};

// Counters that are no row of a table: the ones by QoS, and what roost_connections_open is made of.
template <typename Counters, std::size_t... kSizes>
constexpr bool every_counter_has_a_row(std::size_t elsewhere) {
  return (kSizes + ...) + elsewhere == sizeof(Counters) / sizeof(Counter);
}

using session::SessionCounters;
using S = SessionCounters;
constexpr Row<S> kSessionCounters[] = {
    {"roost_connects_total", "CONNECTs accepted.", &S::connects},
    {"roost_takeovers_total", "Connections ended by a newer one of the same client id.",
     &S::takeovers},
    {"roost_sessions_expired_total", "Sessions that ran out.", &S::sessions_expired},
    {"roost_client_events_total", "Clients that came or went, told of to webhooks.", &S::told},
    {"roost_packets_received_total", "MQTT packets of every type from clients.", &S::packets_in},
    {"roost_packets_sent_total", "MQTT packets of every type to clients.", &S::packets_out},
    {"roost_acks_received_total", "PUBACK, PUBREC, PUBREL and PUBCOMP packets from clients.",
     &S::acks_in},
    {"roost_acks_sent_total", "PUBACK, PUBREC, PUBREL and PUBCOMP packets to clients.",
     &S::acks_out},
    {"roost_wills_total", "Wills published.", &S::wills_sent},
    {"roost_keep_alive_timeouts_total", "Clients ended for silence.", &S::keep_alive_timeouts},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_slow_reader,
     "slow_reader"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_queue_full,
     "queue_full"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_oldest,
     "queue_overflow_oldest"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_superseded,
     "keep_last"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_old,
     "queued_too_long"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_damaged,
     "damaged"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_expired,
     "expired"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_too_large,
     "too_large"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_offline_qos0,
     "offline_qos0"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_session_end,
     "session_end"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_rejected,
     "rejected_by_subscriber"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.",
     &S::dropped_not_authorized, "not_authorized"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.",
     &S::dropped_not_receivable, "not_receivable"},
    {"roost_publishes_refused_total", "PUBLISHes refused, by cause.", &S::refused_disk_full,
     "disk_full"},
    {"roost_publishes_refused_total", "PUBLISHes refused, by cause.", &S::refused_topic_length,
     "max_topic_length"},
    {"roost_publishes_refused_total", "PUBLISHes refused, by cause.", &S::refused_retained_size,
     "max_retained_payload"},
    {"roost_publishes_refused_total", "PUBLISHes refused, by cause.", &S::refused_retained_count,
     "max_retained"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_retained_full,
     "max_retained"},
    {"roost_messages_dropped_total", "Messages not delivered, by cause.", &S::dropped_purged,
     "purged"},
    {"roost_subscriptions_refused_total", "Filters refused, by cause.", &S::refused_filter_length,
     "max_topic_length"},
    {"roost_clients_refused_total", "Connections ended by us, by cause.",
     &S::refused_receive_maximum, "receive_maximum"},
    {"roost_clients_refused_total", "Connections ended by us, by cause.", &S::refused_packet_size,
     "packet_too_large"},
    {"roost_clients_refused_total", "Connections ended by us, by cause.", &S::refused_protocol,
     "protocol"},
    {"roost_clients_refused_total", "Connections ended by us, by cause.", &S::access_ended,
     "token_expired"},
    {"roost_subscriptions_refused_total", "Filters refused, by cause.", &S::refused_subscriptions,
     "max_subscriptions_per_client"},
    {"roost_subscriptions_refused_total", "Filters refused, by cause.", &S::refused_filters,
     "not_authorized"},
    {"roost_subscriptions_refused_total", "Filters refused, by cause.", &S::filters_taken_away,
     "not_authorized_any_more"},
};
constexpr Row<S> kSessionGauges[] = {
    {"roost_clients_connected", "Clients connected now.", &S::connected},
    {"roost_sessions_durable", "Sessions that outlive their connection.", &S::sessions_durable},
    {"roost_sessions_durable_connected", "Of roost_sessions_durable, those with a client now.",
     &S::durable_connected},
    {"roost_subscriptions", "Subscriptions of all sessions.", &S::subscriptions},
    {"roost_shared_subscriptions", "Shared subscriptions of all sessions.",
     &S::shared_subscriptions},
    {"roost_queued_messages", "Messages waiting in sessions' queues.", &S::queued},
    {"roost_queued_bytes", "Memory of messages waiting in sessions' queues.", &S::queued_bytes},
    {"roost_retained_messages", "Retained messages kept.", &S::retained},
    {"roost_client_events_pending",
     "Of roost_client_events_total, those on their way and in no log yet.", &S::telling},
    {"roost_inflight_messages", "QoS 1 and 2 messages sent and not finished.", &S::in_flight},
};
static_assert(
    every_counter_has_a_row<S, std::size(kSessionCounters), std::size(kSessionGauges)>(12),
    "a counter without a metric");

using N = net::NetCounters;
constexpr Row<N> kNetCounters[] = {
    {"roost_connections_opened_total", "Sockets accepted.", &N::connections_opened},
    {"roost_received_bytes_total", "Bytes read from clients' sockets.", &N::bytes_in},
    {"roost_sent_bytes_total", "Bytes written to clients' sockets.", &N::bytes_out},
    {"roost_socket_reads_total", "System calls that read from clients.", &N::reads},
    {"roost_socket_writes_total", "System calls that wrote to clients.", &N::writes},
    {"roost_tls_handshakes_total", "TLS handshakes done.", &N::tls_handshakes},
    {"roost_tls_handshakes_resumed_total", "Of them, those that went on with an earlier session.",
     &N::tls_resumed},
    {"roost_tls_handshake_failures_total", "TLS handshakes that failed.",
     &N::tls_handshake_failures},
    {"roost_websocket_handshakes_total", "WebSocket upgrades done.", &N::websocket_handshakes},
    {"roost_websocket_refusals_total", "WebSocket upgrades refused.", &N::websocket_refusals},
    {"roost_proxy_refusals_total", "Broken or missing PROXY headers.", &N::proxy_refusals},
    {"roost_accept_errors_total", "Accepts that failed, e.g. for want of file descriptors.",
     &N::accept_errors},
    {"roost_accepts_deferred_total", "Times that accepting waited for limits.max_handshakes.",
     &N::accepts_deferred},
    {"roost_connections_refused_total", "Sockets over a listener's max_connections.",
     &N::connections_refused},
    {"roost_reads_paused_total", "Times a publisher waited for others (back-pressure).",
     &N::reads_paused},
};
static_assert(every_counter_has_a_row<N, std::size(kNetCounters)>(1), "a counter without a metric");

using G = gates::GateCounters;
constexpr Row<G> kGateCounters[] = {
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_authentication,
     "authentication"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_door_closed,
     "remote_without_authentication"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_malformed,
     "malformed"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_too_large,
     "too_large"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_version, "version"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_client_id,
     "client_id"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_busy, "busy"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_will, "will_topic"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_banned, "banned"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_user_full,
     "max_connections_per_user"},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::refused_flapping,
     "flapping"},
    {"roost_publish_rate_exceeded_total", "Times that a client's PUBLISHes came too fast.",
     &G::rate_exceeded},
    {"roost_connects_refused_total", "CONNECTs refused, by cause.", &G::connect_timeouts,
     "timeout"},
    {"roost_publishers_paused_total", "Times a publisher waited for another core (back-pressure).",
     &G::reads_paused},
    {"roost_connections_moved_total", "Connections brought to the core of their session.",
     &G::moved},
};
static_assert(every_counter_has_a_row<G, std::size(kGateCounters)>(0),
              "a counter without a metric");

using R = routing::RouterCounters;
constexpr Row<R> kRouterCounters[] = {
    {"roost_messages_published_total", "Messages given to the router.", &R::published},
    {"roost_messages_sent_to_cores_total", "Messages handed to another core.", &R::sent_to_cores},
    {"roost_messages_unmatched_total", "Messages that nobody can have wanted.", &R::unmatched},
};
constexpr Row<R> kRouterGauges[] = {
    {"roost_acks_waiting", "QoS 1 and 2 messages whose PUBACK or PUBREC waits to be kept.",
     &R::open},
};
static_assert(every_counter_has_a_row<R, std::size(kRouterCounters), std::size(kRouterGauges)>(0),
              "a counter without a metric");

using C = core::CoreCounters;
constexpr Row<C> kCoreCounters[] = {
    {"roost_core_turns_total", "Turns of the event loop.", &C::turns},
    {"roost_core_wakeups_total", "Times a sleeping core was woken by another thread.", &C::wakeups},
    {"roost_core_mails_total", "Tasks that came by mail.", &C::mails},
    {"roost_core_borrowed_turns_total", "Turns run by who posted the mail.", &C::borrowed_turns},
    {"roost_core_hosted_turns_total", "Turns run by the first core's thread.", &C::hosted_turns},
    {"roost_core_guests_sent_off_total", "Times a core got its own thread.", &C::sent_off},
    {"roost_core_guests_called_home_total", "Times a core's thread was parked again.",
     &C::called_home},
    {"roost_core_background_total", "Pieces of work that could wait, e.g. steps of TLS handshakes.",
     &C::background},
};

observe::Labels labels_of(const char* cause) {
  if (cause == nullptr) return {};
  return {{"cause", cause}};
}

// `get(node, core)` finds the counters of one core.
template <typename Counters, std::size_t kSize, typename Get>
void add_rows(observe::Metrics& metrics, const Node& node, const Row<Counters> (&rows)[kSize],
              Get get, bool gauges = false) {
  for (const Row<Counters>& row : rows) {
    const auto read = [&node, member = row.counter, get] {
      double sum = 0;
      for (std::size_t core = 0; core < node.on_core.size(); ++core) {
        sum += static_cast<double>((get(node, core).*member).value());
      }
      return sum;
    };
    if (gauges) {
      metrics.add_gauge(row.name, row.help, read, labels_of(row.cause));
    } else {
      metrics.add_counter(row.name, row.help, read, labels_of(row.cause));
    }
  }
}

void add_qos_counters(observe::Metrics& metrics, const Node& node) {
  for (std::size_t qos = 0; qos < 3; ++qos) {
    const auto sum = [&node, qos](std::array<Counter, 3> S::*member) {
      double total = 0;
      for (const auto& one : node.on_core) {
        total += static_cast<double>((one->sessions.counters().*member)[qos].value());
      }
      return total;
    };
    const observe::Labels labels{{"qos", std::to_string(qos)}};
    metrics.add_counter(
        "roost_publish_received_total", "PUBLISH packets from clients, by QoS.",
        [sum] { return sum(&S::publishes_in); }, labels);
    metrics.add_counter(
        "roost_publish_sent_total", "PUBLISH packets to clients, by QoS.",
        [sum] { return sum(&S::publishes_out); }, labels);
    metrics.add_counter(
        "roost_publish_received_bytes_total", "Payload bytes published by clients, by QoS.",
        [sum] { return sum(&S::publish_bytes_in); }, labels);
    metrics.add_counter(
        "roost_publish_sent_bytes_total", "Payload bytes delivered to clients, by QoS.",
        [sum] { return sum(&S::publish_bytes_out); }, labels);
  }
}

void add_log(observe::Metrics& metrics, const Node& node) {
  metrics.add_counter("roost_log_connection_lines_suppressed_total",
                      "Connection lines over log.max_connection_lines.", [&node] {
                        return static_cast<double>(node.connection_log.suppressed_total());
                      });
}

using T = storage::StoreCounters;
struct StoreRow {
  const char* name;
  const char* help;
  Counter T::*counter;
  double unit = 1;
};
constexpr StoreRow kStoreCounters[] = {
    {"roost_store_appended_records_total", "Log records on disk.", &T::appended_records},
    {"roost_store_appended_bytes_total", "Their bytes.", &T::appended_bytes},
    {"roost_store_syncs_total", "Group commits: one write and one fsync each.", &T::syncs},
    {"roost_store_sync_seconds_total", "Time spent in them.", &T::sync_ns, 1e-9},
    {"roost_store_refused_batches_total", "Batches refused for want of space.",
     &T::refused_for_space},
    {"roost_store_trimmed_records_total", "Log records given up after a checkpoint.",
     &T::trimmed_records},
    {"roost_store_full_stops_total", "Times the disk was really full.", &T::full_stops},
    {"roost_store_state_batches_total", "State changes written.", &T::state_batches},
    {"roost_store_state_bytes_total", "Their bytes.", &T::state_bytes},
    {"roost_store_state_flushes_total", "Checkpoints brought to disk.", &T::state_flushes},
    {"roost_store_state_flush_seconds_total", "Time spent in them.", &T::state_flush_ns, 1e-9},
    {"roost_store_tail_bytes_cut_total", "Bytes of a write that never ended.", &T::tail_bytes_cut},
    {"roost_store_damaged_files_total", "Files put aside under damaged/.", &T::damaged_files},
    {"roost_store_damaged_records_total", "Log records that are damaged or missing.",
     &T::damaged_records},
    {"roost_store_salvaged_records_total", "Records taken out of damaged files.",
     &T::salvaged_records},
    {"roost_store_damaged_reads_total", "Reads that met a damaged page.", &T::damaged_reads},
    {"roost_store_wal_bytes_total", "Bytes written to the write-ahead log.", &T::wal_bytes},
    {"roost_store_table_bytes_total", "Bytes written to tables.", &T::table_bytes},
    {"roost_store_log_table_bytes_total", "Of them, of the log.", &T::log_table_bytes},
    {"roost_store_state_table_bytes_total", "Of them, of the state.", &T::state_table_bytes},
    {"roost_store_compaction_bytes_total", "Of them, written again.", &T::compaction_bytes},
};
constexpr StoreRow kStoreGauges[] = {
    {"roost_store_sync_seconds_max", "Longest group commit.", &T::sync_ns_max, 1e-9},
    {"roost_store_batch_records_max", "Most records of one group commit.", &T::batch_records_max},
    {"roost_store_batch_bytes_max", "Most bytes of one group commit.", &T::batch_bytes_max},
    {"roost_store_pending_bytes", "Appended and not on disk yet.", &T::pending_bytes},
    {"roost_store_untrimmed_bytes", "Log since the last checkpoint.", &T::untrimmed_bytes},
};
static_assert((sizeof(T) - sizeof(DurationCounts)) / sizeof(Counter) ==
                  std::size(kStoreCounters) + std::size(kStoreGauges),
              "a counter without a metric");

void add_store(observe::Metrics& metrics, const Node& node) {
  const auto value = [&store = node.store->store()](const StoreRow& row) {
    return [&store, row] {
      return static_cast<double>((store.counters().*row.counter).value()) * row.unit;
    };
  };
  for (const StoreRow& row : kStoreCounters) metrics.add_counter(row.name, row.help, value(row));
  for (const StoreRow& row : kStoreGauges) metrics.add_gauge(row.name, row.help, value(row));
  metrics.add_gauge("roost_store_low_on_space", "1: only acks and deletes are stored.",
                    [&store = node.store->store()] { return store.is_low_on_space() ? 1.0 : 0.0; });
  metrics.add_gauge(
      "roost_store_cache_bytes", "Pages of tables in memory.",
      [&store = node.store->store()] { return static_cast<double>(store.cached_bytes()); });
  const NodeStoreCounters& counters = node.store->counters();
  const auto number = [](const Counter& counter) {
    return [&counter] { return static_cast<double>(counter.value()); };
  };
  metrics.add_counter("roost_checkpoints_total", "Checkpoints done.", number(counters.checkpoints));
  metrics.add_counter("roost_checkpoint_failures_total", "Checkpoints that failed.",
                      number(counters.checkpoint_failures));
  metrics.add_counter("roost_checkpoint_seconds_total", "Time spent in them.", [&counters] {
    return static_cast<double>(counters.checkpoint_ms.value()) / 1e3;
  });
  metrics.add_gauge("roost_replayed_records", "Log records replayed at the start.",
                    number(counters.replayed));
  metrics.add_gauge("roost_unreadable_records", "Log records that could not be read at the start.",
                    number(counters.unreadable_records));
}

void add_process(observe::Metrics& metrics, const Node& node) {
  metrics.add_gauge("roost_connections_open", "Sockets open now.", [&node] {
    double open = 0;
    for (const N& one : node.net_counters) {
      open += static_cast<double>(one.connections_opened.value()) -
              static_cast<double>(one.connections_closed.value());
    }
    return open;
  });
  for (std::uint16_t core = 0; core < node.on_core.size(); ++core) {
    metrics.add_counter(
        "roost_core_busy_seconds_total", "Time a core spent inside turns.",
        [&node, core] {
          auto& cores = const_cast<core::Cores&>(node.cores);
          return static_cast<double>(cores.at(CoreId{core}).counters().busy_ns.value()) / 1e9;
        },
        {{"core", std::to_string(core)}});
  }
  observe::add_process_metrics(metrics);
}

}  // namespace

void for_each_drop(const Node& node, const std::function<void(const char*, std::uint64_t)>& told) {
  for (const Row<S>& row : kSessionCounters) {
    if (row.name != std::string_view("roost_messages_dropped_total")) continue;
    std::uint64_t count = 0;
    for (const auto& core : node.on_core) {
      count += (std::as_const(core->sessions).counters().*row.counter).value();
    }
    told(row.cause, count);
  }
}

void add_metrics(observe::Metrics& metrics, const Node& node) {
  const auto sessions = [](const Node& n, std::size_t core) -> const S& {
    return std::as_const(n.on_core[core]->sessions).counters();
  };
  add_rows(metrics, node, kSessionCounters, sessions);
  add_rows(metrics, node, kSessionGauges, sessions, /*gauges=*/true);
  add_rows(metrics, node, kNetCounters,
           [](const Node& n, std::size_t core) -> const N& { return n.net_counters[core]; });
  add_rows(metrics, node, kGateCounters, [](const Node& n, std::size_t core) -> const G& {
    return std::as_const(n.on_core[core]->gates).counters();
  });
  const auto router = [](const Node& n, std::size_t core) -> const R& {
    return n.on_core[core]->sessions.router().counters();
  };
  add_rows(metrics, node, kRouterCounters, router);
  add_rows(metrics, node, kRouterGauges, router, /*gauges=*/true);
  add_rows(metrics, node, kCoreCounters, [](const Node& n, std::size_t core) -> const C& {
    return n.on_core[core]->sessions.core().counters();
  });
  add_qos_counters(metrics, node);
  add_auth_metrics(metrics, node);
  add_log(metrics, node);
  add_store(metrics, node);
  add_process(metrics, node);
  add_health_metrics(metrics, node);
  add_summaries(metrics, node);
}

}  // namespace roost::server
