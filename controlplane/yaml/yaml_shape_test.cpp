// Aliases that grow, documents after the first.
#include "controlplane/yaml/yaml_shape.h"

#include <gtest/gtest.h>

#include <chrono>

namespace bulkhead::controlplane {
namespace {

std::string problem_of(const std::string& text) {
  Diagnostics diagnostics("p.yaml");
  const bool good = check_yaml_shape(text, diagnostics);
  EXPECT_EQ(good, diagnostics.list().empty());
  return good ? "" : diagnostics.to_text(diagnostics.list().front());
}

TEST(YamlShape, AFewAliasesAreFine) {
  EXPECT_EQ(problem_of("a: &x [1, 2]\nb: *x\nc: {d: *x}\n"), "");
  EXPECT_EQ(problem_of("---\na: 1\n"), "");
}

TEST(YamlShape, AliasesThatGrowAreRefusedWhereTheyDo) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += before + ", ";
    text += "]\n";
  }
  const auto begun = std::chrono::steady_clock::now();
  const std::string problem = problem_of(text);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
  EXPECT_NE(problem.find("p.yaml:5:"), std::string::npos) << problem;
  EXPECT_NE(problem.find("aliases up to here"), std::string::npos) << problem;
}

TEST(YamlShape, AliasesOfALongTextAreRefusedToo) {
  std::string text = "a: &a " + std::string(100'000, 'x') + "\nb: [";
  for (int i = 0; i < 60; ++i) text += "*a, ";
  EXPECT_NE(problem_of(text + "]\n").find("aliases up to here"), std::string::npos);
}

TEST(YamlShape, AnAliasInsideOfWhatItStandsFor) {
  EXPECT_NE(problem_of("a: &a [1, *a]\n").find("p.yaml:1:11: error: an alias stands inside"),
            std::string::npos);
}

TEST(YamlShape, ASecondDocumentIsNoPartOfAPolicy) {
  EXPECT_NE(problem_of("a: 1\n---\nb: 2\n").find("a second document begins here"),
            std::string::npos);
}

}  // namespace
}  // namespace bulkhead::controlplane
