// SPDX-License-Identifier: Apache-2.0
#include "broker/server/api_answer.h"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace roost::server {
namespace {

namespace json = boost::json;

constexpr const char* kText = R"({"n": 5, "less": -5, "most": 18446744073709551615, "yes": true})";

// A number is the same whether it was made here or came from another node.
TEST(ApiAnswer, NumbersAreTakenHoweverTheyCame) {
  const json::object made = {
      {"n", std::uint64_t{5}}, {"less", -5}, {"most", UINT64_MAX}, {"yes", true}};
  for (const json::object& one : {made, json::parse(kText).as_object()}) {
    EXPECT_EQ(number_of(one, "n"), 5);
    EXPECT_EQ(number_of(one, "less"), -5);
    EXPECT_EQ(number_of(one, "most", 7), 7) << "it doesn't fit";
    EXPECT_EQ(number_of(one, "yes", 7), 7);
    EXPECT_EQ(number_of(one, "none", 7), 7);
    EXPECT_EQ(count_of(one, "n"), 5U);
    EXPECT_EQ(count_of(one, "less", 7), 7U);
    EXPECT_EQ(count_of(one, "most"), UINT64_MAX);
    EXPECT_TRUE(flag_of(one, "yes"));
    EXPECT_FALSE(flag_of(one, "n"));
  }
}

}  // namespace
}  // namespace roost::server
