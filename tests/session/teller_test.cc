// SPDX-License-Identifier: Apache-2.0
// What is told of clients that come and go: of each, in front of what it tells of, and again rather
// than not at all.
#include "broker/session/teller.h"

#include <map>
#include <memory>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using Kind = ClientNews::Kind;

// "told/connected/lamp" with the reason as its payload.
class Everything final : public Teller {
 public:
  bool wants(Kind kind) const override { return wanted.at(kind); }
  routing::MessagePtr message_of(const ClientNews& news, SteadyMs received_ms) const override {
    if (news.client_id == "witness") return {};
    const char* const kinds[] = {"connected", "disconnected", "expired"};
    const std::string topic = std::string("told/") + kinds[static_cast<int>(news.kind)] + "/" +
                              std::string(news.client_id);
    const std::string payload = std::string(news.why) + (news.outlives ? " lasts" : "");
    routing::MessageParts parts;
    parts.topic = topic;
    parts.payload = as_bytes(payload);
    parts.qos = mqtt::Qos::at_least_once;
    parts.received_ms = received_ms;
    return routing::Message::make(parts);
  }
  std::map<Kind, bool> wanted{
      {Kind::connected, true}, {Kind::disconnected, true}, {Kind::expired, true}};
};

class ClientsTold : public Chapter {
 protected:
  Everything teller;
  Client witness{broker, "witness", Hello().resume().expiry(10'000)};

  void SetUp() override {
    broker.use(teller);
    witness.subscribe(Sub("told/#", kQos0));
    witness.take();
  }
  static Hello staying(int s = 1000) { return Hello().resume().expiry(s); }
};
INSTANTIATE_TEST_SUITE_P(Cores, ClientsTold, testing::Values(1, 3));

TEST_P(ClientsTold, ComeAndGoClean) {
  Client lamp(broker, "lamp", Hello());
  EXPECT_THAT(witness.got(), ElementsAre("told/connected/lamp="));
  lamp.disconnect();
  EXPECT_THAT(witness.got(), ElementsAre("told/disconnected/lamp=client disconnected"));
  EXPECT_EQ(broker.sum(&SessionCounters::told), 2U);
  EXPECT_EQ(broker.sum(&SessionCounters::telling), 0U);
}

TEST_P(ClientsTold, ComeAndGoWithASessionThatLasts) {
  Client lamp(broker, "lamp", staying());
  EXPECT_THAT(witness.got(), ElementsAre("told/connected/lamp= lasts"));
  lamp.vanish();
  EXPECT_THAT(witness.got(), ElementsAre(testing::StartsWith("told/disconnected/lamp=")));
}

TEST_P(ClientsTold, AreTakenOver) {
  Client lamp(broker, "lamp", staying());
  Client again(broker, "lamp", staying());
  EXPECT_THAT(witness.got(),
              ElementsAre("told/connected/lamp= lasts", "told/disconnected/lamp=taken over lasts",
                          "told/connected/lamp= lasts"));
}

TEST_P(ClientsTold, ExpireOnce) {
  Client lamp(broker, "lamp", staying(10));
  lamp.vanish();
  Client clean(broker, "clean", Hello());
  clean.vanish();
  witness.take();
  broker.advance_s(20);
  EXPECT_THAT(witness.got(), ElementsAre("told/expired/lamp="));
  EXPECT_FALSE(broker.knows("lamp"));
}

TEST_P(ClientsTold, OnlyOfWhatIsWanted) {
  teller.wanted[Kind::connected] = teller.wanted[Kind::expired] = false;
  Client lamp(broker, "lamp", staying(10));
  lamp.vanish();
  broker.advance_s(20);
  EXPECT_THAT(witness.got(), ElementsAre(testing::StartsWith("told/disconnected/lamp=")));
}

// Who has his CONNACK has been told of, though all died at once; and that he is gone is told by who
// begins on what is left.
TEST_P(ClientsTold, OverACrash) {
  auto before = std::make_unique<support::Broker>(static_cast<std::uint16_t>(GetParam()));
  before->use(teller);
  auto hook = std::make_unique<Client>(*before, "witness", Hello().resume().expiry(10'000));
  hook->subscribe(Sub("told/#", kQos1));
  hook->vanish();
  auto lamp = std::make_unique<Client>(*before, "lamp", staying());
  auto clean = std::make_unique<Client>(*before, "clean", Hello());
  const ManualClock clock = before->clock();
  support::Remains remains = before->crash();  // with both connected
  lamp.reset();
  clean.reset();
  hook.reset();
  support::Broker after(static_cast<std::uint16_t>(GetParam()), std::move(remains), clock, &teller);
  Client back(after, "witness");
  back.connect(Hello().resume().expiry(10'000));
  Lines told = back.got();
  std::erase_if(told,
                [](const std::string& line) { return line.find("/lamp=") == std::string::npos; });
  ASSERT_EQ(told.size(), 2U);
  EXPECT_THAT(told[0], testing::StartsWith("told/connected/lamp= lasts"));
  EXPECT_THAT(told[1], testing::StartsWith("told/disconnected/lamp=its node"));
}

}  // namespace
}  // namespace roost::session
