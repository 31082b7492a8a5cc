// SPDX-License-Identifier: Apache-2.0
#include "broker/server/history.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace roost::server {

namespace {

namespace json = boost::json;

struct Series {
  const char* name;
  std::uint64_t HistoryTotals::*total;
  bool is_rate;
};
constexpr std::array<Series, History::kSeries> kSeriesOf = {{
    {"messages_in", &HistoryTotals::messages_in, true},
    {"messages_out", &HistoryTotals::messages_out, true},
    {"bytes_in", &HistoryTotals::bytes_in, true},
    {"bytes_out", &HistoryTotals::bytes_out, true},
    {"connects", &HistoryTotals::connects, true},
    {"dropped", &HistoryTotals::dropped, true},
    {"connected", &HistoryTotals::connected, false},
    {"queued", &HistoryTotals::queued, false},
    {"retained", &HistoryTotals::retained, false},
}};

// A digit behind the point: what is sent every few seconds shall be short.
double rounded(double number) { return std::round(number * 10) / 10; }

}  // namespace

History::Row History::rates(const At& from, const At& to) {
  const double seconds =
      static_cast<double>(std::max<SteadyMs>(1, to.steady_ms - from.steady_ms)) / 1000;
  Row row{};
  for (std::size_t i = 0; i < kSeries; ++i) {
    const std::uint64_t after = to.totals.*kSeriesOf[i].total;
    const std::uint64_t before = from.totals.*kSeriesOf[i].total;
    row[i] = !kSeriesOf[i].is_rate ? static_cast<double>(after)
             : after > before      ? rounded(static_cast<double>(after - before) / seconds)
                                   : 0;
  }
  return row;
}

void History::tick(SteadyMs now_ms, WallMs wall_ms, const HistoryTotals& totals) {
  const At at{now_ms, totals};
  const std::lock_guard lock(mutex_);
  const std::int64_t slot = wall_ms / kEveryMs;
  if (!std::exchange(has_begun_, true)) {
    last_tick_ = last_sample_ = at;
    slot_ = slot;
    return;
  }
  now_ = rates(std::exchange(last_tick_, at), at);
  if (slot == slot_) return;
  slot_ = slot;
  sampled_ms_ = slot * kEveryMs;
  const Row row = rates(std::exchange(last_sample_, at), at);
  if (samples_.size() < kSamples) {
    samples_.push_back(row);
  } else {
    samples_[next_] = row;
    next_ = (next_ + 1) % kSamples;
  }
}

json::object History::json() const {
  const std::lock_guard lock(mutex_);
  json::object now, series;
  for (std::size_t i = 0; i < kSeries; ++i) {
    json::array values;
    for (std::size_t n = 0; n < samples_.size(); ++n) {
      values.emplace_back(samples_[(next_ + n) % samples_.size()][i]);
    }
    now[kSeriesOf[i].name] = now_[i];
    series[kSeriesOf[i].name] = std::move(values);
  }
  return {{"at_ms", sampled_ms_}, {"now", std::move(now)}, {"series", std::move(series)}};
}

}  // namespace roost::server
