// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/scram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "broker/auth/password_hash.h"
#include "tests/auth/scram_client.h"

namespace roost::auth {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kSalt = "W22ZaJ0SNY7soEsUEjb6gQ==";
constexpr const char* kOurNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr const char* kBare = "n=user,r=rOprNGfwEbeRWgbNEkqO";

class Scram : public testing::Test {
 protected:
  ScramExchange exchange(ScramNonce nonce = [] { return std::string(kOurNonce); }) {
    return ScramExchange(
        [this](std::string_view user) -> std::optional<std::string> {
          const auto found = lines_.find(std::string(user));
          if (found == lines_.end()) return std::nullopt;
          return found->second;
        },
        decoys_, 4096, std::move(nonce));
  }
  std::string challenge(ScramExchange& from, const std::string& bare = kBare) {
    const ScramStep step = from.first("n,," + bare);
    EXPECT_EQ(step.refusal, "") << bare;
    return step.data;
  }

  const ScramDecoys decoys_{ScramKey{7}};
  std::map<std::string, std::string> lines_ = {{"user", scram_line("pencil", kSalt, 4096)}};
};

TEST_F(Scram, AnswersTheVectorOfRfc7677) {
  ScramExchange server = exchange();
  EXPECT_EQ(server.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").data,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
            "i=4096");
  const ScramStep step = server.final(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_EQ(step.refusal, "");
  EXPECT_EQ(step.data, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  EXPECT_EQ(server.user(), "user");
}

TEST_F(Scram, LetsInWhoKnowsThePasswordOnly) {
  for (const auto& [password, refusal] :
       std::map<std::string, std::string>{{"pencil", ""}, {"pencils", "wrong password"}}) {
    ScramExchange server = exchange();
    const auto reply = scram_final(password, kBare, challenge(server));
    const ScramStep step = server.final(reply.message);
    EXPECT_EQ(step.refusal, refusal);
    EXPECT_EQ(step.data, refusal.empty() ? reply.server : "e=invalid-proof");
    EXPECT_FALSE(step.is_garbled);
  }
}

TEST_F(Scram, AnUnknownUserLooksLikeAKnownOne) {
  const std::string bare = "n=nobody,r=abc";
  ScramExchange one = exchange(), two = exchange();
  const std::string said = challenge(one, bare);
  EXPECT_EQ(said, challenge(two, bare)) << "the same salt each time";
  EXPECT_EQ(said.size(),
            challenge(*std::make_unique<ScramExchange>(exchange()), "n=user,r=abc").size());
  EXPECT_EQ(attribute(said, 'i'), "4096");
  ScramExchange other = exchange();
  EXPECT_NE(attribute(said, 's'), attribute(challenge(other, "n=nobodx,r=abc"), 's'));
  const ScramDecoys later{ScramKey{8}};
  EXPECT_NE(decoys_.secret_of("nobody", 4096), later.secret_of("nobody", 4096));
  const ScramStep step = one.final(scram_final("pencil", bare, said).message);
  EXPECT_EQ(step.refusal, "unknown user");
  EXPECT_EQ(step.data, "e=invalid-proof") << "as with a wrong password";
}

TEST_F(Scram, ALineOfTheFileThatIsDamagedLetsNobodyIn) {
  lines_["user"] = "$scram-sha-256$i=4096$$$";
  ScramExchange server = exchange();
  const auto reply = scram_final("pencil", kBare, challenge(server));
  EXPECT_EQ(server.final(reply.message).refusal, "unknown user");
}

TEST_F(Scram, RefusesAReplay) {
  ScramExchange before = exchange();
  const std::string heard = scram_final("pencil", kBare, challenge(before)).message;
  ScramExchange server = exchange([] { return std::string("another"); });
  challenge(server);
  const ScramStep step = server.final(heard);
  EXPECT_THAT(step.refusal, HasSubstr("nonce"));
  EXPECT_TRUE(step.is_garbled);
}

TEST_F(Scram, RandomNoncesDiffer) {
  EXPECT_EQ(random_scram_nonce().size(), 24u);
  EXPECT_NE(random_scram_nonce(), random_scram_nonce());
  ScramExchange server = exchange([] { return std::string(); });
  EXPECT_THAT(server.first("n,,n=user,r=x").refusal, HasSubstr("random"));
}

TEST_F(Scram, UserNamesAreUnescaped) {
  lines_ = {{"a,b=c\xC3\xA9", scram_line("pencil", kSalt, 4096)}};
  const std::string bare = "n=a=2Cb=3Dc\xC3\xA9,r=abc";
  ScramExchange server = exchange();
  EXPECT_EQ(server.final(scram_final("pencil", bare, challenge(server, bare)).message).refusal, "");
  EXPECT_EQ(server.user(), "a,b=c\xC3\xA9");
}

TEST_F(Scram, TakesWhatAClientMaySayBesides) {
  for (const std::string header : {"n,,", "y,,", "n,a=user,"}) {
    const std::string bare = "n=user,r=abc,x=later";
    ScramExchange server = exchange();
    const ScramStep first = server.first(header + bare);
    ASSERT_EQ(first.refusal, "") << header;
    EXPECT_EQ(server.final(scram_final("pencil", bare, first.data, header).message).refusal, "");
  }
}

TEST_F(Scram, RefusesChannelBindingAndSaysSo) {
  ScramExchange server = exchange();
  const ScramStep step = server.first("p=tls-exporter,,n=user,r=abc");
  EXPECT_THAT(step.refusal, HasSubstr("channel binding"));
  EXPECT_EQ(step.data, "e=channel-binding-not-supported");
  ScramExchange downgraded = exchange();
  const ScramStep first = downgraded.first(std::string("n,,") + kBare);
  EXPECT_EQ(downgraded.final(scram_final("pencil", kBare, first.data, "y,,").message).data,
            "e=channel-bindings-dont-match");
}

TEST_F(Scram, RefusesGarbledFirstMessages) {
  const std::string nul("n,,n=us\0er,r=a", 14);
  for (const std::string& message : {std::string(),
                                     std::string("n"),
                                     std::string("n,"),
                                     std::string("n,,"),
                                     std::string("x,,n=user,r=a"),
                                     std::string("n,,n=user"),
                                     std::string("n,,n=user,"),
                                     std::string("n,,n=,r=a"),
                                     std::string("n,,r=a,n=user"),
                                     std::string("n,,n=user,r="),
                                     std::string("n,,n=user,r=a b"),
                                     std::string("n,,n=user,r=\xC3\xA9"),
                                     std::string("n,,n=u=ser,r=a"),
                                     std::string("n,,n=user=2,r=a"),
                                     std::string("n,,n=user=2c,r=a"),
                                     std::string("n,,m=x,n=user,r=a"),
                                     std::string("n,a=admin,n=user,r=a"),
                                     std::string("n,user,n=user,r=a"),
                                     std::string("n,,n=user,r=a,,"),
                                     std::string("n,,n=user,r=a,1=x"),
                                     std::string("n,,n=user,r=a,x="),
                                     nul,
                                     "n,,n=user,r=" + std::string(4096, 'a'),
                                     std::string(65535, 'n')}) {
    ScramExchange server = exchange();
    const ScramStep step = server.first(message);
    EXPECT_TRUE(step.is_garbled) << message.substr(0, 40);
    EXPECT_THAT(step.data, StartsWith("e="));
    EXPECT_TRUE(server.final("c=biws,r=a,p=AA==").is_garbled) << "it is over";
  }
}

TEST_F(Scram, RefusesGarbledFinalMessages) {
  const std::string r = std::string("r=rOprNGfwEbeRWgbNEkqO") + kOurNonce;
  const std::string proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  for (const std::string& message :
       {std::string(), std::string("c=biws"), "c=biws," + r, r + proof, "c=biws" + proof,
        "c=," + r + proof, "c=biws=," + r + proof, "c=Biws," + r + proof,
        "c=biws," + r + "x" + proof, "c=biws," + r.substr(0, r.size() - 1) + proof,
        "c=biws," + r + ",1=2" + proof, "c=biws," + r + "," + std::string(4096, 'x') + proof}) {
    ScramExchange server = exchange();
    challenge(server);
    EXPECT_TRUE(server.final(message).is_garbled) << message.substr(0, 80);
  }
  for (const std::string wrong :
       {",p=", ",p=====", ",p=dHzb", ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ", ",p=%%%%",
        ",p=AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=dHzb"}) {
    ScramExchange server = exchange();
    challenge(server);
    EXPECT_EQ(server.final("c=biws," + r + wrong).refusal, "wrong password") << wrong;
  }
}

TEST_F(Scram, EachStepIsTakenOnce) {
  ScramExchange server = exchange();
  EXPECT_TRUE(server.final("c=biws,r=a,p=AA==").is_garbled);
  EXPECT_TRUE(server.first("n,,n=user,r=abc").is_garbled);
  ScramExchange twice = exchange();
  challenge(twice);
  EXPECT_TRUE(twice.first(std::string("n,,") + kBare).is_garbled);
}

TEST(ScramLine, IsAHashOfAPasswordToo) {
  const auto line = hash_password("secret", ScramCost{4096});
  ASSERT_TRUE(line);
  EXPECT_THAT(*line, StartsWith("$scram-sha-256$i=4096$"));
  EXPECT_TRUE(verify_password(*line, "secret"));
  EXPECT_FALSE(verify_password(*line, "secrets"));
  EXPECT_NE(*line, *hash_password("secret", ScramCost{4096})) << "its salt is fresh";
  EXPECT_EQ(line->find('='), line->rfind('=')) << "written without padding";
  EXPECT_GT(*check_hash(*hash_password("secret", ScramCost{8192})), *check_hash(*line));
  EXPECT_FALSE(hash_password("secret", ScramCost{4095}));
}

TEST(ScramLine, OneThatIsDamagedIsRefused) {
  const std::string good = scram_line("pencil", kSalt, 4096);
  EXPECT_TRUE(check_hash(good));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string line = good;
    return line.replace(line.find(from), from.size(), to);
  };
  for (const std::string& line :
       {with("4096", "4095"), with("4096", "10000001"), with("i=", "n="), with("W22", "W$2"),
        with("W22Z", "%22Z"), good.substr(0, good.size() - 2), good + "$AAAA", good + "A",
        std::string("$scram-sha-256$"), good + std::string(500, 'A')}) {
    EXPECT_FALSE(check_hash(line)) << line;
    EXPECT_FALSE(verify_password(line, "pencil"));
  }
}

}  // namespace
}  // namespace roost::auth
