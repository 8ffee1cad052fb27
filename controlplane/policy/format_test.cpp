// The layout of policy files: what is kept, what is written alike, and that it stays so.
#include "controlplane/policy/format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "controlplane/policy/compiler.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "tests/support/policy_text.h"

namespace bulkhead::controlplane {
namespace {

std::string formatted(const std::string& text) {
  Diagnostics diagnostics("p.yaml");
  const auto result = format_policy(text, diagnostics);
  for (const Diagnostic& each : diagnostics.list()) ADD_FAILURE() << diagnostics.to_text(each);
  return result.value_or("");
}

std::string refusal(const std::string& text) {
  Diagnostics diagnostics("p.yaml");
  EXPECT_FALSE(format_policy(text, diagnostics));
  return diagnostics.list().empty() ? "" : diagnostics.to_text(diagnostics.list()[0]);
}

std::string digest_of(const std::string& text) {
  const Compilation compiled = compile_policy(text, "p.yaml");
  EXPECT_TRUE(compiled.tables) << text;
  return compiled.tables ? artefact::to_hex(artefact::encode(*compiled.tables).sha256()) : "";
}

TEST(Format, WritesEachPartInOneWay) {
  EXPECT_EQ(formatted("# A small one.\n"
                      "site:   water-works   # the name\n"
                      "bulkhead: v1\n"
                      "conduits:\n"
                      "    scada: {to: control, from: supervision,\n"
                      "            allow: [{client: hmi, protocol: modbus, server: plc1,\n"
                      "                     access: [read]}]}\n"
                      "zones:\n"
                      "  supervision:\n"
                      "    networks: [ 10.20.0.0/24 ]\n"
                      "    port: 0\n"
                      "  control: {port: 1, networks: [10.10.0.0/24]}\n"),
            "# A small one.\n"
            "bulkhead: v1\n"
            "site: water-works  # the name\n"
            "zones:\n"
            "  supervision: {port: 0, networks: [10.20.0.0/24]}\n"
            "  control: {port: 1, networks: [10.10.0.0/24]}\n"
            "conduits:\n"
            "  scada:\n"
            "    from: supervision\n"
            "    to: control\n"
            "    allow:\n"
            "      - {protocol: modbus, client: hmi, server: plc1, access: [read]}\n");
}

// Each comment stays with what it is about, at the end of its line or above it.
TEST(Format, KeepsComments) {
  const std::string text =
      "bulkhead: v1\n"
      "site: water-works\n"
      "zones:  # both sides\n"
      "  # the operators'\n"
      "  supervision: {port: 0, networks: [10.20.0.0/24]}  # with the HMI\n"
      "  control:\n"
      "    port: 1\n"
      "    networks:\n"
      "      - 10.10.0.0/24  # the old one\n"
      "      # the new one\n"
      "      - 10.11.0.0/24\n"
      "      # none beyond\n"
      "  # that is all\n"
      "\n"
      "conduits:\n"
      "  scada:\n"
      "    from: supervision  # who opens sessions\n"
      "    to: control\n"
      "    allow:\n"
      "      # read\n"
      "      - {protocol: modbus, client: any, server: any, access: [read]}  # all of it\n"
      "\n"
      "      # write: \"no\" # twice\n"
      "      - protocol: modbus\n"
      "        client: any\n"
      "        server: any\n"
      "        functions: [6]  # one register, 'not' more\n"
      "        where: {unit: 1, address: 40-49}\n"
      "      # end of the rules\n"
      "# end of the file\n";
  EXPECT_EQ(formatted(text), text);
}

// Between brackets a comment takes its entry out of them.
TEST(Format, SpreadsWhatHasCommentsInside) {
  EXPECT_EQ(formatted("bulkhead: v1\n"
                      "site: s\n"
                      "assets:\n"
                      "  hmi: {zone: a,   # in the room\n"
                      "        # its only one\n"
                      "        address: 10.0.0.1}\n"),
            "bulkhead: v1\n"
            "site: s\n"
            "assets:\n"
            "  hmi:\n"
            "    zone: a  # in the room\n"
            "    # its only one\n"
            "    address: 10.0.0.1\n");
}

TEST(Format, QuotesWhatBracketsWouldCut) {
  EXPECT_EQ(formatted("bulkhead: v1\nsite: s\nassets:\n  a:\n    zone: z\n    mac: "
                      "02:00:00:00:00:20\n    address: '2001:db8::1'\n"),
            "bulkhead: v1\nsite: s\nassets:\n  a: {zone: z, address: \"2001:db8::1\", mac: "
            "\"02:00:00:00:00:20\"}\n");
  EXPECT_EQ(formatted("bulkhead: v1\nsite: \"a # b\\t\\\"c\\\"\"\n"),
            "bulkhead: v1\nsite: \"a # b\\x09\\\"c\\\"\"\n");
}

TEST(Format, LongRulesHaveALineAKeyAndLongListsSeveral) {
  std::string functions;
  for (int i = 0; i < 12; ++i) functions += ", write_single_register";
  const std::string text = formatted(
      "bulkhead: v1\nsite: s\nconduits: {c: {from: a, to: b, allow: [{protocol: modbus, client: "
      "any, server: any, functions: [6" +
      functions + "]}]}}\n");
  EXPECT_NE(text.find("      - protocol: modbus\n        client: any\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("        functions: [6, write_single_register, write_single_register, "
                      "write_single_register,\n          write_single_register"),
            std::string::npos)
      << text;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

// An alias would stand before its anchor if keys moved.
TEST(Format, AnchorsKeepTheOrderOfKeys) {
  EXPECT_EQ(formatted("site: s\nbulkhead: v1\nassets:\n  a: &h {zone: z, address: 10.0.0.1}\n"
                      "  b: *h\n"),
            "site: s\nbulkhead: v1\nassets:\n  a: &h {zone: z, address: 10.0.0.1}\n  b: *h\n");
}

TEST(Format, RefusesWhatItCannotRewrite) {
  EXPECT_NE(refusal("site: |\n  text\n").find("p.yaml:1:7: error: a block scalar"),
            std::string::npos);
  EXPECT_NE(refusal("site: !!str 5\n").find("a tag cannot be rewritten"), std::string::npos);
  EXPECT_NE(refusal("[a, b]\n").find("not a map"), std::string::npos);
  EXPECT_NE(refusal("a: [b\n").find("not valid YAML"), std::string::npos);
  EXPECT_NE(refusal("? [a, b]\n: c\n").find("a key must be a single value"), std::string::npos);
  EXPECT_NE(refusal("a: 1\n---\nb: 2\n").find("a second document"), std::string::npos);
}

TEST(Format, ForgivesLineEndsAndMarks) {
  EXPECT_EQ(formatted("\xef\xbb\xbf"
                      "bulkhead: v1\r\nsite: s  # name\r\n\r\n\r\nzones: {}\r\n"),
            "bulkhead: v1\nsite: s  # name\n\nzones: {}\n");
}

std::vector<std::string> examples() {
  std::vector<std::string> texts;
  for (const auto& site : std::filesystem::directory_iterator(BULKHEAD_POLICIES)) {
    if (!site.is_directory()) continue;
    std::ifstream file(site.path() / "policy.yaml", std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return texts;
}

// What blanks, comments and empty lines an author may add without a change of meaning.
std::string disturbed(const std::string& text, std::mt19937& chance) {
  std::string out;
  int comment = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    const std::size_t line = i == 0 ? 0 : text.rfind('\n', i - 1) + 1;
    const bool in_comment = text.substr(line, i - line).find('#') != std::string::npos;
    if (text[i] == ',' && i + 1 < text.size() && text[i + 1] == ' ' && !in_comment) {
      if (chance() % 4 == 0) out += "   ";
      if (chance() % 8 == 0) out += " # c" + std::to_string(++comment) + "\n          ";
    } else if (text[i] == '\n' && chance() % 4 == 0) {
      out += std::string(chance() % 7, ' ') + "# line " + std::to_string(++comment) + "\n";
      if (chance() % 2 == 0) out += "\n";
    }
  }
  return out;
}

std::size_t count_comments(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '#'));
}

// Whatever the layout was: the same is compiled, no comment is lost, and a second time changes
// nothing.
TEST(Format, MeansTheSame) {
  const auto texts = examples();
  ASSERT_GE(texts.size(), 5U);
  std::mt19937 chance(20261130);
  std::size_t disturbances = 0;
  for (const std::string& text : texts) {
    const std::string digest = digest_of(text);
    std::string before = text;
    for (int round = 0; round < 20; ++round) {
      const std::string after = formatted(before);
      ASSERT_EQ(digest_of(after), digest) << before;
      ASSERT_EQ(formatted(after), after) << before;
      ASSERT_EQ(count_comments(after), count_comments(before)) << before;
      before = disturbed(text, chance);
      disturbances += before != text ? 1 : 0;
    }
  }
  EXPECT_GE(disturbances, 90U);
}

}  // namespace
}  // namespace bulkhead::controlplane
