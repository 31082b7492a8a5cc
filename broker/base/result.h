// SPDX-License-Identifier: Apache-2.0
// Result<T, E>: a value or an error, with std::expected's method names (g++ 12 has none in C++20).
// The default error is Error: a closed kind and a sentence for a person.
// Thread: any thread.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "broker/base/check.h"

namespace roost {

enum class ErrorKind {
  invalid_argument,  // the caller or the user asked for something that makes no sense
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,  // a limit, memory, files, disk
  unavailable,         // a peer or service is away; trying again may help
  io,                  // the operating system refused
  corrupt,             // bytes are not what they must be
};

struct Error {
  ErrorKind kind;
  std::string message;
};

template <typename E>
class Unexpected {
 public:
  explicit Unexpected(E error) : error_(std::move(error)) {}
  E& error() & { return error_; }
  E&& error() && { return std::move(error_); }

 private:
  E error_;
};
template <typename E>
Unexpected(E) -> Unexpected<E>;

// Out of line: GCC 12 sees bounds broken in a short string that it moves through inlined calls.
[[gnu::noinline]] inline Unexpected<Error> error(ErrorKind kind, std::string message) {
  return Unexpected(Error{kind, std::move(message)});
}

template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(Unexpected<E> error)                                            // NOLINT: implicit
      : state_(std::in_place_index<1>, std::move(error).error()) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Requires: has_value().
  T& value() & {
    CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    CHECK(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Requires: !has_value().
  E& error() & {
    CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  const E& error() const& {
    CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  E&& error() && {
    CHECK(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, E> state_;
};

template <typename E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  Result(Unexpected<E> error) : state_(std::move(error).error()) {}  // NOLINT: implicit

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  const E& error() const& {
    CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  E&& error() && {
    CHECK(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<std::monostate, E> state_;
};

}  // namespace roost
