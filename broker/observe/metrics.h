// SPDX-License-Identifier: Apache-2.0
// The registry of metrics. Who counts keeps its numbers; the registry asks for them by callback at
// scrape, so a message pays for an increment and nothing else. Names: roost_<what>_<unit>,
// counters end in _total; labels are few and bounded (never a client id or a topic).
// Thread: any thread; callbacks are called on the scraping thread.
// Owner: the server; what callbacks read must outlive the last scrape.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace roost::observe {

using Labels = std::vector<std::pair<std::string, std::string>>;
using ReadNumber = std::function<double()>;

// Not cumulative: counts[i] fell in (bounds[i-1], bounds[i]], the last one above all bounds.
struct HistogramValue {
  std::vector<std::uint64_t> counts;
  double sum = 0;
};
using ReadHistogram = std::function<HistogramValue()>;

enum class MetricKind { counter, gauge, histogram };

struct MetricDoc {
  std::string name;
  MetricKind kind;
  std::string help;
  std::vector<std::string> label_names;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // One name may be added several times with other labels; kind and help must agree then.
  // Requires (CHECK): a valid name, a help text, the same labels not added before.
  void add_counter(std::string name, const std::string& help, ReadNumber read, Labels labels = {});
  void add_gauge(std::string name, const std::string& help, ReadNumber read, Labels labels = {});
  // `bounds` rise, in the unit of the name.
  void add_histogram(std::string name, const std::string& help, const std::vector<double>& bounds,
                     ReadHistogram read, Labels labels = {});

  // Runs at the beginning of each scrape: what several numbers are read from is fetched once.
  void before_scrape(std::function<void()> fetch);

  // Prometheus text format 0.0.4.
  std::string scrape() const;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // What there is, by name; and as a Markdown table for the documentation.
  std::vector<MetricDoc> docs() const;
  std::string markdown() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace roost::observe
