// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/status.h"

namespace roost::cluster::etcd {
namespace {

constexpr int kInvalidArgument = 3;
constexpr int kNotFound = 5;  // a lease that has ended
constexpr int kPermissionDenied = 7;
constexpr int kOutOfRange = 11;
constexpr int kUnimplemented = 12;
constexpr int kUnavailable = 14;
constexpr int kUnauthenticated = 16;

bool says(const Status& status, std::string_view words) {
  return status.message.find(words) != std::string::npos;
}

}  // namespace

// Everything that isn't known to be said before anything was executed is unknown. Also
// RESOURCE_EXHAUSTED: etcd executes the Txn that fills its quota, and answers "no space".
Verdict judge(const Status& status) {
  switch (status.code) {
    case 0:
      return Verdict::ok;
    case kUnauthenticated:
      return Verdict::token_rejected;
    case kInvalidArgument:
      // Who comes without a token while there are users, or with one of before a change of them.
      return says(status, "user name is empty") || says(status, "revision of auth store is old")
                 ? Verdict::token_rejected
                 : Verdict::refused;
    case kNotFound:
    case kPermissionDenied:
    case kOutOfRange:
    case kUnimplemented:
      return Verdict::refused;
    case kUnavailable:
      return status.message == "etcdserver: no leader" ? Verdict::no_leader : Verdict::unknown;
    default:
      return Verdict::unknown;
  }
}

std::string text_of(const Status& status) {
  return status.message + " (" + std::to_string(status.code) + ")";
}

}  // namespace roost::cluster::etcd
