// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/status.h"

#include <gtest/gtest.h>

namespace roost::cluster::etcd {
namespace {

struct Case {
  int code;
  const char* message;
  Verdict verdict;
};

// Codes are gRPC's, messages etcd's own.
TEST(EtcdStatus, IsUnknownUnlessNothingWasExecuted) {
  const Case cases[] = {
      {0, "", Verdict::ok},
      {1, "context canceled", Verdict::unknown},
      {2, "Stream removed", Verdict::unknown},
      {3, "etcdserver: key is not provided", Verdict::refused},
      {3, "etcdserver: duplicate key given in txn request", Verdict::refused},
      {3, "etcdserver: user name is empty", Verdict::token_rejected},
      {3, "etcdserver: revision of auth store is old", Verdict::token_rejected},
      {4, "Deadline Exceeded", Verdict::unknown},
      {5, "etcdserver: requested lease not found", Verdict::refused},
      {7, "etcdserver: permission denied", Verdict::refused},
      // The transaction that fills the quota is executed, and answered with this.
      {8, "etcdserver: mvcc: database space exceeded", Verdict::unknown},
      {9, "etcdserver: authentication is not enabled", Verdict::unknown},
      {11, "etcdserver: mvcc: required revision has been compacted", Verdict::refused},
      {13, "Received RST_STREAM with error code 2", Verdict::unknown},
      {14, "etcdserver: no leader", Verdict::no_leader},
      {14, "etcdserver: leader changed", Verdict::unknown},
      {14, "etcdserver: request timed out", Verdict::unknown},
      {14, "Socket closed", Verdict::unknown},
      {16, "etcdserver: invalid auth token", Verdict::token_rejected},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(judge(Status{one.code, one.message}), one.verdict) << one.message;
  }
}

}  // namespace
}  // namespace roost::cluster::etcd
