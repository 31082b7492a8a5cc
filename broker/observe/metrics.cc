// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/metrics.h"

#include <prometheus/check_names.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>

#include "broker/base/check.h"

namespace roost::observe {

namespace {

struct Series {
  Labels labels;
  ReadNumber read;               // counter, gauge
  ReadHistogram read_histogram;  // histogram
};

struct Family {
  MetricKind kind;
  std::string help;
  std::vector<double> bounds;
  std::vector<Series> series;
};

prometheus::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return prometheus::MetricType::Counter;
    case MetricKind::gauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

const char* kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return "counter";
    case MetricKind::gauge:
      return "gauge";
    case MetricKind::histogram:
      return "histogram";
  }
  return "";
}

void put_histogram(prometheus::ClientMetric& metric, const Family& family,
                   const HistogramValue& value) {
  CHECK(value.counts.empty() || value.counts.size() == family.bounds.size() + 1);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= family.bounds.size(); ++i) {
    if (!value.counts.empty()) below += value.counts[i];
    const bool is_last = i == family.bounds.size();
    metric.histogram.bucket.push_back(
        {below, is_last ? std::numeric_limits<double>::infinity() : family.bounds[i]});
  }
  metric.histogram.sample_count = below;
  metric.histogram.sample_sum = value.sum;
}

prometheus::ClientMetric collect(const Family& family, const Series& series) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : series.labels) metric.label.push_back({name, value});
  if (family.kind == MetricKind::counter) metric.counter.value = series.read();
  if (family.kind == MetricKind::gauge) metric.gauge.value = series.read();
  if (family.kind == MetricKind::histogram) {
    put_histogram(metric, family, series.read_histogram());
  }
  return metric;
}

}  // namespace

struct Metrics::Inside {
  void add(std::string name, MetricKind kind, const std::string& help,
           const std::vector<double>& bounds, Series series);

  mutable std::mutex mutex;
  // Guarded by mutex:
  std::map<std::string, Family> families;
  std::vector<std::function<void()>> fetches;
};

void Metrics::Inside::add(std::string name, MetricKind kind, const std::string& help,
                          const std::vector<double>& bounds, Series series) {
  CHECK(prometheus::CheckMetricName(name));
  CHECK(!help.empty());
  CHECK((kind == MetricKind::counter) == name.ends_with("_total"));
  for (const auto& label : series.labels) {
    CHECK(prometheus::CheckLabelName(label.first));
  }
  std::sort(series.labels.begin(), series.labels.end());
  const std::lock_guard lock(mutex);
  const auto [found, added] = families.try_emplace(std::move(name), Family{kind, help, bounds, {}});
  Family& family = found->second;
  CHECK(family.kind == kind && family.help == help && family.bounds == bounds);
  for (const Series& other : family.series) CHECK(other.labels != series.labels);
  family.series.push_back(std::move(series));
}

Metrics::Metrics() : inside_(std::make_unique<Inside>()) {}
Metrics::~Metrics() = default;

void Metrics::add_counter(std::string name, const std::string& help, ReadNumber read,
                          Labels labels) {
  inside_->add(std::move(name), MetricKind::counter, help, {},
               {std::move(labels), std::move(read), {}});
}

void Metrics::add_gauge(std::string name, const std::string& help, ReadNumber read, Labels labels) {
  inside_->add(std::move(name), MetricKind::gauge, help, {},
               {std::move(labels), std::move(read), {}});
}

void Metrics::add_histogram(std::string name, const std::string& help,
                            const std::vector<double>& bounds, ReadHistogram read, Labels labels) {
  CHECK(std::is_sorted(bounds.begin(), bounds.end(), std::less_equal<>()));
  inside_->add(std::move(name), MetricKind::histogram, help, bounds,
               {std::move(labels), {}, std::move(read)});
}

void Metrics::before_scrape(std::function<void()> fetch) {
  const std::lock_guard lock(inside_->mutex);
  inside_->fetches.push_back(std::move(fetch));
}

std::string Metrics::scrape() const {
  std::vector<prometheus::MetricFamily> collected;
  {
    const std::lock_guard lock(inside_->mutex);
    for (const auto& fetch : inside_->fetches) fetch();
    for (const auto& [name, family] : inside_->families) {
      prometheus::MetricFamily out{name, family.help, type_of(family.kind), {}};
      for (const Series& series : family.series) out.metric.push_back(collect(family, series));
      collected.push_back(std::move(out));
    }
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, collected);
  return text.str();
}

std::vector<MetricDoc> Metrics::docs() const {
  std::vector<MetricDoc> result;
  const std::lock_guard lock(inside_->mutex);
  for (const auto& [name, family] : inside_->families) {
    MetricDoc doc{name, family.kind, family.help, {}};
    for (const auto& label : family.series.front().labels) doc.label_names.push_back(label.first);
    result.push_back(std::move(doc));
  }
  return result;
}

std::string Metrics::markdown() const {
  std::string text = "| Metric | Kind | Labels | Meaning |\n| --- | --- | --- | --- |\n";
  for (const MetricDoc& doc : docs()) {
    text += "| `" + doc.name + "` | " + kind_name(doc.kind) + " | ";
    for (const std::string& label : doc.label_names) {
      text += (label == doc.label_names.front() ? "`" : ", `") + label + "`";
    }
    text += " | " + doc.help + " |\n";
  }
  return text;
}

}  // namespace roost::observe
