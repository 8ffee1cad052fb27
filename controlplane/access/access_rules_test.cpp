// Access files: what they mean, and each mistake with its place.
#include "controlplane/access/access_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "controlplane/access/methods.h"
#include "controlplane/access/role_table.h"

namespace bulkhead::controlplane {
namespace {

std::vector<std::string> errors_of(const std::string& text) {
  Diagnostics diagnostics("access.yaml");
  parse_access(text, diagnostics);
  std::vector<std::string> errors;
  for (const Diagnostic& each : diagnostics.list()) errors.push_back(diagnostics.to_text(each));
  return errors;
}

AccessRules rules_of(const std::string& text) {
  Diagnostics diagnostics("access.yaml");
  AccessRules rules = parse_access(text, diagnostics);
  for (const Diagnostic& each : diagnostics.list()) ADD_FAILURE() << diagnostics.to_text(each);
  return rules;
}

TEST(AccessRules, IdentitiesHaveRoles) {
  const AccessRules rules = rules_of(
      "access: v1\n"
      "identities:\n"
      "  alice: [administrator, engineer]\n"
      "  spiffe://water-works/Bob: viewer\n");
  EXPECT_EQ(rules.roles_of("alice"), (Roles{Role::administrator, Role::engineer}));
  EXPECT_EQ(rules.roles_of("spiffe://water-works/Bob"), Roles{Role::viewer});
  EXPECT_TRUE(rules.roles_of("bob").empty());
  EXPECT_TRUE(rules.roles_of("").empty());
}

TEST(AccessRules, AllMistakesAreReportedAtOnceWithTheirPlaces) {
  const std::vector<std::string> errors = errors_of(
      "access: v2\n"
      "identities:\n"
      "  Alice: administrator\n"
      "  bob: [enginer, viewer, viewer]\n"
      "  bob: viewer\n"
      "  carol: {}\n"
      "  dave: []\n"
      "  erin: boss\n"
      "roles: {}\n");
  const std::vector<std::string> expected = {
      "access.yaml:1:9: error: unknown language version v2: this release reads v1",
      "access.yaml:3:3: error: Alice is no identity: a DNS name in lower case or a URI, as in the "
      "certificate's subjectAltName",
      "access.yaml:3:3: error: no identity has the role administrator: name at least one, such as "
      "`alice: [administrator]`",
      "access.yaml:4:9: error: unknown role enginer: did you mean engineer?",
      "access.yaml:4:26: error: the role viewer stands twice",
      "access.yaml:5:3: error: identities: bob stands twice",
      "access.yaml:6:10: error: roles of carol must be a value or a list of values",
      "access.yaml:7:9: error: roles of dave is an empty list",
      "access.yaml:8:9: error: unknown role boss: the roles are viewer, operator, engineer, "
      "approver, auditor, administrator",
      "access.yaml:9:1: error: access file: unknown key roles"};
  EXPECT_EQ(errors, expected);
}

TEST(AccessRules, WithoutAnAdministratorItIsRefused) {
  const std::vector<std::string> errors =
      errors_of("access: v1\nidentities:\n  alice: [engineer, operator]\n");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].find("no identity has the role administrator"), std::string::npos);
  for (const char* text : {"", "access: v1\n", "[]", "access: v1\nidentities:\n", "a: [", "\xff"}) {
    EXPECT_FALSE(errors_of(text).empty()) << text;
  }
}

TEST(AccessRules, LimitsHold) {
  const auto with = [](std::size_t count) {
    std::string text = "access: v1\nidentities:\n  boss: administrator\n";
    for (std::size_t i = 1; i < count; ++i) text += "  u" + std::to_string(i) + ": viewer\n";
    return text;
  };
  EXPECT_EQ(rules_of(with(kIdentitiesMax)).identities.size(), kIdentitiesMax);
  EXPECT_EQ(errors_of(with(kIdentitiesMax + 1)).size(), 1U);
  std::string text = with(1);
  text += "#" + std::string(kAccessBytesMax - text.size() - 1, 'x');
  EXPECT_EQ(rules_of(text).identities.size(), 1U);
  EXPECT_EQ(errors_of(text + "x").size(), 1U);
}

TEST(AccessRules, TheFirstFileIsOne) {
  const AccessRules rules = rules_of(first_access("urn:alice"));
  EXPECT_TRUE(rules.roles_of("urn:alice").has(Role::administrator));
  EXPECT_FALSE(rules.roles_of("urn:alice").has(Role::auditor));
}

TEST(RoleTable, HasARowForEachRpcWithItsRoles) {
  const std::string table = role_table_markdown();
  for (const Method* method : methods::kAll) {
    EXPECT_NE(table.find(std::string(methods::short_name(*method))), std::string::npos);
  }
  EXPECT_NE(table.find("| stage a policy (push) | engineer | `StagePolicy` |\n"), std::string::npos)
      << table;
  EXPECT_NE(table.find("| see the status (status) | every role | `GetStatus` |\n"),
            std::string::npos);
}

}  // namespace
}  // namespace bulkhead::controlplane
