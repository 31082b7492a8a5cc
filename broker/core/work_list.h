// SPDX-License-Identifier: Apache-2.0
// A first-in-first-out list of work whose links are in the work itself: nothing is allocated, and
// work that ends leaves its list.
// Thread: wherever its list is.
#pragma once

#include <cstddef>
#include <utility>

namespace roost::core {

template <class T>
class WorkList;

// Base of T; in one list at most.
template <class T>
class Listed {
 public:
  Listed() = default;
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;
  bool is_listed() const { return list_ != nullptr; }

 protected:
  ~Listed() { leave(); }
  void leave() {
    if (list_ != nullptr) std::exchange(list_, nullptr)->remove(*this);
  }

 private:
  friend class WorkList<T>;
  WorkList<T>* list_ = nullptr;
  Listed* next_ = nullptr;
  Listed* previous_ = nullptr;
};

template <class T>
class WorkList {
 public:
  WorkList() = default;
  ~WorkList() {
    while (!empty()) take();
  }
  WorkList(const WorkList&) = delete;
  WorkList& operator=(const WorkList&) = delete;

  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  // Requires: `work` is in no list.
  void add(Listed<T>& work) {
    work.list_ = this;
    work.previous_ = last_;
    (last_ != nullptr ? last_->next_ : first_) = &work;
    last_ = &work;
    ++size_;
  }
  // The oldest. Requires: !empty().
  T& take() {
    T& work = static_cast<T&>(*first_);
    first_->leave();
    return work;
  }

 private:
  friend class Listed<T>;
  void remove(Listed<T>& work) {
    (work.previous_ != nullptr ? work.previous_->next_ : first_) = work.next_;
    (work.next_ != nullptr ? work.next_->previous_ : last_) = work.previous_;
    work.next_ = work.previous_ = nullptr;
    --size_;
  }

  Listed<T>* first_ = nullptr;
  Listed<T>* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace roost::core
