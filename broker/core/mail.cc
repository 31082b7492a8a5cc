// SPDX-License-Identifier: Apache-2.0
// How work gets from one core to another: outbox -> mailbox -> a wake-up or a borrowed turn.
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/base/check.h"
#include "broker/core/core.h"

namespace roost::core {

void Core::post(Task task) {
  Core* const from = current();
  if (from != nullptr && from != this) {
    from->put_in_outbox(*this, std::move(task));
    return;
  }
  add_mail(std::move(task));
  // This core itself looks at its mail before it sleeps.
  if (from == nullptr && claim_sleeper()) wake();
}

void Core::post_and_run(Task task) {
  DCHECK(current() == nullptr);
  add_mail(std::move(task));
  if (!claim_sleeper()) return;
  std::vector<Core*> posted_to{this};
  for (std::size_t i = 0; i < posted_to.size(); ++i) {
    Core& target = *posted_to[i];
    if (i > 0 && !target.claim_sleeper()) continue;
    if (i >= kBorrowedTurnsMax || !target.run_borrowed(posted_to)) target.wake();
  }
}

void Core::add_mail(Task task) {
  const std::lock_guard lock(mail_lock_);
  mail_.push_back(std::move(task));
  mail_waiting_.store(mail_.size());
}

// Leaves `tasks` empty.
void Core::put_mail(std::vector<Task>& tasks) {
  const std::lock_guard lock(mail_lock_);
  if (mail_.empty()) {
    mail_.swap(tasks);
  } else {
    mail_.insert(mail_.end(), std::make_move_iterator(tasks.begin()),
                 std::make_move_iterator(tasks.end()));
    tasks.clear();
  }
  mail_waiting_.store(mail_.size());
}

void Core::put_in_outbox(Core& target, Task task) {
  auto outbox = std::find_if(outboxes_.begin(), outboxes_.end(),
                             [&target](const Outbox& each) { return each.target == &target; });
  if (outbox == outboxes_.end()) outbox = outboxes_.insert(outbox, Outbox{&target, {}});
  outbox->tasks.push_back(std::move(task));
  if (outbox->tasks.size() < kOutboxMax) return;
  target.put_mail(outbox->tasks);
  if (target.claim_sleeper()) target.alert();
}

void Core::empty_outboxes(std::vector<Core*>& posted_to) {
  for (Outbox& outbox : outboxes_) {
    if (outbox.tasks.empty()) continue;
    outbox.target->put_mail(outbox.tasks);
    posted_to.push_back(outbox.target);
  }
}

// This turn is over: its mail leaves, and every core that got some and sleeps is run here or
// woken. What these turns post joins the list instead of going on on its own, so the stack stays
// one level deep, and our own core needs no word: we look at our mail before we sleep.
void Core::notify_posted() {
  posted_to_.clear();
  empty_outboxes(posted_to_);
  int borrows_left = turn_ns_ <= kBorrowedAfterNs ? kBorrowedTurnsMax : 0;
  for (std::size_t i = 0; i < posted_to_.size(); ++i) {
    Core& target = *posted_to_[i];
    if (&target == this || !target.claim_sleeper()) continue;
    if (target.is_served_here()) {
      target.run_here(posted_to_);
      continue;
    }
    if (borrows_left-- > 0 && target.run_borrowed(posted_to_)) continue;
    target.wake();
  }
}

bool Core::claim_sleeper() { return asleep_.load() && asleep_.exchange(false); }

// Requires: the caller has claimed this core. False: the thread must be woken.
bool Core::run_borrowed(std::vector<Core*>& posted_to) {
  for (int round = 0; round < kBorrowedRoundsMax; ++round) {
    if (mail_waiting() > kBorrowedMailMax || !turn_lock_.try_lock()) return false;
    const std::unique_lock lock(turn_lock_, std::adopt_lock);
    if (stopping_.load(std::memory_order_relaxed)) return true;
    turn(nullptr, 0, Part::no_background);
    counters_.borrowed_turns.add();
    empty_outboxes(posted_to);
    if (due_ms() < sleeping_until_) return false;
    // Before the lock is free: the thread sets it false again once it has the lock.
    asleep_.store(true);
    // Whoever posted since then claims it; what was posted before is ours. Mail to itself too.
    if (mail_waiting_.load() == 0 || !claim_sleeper()) return true;
  }
  return false;
}

// Requires: the caller has claimed this core, and its thread serves it.
void Core::run_here(std::vector<Core*>& posted_to) {
  if (!turn_lock_.try_lock()) return alert();  // somebody borrows it; we look when they are done
  {
    const std::lock_guard lock(turn_lock_, std::adopt_lock);
    turn(nullptr, 0, Part::no_background);
    counters_.borrowed_turns.add();
    empty_outboxes(posted_to);
    prepare_sleep();
    asleep_.store(true);
  }
  if (mail_waiting_.load() > 0 && claim_sleeper()) alert();
}

// Makes whoever serves this core look at its mail. Requires: the caller has claimed this core.
void Core::alert() {
  if (!is_served_here()) {
    wake();
  } else if (!is_on_its_own()) {
    host_->is_due(*this);
  }  // else this thread looks at the mail before it waits
}

void Core::wake() const {
  const std::uint64_t one = 1;
  const auto written = ::write(wake_fd_, &one, sizeof(one));
  CHECK(written == sizeof(one));
}

}  // namespace roost::core
