// SPDX-License-Identifier: Apache-2.0
// The place of every decision: a small key-value store with one history, compare-and-set
// transactions, leases and watches. etcd in production (etcd_coordinator.h), in memory for the
// simulator (memory_coordinator.h). REPLICATION, "Keys in etcd".
// Thread: any thread. Callbacks run on a thread of the coordinator, one at a time, must not block,
// and never run inside the call that they answer.
// Owner: the cluster node; callers outlive it or are told no more after its destructor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/result.h"

namespace roost::cluster {

// Of the whole store; rises with every change.
using Revision = std::int64_t;
using LeaseId = std::int64_t;
inline constexpr LeaseId kNoLease = 0;

struct KeyValue {
  std::string key;
  std::string value;
  Revision created = 0;   // when this key came to be; another one after it was erased
  Revision modified = 0;  // when it was last written
  LeaseId lease = kNoLease;
};

// True where the key was created or last modified at that revision; 0: where it doesn't exist.
struct Condition {
  enum class On { created, modified };
  std::string key;
  On on = On::modified;
  Revision revision = 0;
};

struct PutKey {
  std::string key;
  std::string value;
  LeaseId lease = kNoLease;
};
struct EraseKey {
  std::string key;
};
using Change = std::variant<PutKey, EraseKey>;

// All changes if all conditions hold, else none. A key is changed at most once.
struct Txn {
  std::vector<Condition> conditions;
  std::vector<Change> changes;
};

struct TxnResult {
  enum class Outcome {
    done,     // it is in force, at `revision`
    refused,  // a condition didn't hold; nothing was changed
    failed,   // certainly not executed: the coordinator wasn't reached, or said no
    unknown,  // no answer: it may have been executed, or may still be. R5 settles it
  };
  Outcome outcome = Outcome::unknown;
  Revision revision = 0;  // with done and refused: of the store
  std::string why;        // with failed and unknown, for the log
};

// All keys with a prefix as of one revision, in key order.
struct Listing {
  Revision revision = 0;
  std::vector<KeyValue> keys;
};

// Told of every change of the keys under a prefix, in order, each once. After a gap that can't be
// filled (compaction) on_reset() says all again and on_change() goes on behind it.
class Watcher {
 public:
  struct Event {
    KeyValue now;  // erased: the key, and `modified` is when
    bool is_erased = false;
  };
  virtual void on_reset(const Listing& all) = 0;
  virtual void on_change(const std::vector<Event>& events, Revision revision) = 0;

 protected:
  ~Watcher() = default;
};

// Ends the watch with its destructor, after which the watcher is told no more.
class Watch {
 public:
  virtual ~Watch() = default;
};

// Kept alive by the coordinator until it is destroyed (then revoked) or lost. The keys that were
// put with its id vanish when it ends.
class Lease {
 public:
  virtual ~Lease() = default;
  virtual LeaseId id() const = 0;
  // Stops keeping it alive without revoking it: it runs out by itself. For a node that can't do
  // its work any more (R3: a log writer without progress).
  virtual void let_run_out() = 0;
};

// On the steady clock; 0: never, or none.
struct CoordinatorHealth {
  SteadyMs answered_ms = 0;     // its last answer
  SteadyMs lease_until_ms = 0;  // the lease that was granted last ends then, unless it is renewed
};

class Coordinator {
 public:
  using TxnDone = std::function<void(TxnResult)>;
  using ListDone = std::function<void(Result<Listing>)>;
  using LeaseDone = std::function<void(Result<std::unique_ptr<Lease>>)>;

  virtual ~Coordinator() = default;

  // Sent once; never tried again by itself once it may have been executed.
  virtual void transact(Txn txn, TxnDone done) = 0;
  // Linearizable: shows everything that was in force when it was called. Tried again on other
  // endpoints until its deadline. Errors: unavailable.
  virtual void list(std::string prefix, ListDone done) = 0;
  // `ttl_ms`: how long it lives without being renewed. on_lost: it has ended, or is past its ttl
  // without an answer. Errors: unavailable, invalid_argument (below what the store grants).
  virtual void grant(std::int64_t ttl_ms, std::function<void()> on_lost, LeaseDone done) = 0;
  // Begins with on_reset(). Opened again by itself, from the last revision seen, whenever the
  // member that served it is gone.
  virtual std::unique_ptr<Watch> watch(std::string prefix, Watcher& watcher) = 0;
  // For people.
  virtual CoordinatorHealth health() const { return {}; }
};

}  // namespace roost::cluster
