// SPDX-License-Identifier: Apache-2.0
#include "cluster/memory_service.h"

#include <algorithm>
#include <limits>

namespace roost::cluster {

void MemoryService::send(const std::shared_ptr<MemoryCall>& call) {
  const MemoryTrip trip = trips(call->process->client, call->request);
  if (trip.there_us) {
    after(*trip.there_us, [call, back_us = trip.back_us](MemoryService& service) {
      service.arrive(call, back_us);
    });
  }
  if (!trip.there_us || !trip.back_us) {
    try_again(call);
  }
}

void MemoryService::arrive(const std::shared_ptr<MemoryCall>& call,
                           std::optional<std::int64_t> back_us) {
  if (is_away && call->may_try_again) {
    try_again(call);
    return;
  }
  std::function<void()> answer = is_away ? call->refused : call->execute(*this);
  if (back_us) {
    after(*back_us, [call, answer = std::move(answer)](MemoryService&) { call->settle(answer); });
  }
}

void MemoryService::try_again(const std::shared_ptr<MemoryCall>& call) {
  if (!call->may_try_again || call->is_settled || call->process->is_gone ||
      now_us() + options.again_us >= call->until_us) {
    return;
  }
  after(options.again_us, [call](MemoryService& service) {
    if (!call->is_settled) {
      service.send(call);
    }
  });
}

void MemoryService::publish(const MemoryKeys::Events& events) {
  if (events.empty()) {
    return;
  }
  std::erase_if(watches, [](const auto& watch) { return watch->is_over(); });
  for (const auto& watch : watches) {
    for (const Watcher::Event& event : events) {
      if (!watch->begins_anew && event.now.key.starts_with(watch->prefix)) {
        watch->pending.push_back(event);
      }
    }
    pump(watch);
  }
}

void MemoryService::begin_watches_anew(bool only_those_behind) {
  for (const auto& watch : watches) {
    if (only_those_behind && watch->pending.empty()) {
      continue;
    }
    watch->pending.clear();
    watch->begins_anew = true;
    pump(watch);
  }
}

void MemoryService::pump(const std::shared_ptr<WatchState>& watch) {
  if (watch->is_sending || watch->is_over() || (watch->pending.empty() && !watch->begins_anew)) {
    return;
  }
  watch->is_sending = true;
  const MemoryTrip trip = trips(watch->process->client, MemoryRequest::watch);
  if (is_away || !trip.back_us) {
    after(options.again_us, [watch](MemoryService& service) {
      watch->is_sending = false;
      service.pump(watch);
    });
    return;
  }
  std::function<void()> tell;
  if (std::exchange(watch->begins_anew, false)) {
    tell = [watch, all = keys.list(watch->prefix)] {
      if (!watch->is_over()) {
        watch->watcher->on_reset(all);
      }
    };
  } else {
    tell = [watch, events = std::exchange(watch->pending, {})] {
      if (!watch->is_over()) {
        watch->watcher->on_change(events, events.back().now.modified);
      }
    };
  }
  after(*trip.back_us, [watch, tell = std::move(tell)](MemoryService& service) {
    watch->is_sending = false;
    watch->process->run(tell);
    service.pump(watch);
  });
}

void MemoryService::expire_in_time() {
  if (expiry_is_due_ || keys.next_expiry_us() == std::numeric_limits<std::int64_t>::max()) {
    return;
  }
  expiry_is_due_ = true;
  after(options.expiry_step_us, [](MemoryService& service) {
    service.expiry_is_due_ = false;
    if (!service.is_away) {
      MemoryKeys::Events events;
      service.keys.expire(service.now_us(), events);
      service.publish(events);
    }
    service.expire_in_time();
  });
}

}  // namespace roost::cluster
