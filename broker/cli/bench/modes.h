// SPDX-License-Identifier: Apache-2.0
// The runs behind `roost bench`. Each prints progress to stderr, fills the report, and returns
// the exit code: 0, or 1 when something that was promised didn't arrive.
// Thread: own thread; may start workers and joins them.
#pragma once

#include "broker/base/result.h"
#include "broker/cli/bench/options.h"
#include "broker/cli/bench/report.h"

namespace roost::cli::bench {

// fan-in, fan-out, pairs, shared, wildcards.
Result<int> run_flow(const Options& options, Report& report);
Result<int> run_verify(const Options& options, Report& report);
Result<int> run_connect(const Options& options, Report& report);
Result<int> run_retained(const Options& options, Report& report);
Result<int> run_offline(const Options& options, Report& report);

}  // namespace roost::cli::bench
