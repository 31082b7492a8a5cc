// SPDX-License-Identifier: Apache-2.0
// How a call to etcd ended, and what may be concluded from it. The numbers are gRPC's.
// Thread: immutable (values).
#pragma once

#include <string>

namespace roost::cluster::etcd {

struct Status {
  int code = 0;
  std::string message;
  bool is_ok() const { return code == 0; }
};

enum class Verdict {
  ok,
  token_rejected,  // not executed; with a fresh token it may be
  no_leader,       // not executed; another member may do it
  refused,         // not executed, nor will it be elsewhere
  unknown,         // it may have been executed, or may still be
};

Verdict judge(const Status& status);
std::string text_of(const Status& status);

}  // namespace roost::cluster::etcd
