// SPDX-License-Identifier: Apache-2.0
// tests/ACCEPTANCE.md names only what exists, and a row says pass only with its proof.
#include "tests/tidy/acceptance.h"

#include <gtest/gtest.h>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

std::vector<std::string> faults_of(std::string_view row, bool exists = true) {
  return acceptance_faults(parse_acceptance(row), [&](const std::string&) { return exists; });
}

TEST(Acceptance, TheTableHolds) {
  const auto rows = parse_acceptance(read_text("tests/ACCEPTANCE.md"));
  ASSERT_GT(rows.size(), 50u);
  const auto faults = acceptance_faults(rows, evidence_exists);
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(Acceptance, AnOpenRowNeedsNoProof) {
  EXPECT_TRUE(faults_of("| 2.1 | it serves | | open | | |").empty());
}

TEST(Acceptance, APassNeedsEvidenceDateAndCommit) {
  EXPECT_TRUE(faults_of("| 2.1 | it | `gtest:A.B` | pass | 2026-11-23 | 0123abc |").empty());
  EXPECT_EQ(faults_of("| 2.1 | it | seen once | pass | 2026-11-23 | 0123abc |").size(), 1u);
  EXPECT_EQ(faults_of("| 2.1 | it | `gtest:A.B` | pass | today | 0123abc |").size(), 1u);
  EXPECT_EQ(faults_of("| 2.1 | it | `gtest:A.B` | pass | 2026-11-23 | main |").size(), 1u);
}

TEST(Acceptance, ATestThatIsNotThereIsAFault) {
  EXPECT_EQ(faults_of("| 2.1 | it | `gtest:A.B` `py:a.py::C.d` | open | | |", false).size(), 2u);
}

TEST(Acceptance, AResultNobodyKnowsIsAFault) {
  EXPECT_EQ(faults_of("| 2.1 | it serves | | nearly | | |").size(), 1u);
  EXPECT_FALSE(faults_of("| 2.1 | too few columns | open |").empty());
}

TEST(Acceptance, AnIdStandsOnce) {
  EXPECT_EQ(faults_of("| 2.1 | a | | open | | |\n| 2.1 | b | | open | | |\n").size(), 1u);
}

TEST(Acceptance, ABarInACellIsEscaped) {
  const auto rows = parse_acceptance("| 1 | a \\| b | `cmd:x` | open | | |");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].sentence, "a | b");
  EXPECT_EQ(rows[0].result, "open");
}

TEST(Acceptance, FindsTestsByDeclaration) {
  EXPECT_TRUE(declares_gtest("TEST_F(Session, TakesOver) {", "Session", "TakesOver"));
  EXPECT_TRUE(declares_gtest("TEST(Session,\n     TakesOver) {", "Session", "TakesOver"));
  EXPECT_FALSE(declares_gtest("TEST(Session, TakesOverLater) {", "Session", "TakesOver"));
  const char* python = "class A(Base):\n  def test_x(self):\nclass B:\n  def test_y(self):\n";
  EXPECT_TRUE(declares_python_test(python, "A", "test_x"));
  EXPECT_FALSE(declares_python_test(python, "A", "test_y"));
  EXPECT_TRUE(declares_python_test(python, "B", "test_y"));
}

TEST(Acceptance, EvidenceIsLookedUpInTheTree) {
  EXPECT_TRUE(evidence_exists("gtest:Acceptance.EvidenceIsLookedUpInTheTree"));
  EXPECT_FALSE(evidence_exists("gtest:Acceptance.NobodyWroteThis"));
  EXPECT_TRUE(evidence_exists("cmd:deploy/run --build-only"));
  EXPECT_TRUE(evidence_exists("cmd:roost bench fan-in"));
  EXPECT_TRUE(evidence_exists("py:tests/deploy/deploy_run_test.py::free_port"));
  EXPECT_FALSE(evidence_exists("py:tests/deploy/deploy_run_test.py::free_por"));
  EXPECT_FALSE(evidence_exists("cmd:deploy/nothing"));
  EXPECT_FALSE(evidence_exists("py:tests/system/nothing.py::A.b"));
}

}  // namespace
}  // namespace roost::tidy
