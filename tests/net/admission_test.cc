// SPDX-License-Identifier: Apache-2.0
#include "broker/net/admission.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace roost::net {
namespace {

using Answer = Admission::Answer;

TEST(AdmissionTest, LetsInAsManyAsThereMayBe) {
  Admission admission({.connections_max = 2});
  std::vector<Place> places(3);
  EXPECT_EQ(admission.enter("192.0.2.1", places[0]), Answer::yes);
  EXPECT_EQ(admission.enter("", places[1]), Answer::yes);
  EXPECT_EQ(admission.enter("192.0.2.1", places[2]), Answer::full);
  EXPECT_EQ(admission.connections(), 2U);
  EXPECT_EQ(admission.counters().full, 1U);
  places[0] = Place();
  EXPECT_EQ(admission.enter("192.0.2.1", places[2]), Answer::yes);
  places.clear();
  EXPECT_EQ(admission.connections(), 0U);
}

TEST(AdmissionTest, AMovedPlaceIsStillOne) {
  Admission admission({});
  std::optional<Place> place(std::in_place);
  ASSERT_EQ(admission.enter("", *place), Answer::yes);
  Place moved = std::move(*place);
  place.reset();
  EXPECT_EQ(admission.connections(), 1U);
  moved = Place();
  EXPECT_EQ(admission.connections(), 0U);
}

TEST(AdmissionTest, CountsAddresses) {
  Admission admission({.connections_per_address_max = 1});
  Place first, second, third;
  EXPECT_EQ(admission.enter("192.0.2.1", first), Answer::yes);
  EXPECT_EQ(admission.enter("192.0.2.1", second), Answer::address_full);
  EXPECT_EQ(admission.connections(), 1U) << "who was refused has no place";
  EXPECT_EQ(admission.enter("192.0.2.2", second), Answer::yes);
  first = Place();
  EXPECT_EQ(admission.enter("192.0.2.1", third), Answer::yes);
  EXPECT_EQ(admission.counters().address_full, 1U);
}

TEST(AdmissionTest, AnIpv6NetworkIsOneAddress) {
  const std::pair<const char*, const char*> kPairs[] = {
      {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff:4:5:6"},
      {"2001:db8:1:2::1", "2001:db8:1:2::2"},
      {"2001:db8:1:2::1", "2001:db8:1:2:8000::"}};
  for (const auto& [one, other] : kPairs) {
    Admission admission({.connections_per_address_max = 1});
    Place first, second, third;
    EXPECT_EQ(admission.enter(one, first), Answer::yes);
    EXPECT_EQ(admission.enter(other, second), Answer::address_full) << other;
    EXPECT_EQ(admission.enter("2001:db8:1:3::1", third), Answer::yes);
  }
  Admission admission({.connections_per_address_max = 1});
  Place first, second;
  EXPECT_EQ(admission.enter("::1", first), Answer::yes);
  EXPECT_EQ(admission.enter("::2", second), Answer::yes);
}

TEST(AdmissionTest, AnAddressThatIsNamedLaterCountsToo) {
  Admission admission({.connections_per_address_max = 1});
  Place first, second;
  ASSERT_EQ(admission.enter("", first), Answer::yes);
  ASSERT_EQ(admission.enter("", second), Answer::yes);
  EXPECT_EQ(admission.name("192.0.2.1", first), Answer::yes);
  EXPECT_EQ(admission.name("192.0.2.1", second), Answer::address_full);
  EXPECT_EQ(admission.connections(), 2U) << "until its connection is closed";
}

TEST(AdmissionTest, TheBannedDontComeIn) {
  Admission admission({}, [](std::string_view host) { return host == "192.0.2.1"; });
  Place place;
  EXPECT_EQ(admission.enter("192.0.2.1", place), Answer::banned);
  EXPECT_EQ(admission.enter("192.0.2.2", place), Answer::yes);
  EXPECT_EQ(admission.counters().banned, 1U);
}

TEST(AdmissionTest, ASecondsWorthMayComeAtOnceThenAtTheRate) {
  Admission admission({.connects_per_s = 100});
  SteadyMs now = 50'000;
  int came = 0;
  const auto come = [&] {
    for (; admission.wait_ms(now) == 0; ++came) admission.accepted(now);
  };
  come();
  EXPECT_EQ(came, 100);
  const SteadyMs wait = admission.wait_ms(now);
  EXPECT_GT(wait, 0);
  EXPECT_LE(wait, 11);
  for (int i = 0; i < 1000; ++i) {
    now += 1;
    come();
  }
  EXPECT_NEAR(came, 200, 1);
  now += 60'000;
  came = 0;
  come();
  EXPECT_EQ(came, 100) << "what wasn't used for a minute is not saved up";
}

}  // namespace
}  // namespace roost::net
