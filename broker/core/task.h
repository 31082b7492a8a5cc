// SPDX-License-Identifier: Apache-2.0
// A move-only `void()` with 48 bytes of room inside; larger closures cost one allocation.
// Thread: any thread (a value).
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace roost::core {

class Task {
 public:
  Task() = default;
  template <typename F, typename = std::enable_if_t<!std::is_same_v<std::decay_t<F>, Task>>>
  Task(F&& function) {  // NOLINT: implicit
    using Function = std::decay_t<F>;
    if constexpr (kFits<Function>) {
      ::new (static_cast<void*>(room_)) Function(std::forward<F>(function));
      operations_ = &kInline<Function>;
    } else {
      ::new (static_cast<void*>(room_)) Function*(new Function(std::forward<F>(function)));
      operations_ = &kHeap<Function>;
    }
  }
  Task(Task&& other) noexcept { take(other); }
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~Task() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }
  // Requires: not empty.
  void operator()() { operations_->call(room_); }

 private:
  struct Operations {
    void (*call)(void*);
    void (*move)(void* from, void* to);
    void (*destroy)(void*);
  };
  static constexpr std::size_t kRoom = 48;
  template <typename F>
  static constexpr bool kFits =
      sizeof(F) <= kRoom &&
      alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;
  template <typename F>
  static constexpr Operations kInline = {[](void* room) { (*static_cast<F*>(room))(); },
                                         [](void* from, void* to) {
                                           ::new (to) F(std::move(*static_cast<F*>(from)));
                                           static_cast<F*>(from)->~F();
                                         },
                                         [](void* room) { static_cast<F*>(room)->~F(); }};
  template <typename F>
  static constexpr Operations kHeap = {
      [](void* room) { (**static_cast<F**>(room))(); },
      [](void* from, void* to) { ::new (to) F*(*static_cast<F**>(from)); },
      [](void* room) { delete *static_cast<F**>(room); }};

  void take(Task& other) {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->move(other.room_, room_);
  }
  void reset() {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(room_);
  }

  const Operations* operations_ = nullptr;
  alignas(std::max_align_t) std::byte room_[kRoom];
};

}  // namespace roost::core
