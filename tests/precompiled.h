// SPDX-License-Identifier: Apache-2.0
// What nearly every test includes, compiled once for all of them. No test relies on it: each
// includes what it uses, and builds without it (cmake -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
