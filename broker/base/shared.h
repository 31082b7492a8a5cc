// SPDX-License-Identifier: Apache-2.0
// Intrusive shared ownership: one pointer, one allocation, counted atomically because owners may
// sit on different cores. SharedBlock is the base of what connections may keep until it is sent.
// Thread: any thread (the count); what is shared is immutable.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace roost {

class SharedBlock {
 public:
  SharedBlock(const SharedBlock&) = delete;
  SharedBlock& operator=(const SharedBlock&) = delete;

  void add_ref() const { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

 protected:
  SharedBlock() = default;
  virtual ~SharedBlock() = default;
  // Called once, by the last owner.
  virtual void destroy() const { delete this; }

 private:
  mutable std::atomic<std::uint32_t> refs_{1};
};

template <typename T>
class SharedPtr {
 public:
  SharedPtr() = default;
  // Takes over one reference (a new block has one).
  static SharedPtr adopt(T* block) {
    SharedPtr p;
    p.block_ = block;
    return p;
  }
  // Adds a reference.
  static SharedPtr share(T* block) {
    if (block != nullptr) block->add_ref();
    return adopt(block);
  }

  SharedPtr(const SharedPtr& other) : block_(other.block_) {
    if (block_ != nullptr) block_->add_ref();
  }
  SharedPtr(SharedPtr&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedPtr& operator=(SharedPtr other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedPtr() {
    if (block_ != nullptr) block_->release();
  }

  T* get() const { return block_; }
  T& operator*() const { return *block_; }
  T* operator->() const { return block_; }
  explicit operator bool() const { return block_ != nullptr; }
  friend bool operator==(const SharedPtr& a, const SharedPtr& b) { return a.block_ == b.block_; }

 private:
  T* block_ = nullptr;
};

}  // namespace roost
