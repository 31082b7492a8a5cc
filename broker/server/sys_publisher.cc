// SPDX-License-Identifier: Apache-2.0
#include "broker/server/sys_publisher.h"

#include <algorithm>
#include <utility>

#include "broker/observe/process_numbers.h"
#include "broker/server/version.h"

namespace roost::server {

SysPublisher::SysPublisher(Node& node) : node_(node), topics_("roost version " + version()) {}

void SysPublisher::start() { on_timer(); }

void SysPublisher::on_timer() {
  core::Core& core = node_.cores.at(CoreId{0});
  node_.connection_log.tick(core.now_ms());
  node_.history.tick(core.now_ms(), node_.clock.wall_ms(), totals());
  const auto interval_ms = static_cast<SteadyMs>(node_.config.mqtt.sys_interval_ms);
  if (interval_ms > 0 && core.now_ms() >= next_publish_ms_) {
    publish();
    next_publish_ms_ = core.now_ms() + interval_ms;
  }
  core.timers().arm(*this, core.now_ms() + kTickMs);
}

void SysPublisher::publish() {
  core::Core& core = node_.cores.at(CoreId{0});
  routing::Router& router = node_.on_core[0]->sessions.router();
  for (const observe::SysTopic& topic : topics_.update(numbers(), core.now_ms())) {
    routing::MessageParts parts;
    parts.topic = topic.topic;
    parts.payload = as_bytes(topic.value);
    parts.retain = true;
    parts.received_ms = core.now_ms();
    router.publish(routing::Message::make(parts), {});
  }
}

HistoryTotals SysPublisher::totals() const {
  HistoryTotals sum;
  for (std::size_t i = 0; i < node_.on_core.size(); ++i) {
    const session::SessionCounters& one = std::as_const(node_.on_core[i]->sessions).counters();
    for (const Counter& count : one.publishes_in) sum.messages_in += count.value();
    for (const Counter& count : one.publishes_out) sum.messages_out += count.value();
    sum.bytes_in += node_.net_counters[i].bytes_in.value();
    sum.bytes_out += node_.net_counters[i].bytes_out.value();
    sum.connects += one.connects.value();
    sum.connected += one.connected.value();
    sum.queued += one.queued.value();
    sum.retained += one.retained.value();
  }
  for_each_drop(node_, [&sum](const char*, std::uint64_t count) { sum.dropped += count; });
  return sum;
}

observe::SysNumbers SysPublisher::numbers() {
  observe::SysNumbers sum;
  for (std::size_t i = 0; i < node_.on_core.size(); ++i) {
    const session::SessionCounters& one = std::as_const(node_.on_core[i]->sessions).counters();
    const net::NetCounters& net = node_.net_counters[i];
    sum.clients_connected += one.connected.value();
    sum.clients_disconnected += one.sessions_durable.value();  // less the connected ones, below
    sum.clients_expired += one.sessions_expired.value();
    sum.messages_received += one.packets_in.value();
    sum.messages_sent += one.packets_out.value();
    for (std::size_t qos = 0; qos < 3; ++qos) {
      sum.publish_received += one.publishes_in[qos].value();
      sum.publish_sent += one.publishes_out[qos].value();
    }
    for (const Counter* dropped :
         {&one.dropped_slow_reader, &one.dropped_queue_full, &one.dropped_expired,
          &one.dropped_too_large, &one.dropped_session_end, &one.dropped_not_authorized}) {
      sum.publish_dropped += dropped->value();
    }
    for (const Counter& bytes : one.publish_bytes_in) sum.publish_bytes_received += bytes.value();
    for (const Counter& bytes : one.publish_bytes_out) sum.publish_bytes_sent += bytes.value();
    sum.bytes_received += net.bytes_in.value();
    sum.bytes_sent += net.bytes_out.value();
    sum.connections_received += one.connects.value();
    sum.sockets_opened += net.connections_opened.value();
    sum.subscriptions += one.subscriptions.value();
    sum.shared_subscriptions += one.shared_subscriptions.value();
    sum.retained_messages += one.retained.value();
    sum.stored_messages += one.retained.value() + one.queued.value();
    sum.stored_bytes += one.queued_bytes.value();
    sum.clients_disconnected -= one.durable_connected.value();
  }
  core::Core& core = node_.cores.at(CoreId{0});
  sum.uptime_s = static_cast<std::uint64_t>((core.now_ms() - node_.started_ms) / 1000);
  clients_maximum_ = std::max(clients_maximum_, sum.clients_connected);
  sum.clients_maximum = clients_maximum_;
  sum.heap_current = observe::heap_bytes();
  heap_maximum_ = std::max(heap_maximum_, sum.heap_current);
  sum.heap_maximum = heap_maximum_;
  return sum;
}

}  // namespace roost::server
