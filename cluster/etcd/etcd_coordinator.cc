// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/etcd_coordinator.h"

#include <utility>

#include "cluster/etcd/client.h"
#include "cluster/etcd/lease.h"
#include "cluster/etcd/watch.h"

namespace roost::cluster {
namespace {

namespace pb = etcdserverpb;
using etcd::Client;
using etcd::LeaseRun;
using etcd::Requests;
using etcd::Verdict;
using etcd::WatchRun;

class EtcdWatch final : public Watch {
 public:
  EtcdWatch(std::weak_ptr<Client> client, std::shared_ptr<WatchRun> run)
      : client_(std::move(client)), run_(std::move(run)) {}
  ~EtcdWatch() override {
    run_->guard().off();
    if (auto client = client_.lock()) client->loop().post([run = run_] { run->end(); });
  }

 private:
  std::weak_ptr<Client> client_;
  std::shared_ptr<WatchRun> run_;
};

class EtcdLease final : public Lease {
 public:
  EtcdLease(std::weak_ptr<Client> client, std::shared_ptr<LeaseRun> run)
      : client_(std::move(client)), run_(std::move(run)) {}
  ~EtcdLease() override {
    run_->guard().off();
    if (auto client = client_.lock()) client->loop().post([run = run_] { run->revoke(); });
  }
  LeaseId id() const override { return run_->id(); }
  void let_run_out() override {
    if (auto client = client_.lock()) client->loop().post([run = run_] { run->leave(); });
  }

 private:
  std::weak_ptr<Client> client_;
  std::shared_ptr<LeaseRun> run_;
};

pb::TxnRequest request_of(const Txn& txn) {
  pb::TxnRequest request;
  for (const Condition& condition : txn.conditions) {
    auto& compare = *request.add_compare();
    compare.set_key(condition.key);
    if (condition.on == Condition::On::created) {
      compare.set_target(pb::Compare::CREATE);
      compare.set_create_revision(condition.revision);
    } else {
      compare.set_target(pb::Compare::MOD);
      compare.set_mod_revision(condition.revision);
    }
  }
  for (const Change& change : txn.changes) {
    auto& operation = *request.add_success();
    if (const auto* put = std::get_if<PutKey>(&change)) {
      operation.mutable_put()->set_key(put->key);
      operation.mutable_put()->set_value(put->value);
      operation.mutable_put()->set_lease(put->lease);
    } else {
      operation.mutable_delete_range()->set_key(std::get<EraseKey>(change).key);
    }
  }
  return request;
}

TxnResult result_of(const Requests::Ending& ending, const pb::TxnResponse& response) {
  using Outcome = TxnResult::Outcome;
  if (!ending.is_sent) return {Outcome::failed, 0, text_of(ending.status)};
  switch (judge(ending.status)) {
    case Verdict::ok:
      return {response.succeeded() ? Outcome::done : Outcome::refused, response.header().revision(),
              ""};
    case Verdict::unknown:
      return {Outcome::unknown, 0, text_of(ending.status)};
    case Verdict::token_rejected:
    case Verdict::no_leader:
    case Verdict::refused:
      break;
  }
  return {Outcome::failed, 0, text_of(ending.status)};
}

Unexpected<Error> unavailable(const Requests::Ending& ending) {
  return error(ErrorKind::unavailable, "etcd: " + text_of(ending.status));
}

class EtcdCoordinator final : public Coordinator {
 public:
  explicit EtcdCoordinator(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  ~EtcdCoordinator() override { client_->stop(); }

  void transact(Txn txn, TxnDone done) override {
    client_->loop().post([this, request = request_of(txn), done = std::move(done)] {
      client_->ask<pb::TxnRequest, pb::TxnResponse>(
          Requests::Repeat::no, request,
          [done](const Requests::Ending& ending, const pb::TxnResponse& response) {
            done(result_of(ending, response));
          });
    });
  }

  void list(std::string prefix, ListDone done) override {
    client_->loop().post([this, prefix = std::move(prefix), done = std::move(done)] {
      client_->ask<pb::RangeRequest, pb::RangeResponse>(
          Requests::Repeat::yes, etcd::range_of(prefix),
          [done](const Requests::Ending& ending, const pb::RangeResponse& response) {
            if (!ending.status.is_ok()) return done(unavailable(ending));
            done(etcd::listing_of(response));
          });
    });
  }

  void grant(std::int64_t ttl_ms, std::function<void()> on_lost, LeaseDone done) override {
    client_->loop().post(
        [this, ttl_ms, on_lost = std::move(on_lost), done = std::move(done)]() mutable {
          ask_for_lease(ttl_ms, std::move(on_lost), std::move(done));
        });
  }

  std::unique_ptr<Watch> watch(std::string prefix, Watcher& watcher) override {
    auto run = std::make_shared<WatchRun>(*client_, std::move(prefix), watcher);
    client_->loop().post([run] { run->begin(); });
    return std::make_unique<EtcdWatch>(client_, std::move(run));
  }

  CoordinatorHealth health() const override { return client_->health(); }

 private:
  // etcd counts in whole seconds: it is asked for no less than `ttl_ms`, and the lease counts as
  // lost after `ttl_ms`. A grant that was executed without our hearing of it runs out by itself.
  void ask_for_lease(std::int64_t ttl_ms, std::function<void()> on_lost, LeaseDone done) {
    pb::LeaseGrantRequest request;
    request.set_ttl_s((ttl_ms + 999) / 1000);
    client_->ask<pb::LeaseGrantRequest, pb::LeaseGrantResponse>(
        Requests::Repeat::yes, request,
        [this, ttl_ms, asked_s = request.ttl_s(), on_lost = std::move(on_lost),
         done = std::move(done)](const Requests::Ending& ending, pb::LeaseGrantResponse& got) {
          if (!ending.status.is_ok()) return done(unavailable(ending));
          if (ttl_ms <= 0 || got.ttl_s() > asked_s) {
            client_->revoke(got.id());
            return done(error(ErrorKind::invalid_argument,
                              "etcd grants no lease below " + std::to_string(got.ttl_s()) + " s"));
          }
          auto run = std::make_shared<LeaseRun>(*client_, got.id(), ttl_ms, on_lost);
          done(std::unique_ptr<Lease>(std::make_unique<EtcdLease>(client_, run)));
          run->begin(ending.sent_at);
        });
  }

  std::shared_ptr<Client> client_;
};

}  // namespace

Result<std::unique_ptr<Coordinator>> make_etcd_coordinator(const EtcdOptions& options) {
  if (options.endpoints.empty()) return error(ErrorKind::invalid_argument, "no etcd endpoint");
  if (options.cert_file.empty() != options.key_file.empty()) {
    return error(ErrorKind::invalid_argument, "an etcd certificate needs its key");
  }
  auto client = Client::make(options);
  if (!client) return Unexpected(client.error());
  return std::unique_ptr<Coordinator>(std::make_unique<EtcdCoordinator>(std::move(*client)));
}

}  // namespace roost::cluster
