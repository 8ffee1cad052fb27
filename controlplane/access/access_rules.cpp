// A mistake in the file takes no right away and gives none: the whole file does not count.
#include "controlplane/access/access_rules.h"

#include <algorithm>
#include <vector>

#include "controlplane/access/identity.h"
#include "controlplane/yaml/yaml_reader.h"

namespace bulkhead::controlplane {

namespace {

constexpr char kFirstLine[] = "access: v1";

class Parser : private YamlReader {
 public:
  explicit Parser(Diagnostics& diagnostics) : YamlReader(diagnostics) {}

  void read(const YAML::Node& root, AccessRules& rules) {
    std::optional<Word> version;
    std::optional<Position> identities;
    read_map(root, "access file",
             {{"access", word("access", version)}, {"identities", [&](const YAML::Node& node) {
                                                      identities = position(node);
                                                      read_identities(node, rules);
                                                    }}});
    require_v1(version, kFirstLine);
    if (!identities) {
      return diagnostics_.error(
          {1, 1}, "identities is missing: who has which roles, such as `alice: [engineer]`");
    }
    const bool administered =
        std::any_of(rules.identities.begin(), rules.identities.end(),
                    [](const auto& each) { return each.second.has(Role::administrator); });
    if (!administered) {
      diagnostics_.error(*identities,
                         "no identity has the role administrator: name at least one, such as "
                         "`alice: [administrator]`");
    }
  }

 private:
  void read_identities(const YAML::Node& node, AccessRules& rules) {
    read_named(node, "identities", [&](const Word& identity, const YAML::Node& value) {
      if (!is_identity(identity.text)) {
        return diagnostics_.error(identity.at, identity.text +
                                                   " is no identity: a DNS name in lower case or a "
                                                   "URI, as in the certificate's subjectAltName");
      }
      if (rules.identities.size() >= kIdentitiesMax) {
        return diagnostics_.error(
            identity.at, "more than " + std::to_string(kIdentitiesMax) + " identities from here");
      }
      Words words_of_roles;
      words("roles of " + identity.text, words_of_roles)(value);
      rules.identities[identity.text] = roles_in(words_of_roles);
    });
  }

  Roles roles_in(const Words& list) {
    Roles roles;
    for (const Word& each : list) {
      const auto role = find_role(each.text);
      if (!role) {
        diagnostics_.error(each.at, "unknown role " + each.text + hint(each.text));
      } else if (roles.has(*role)) {
        diagnostics_.error(each.at, "the role " + each.text + " stands twice");
      } else {
        roles.add(*role);
      }
    }
    return roles;
  }

  static std::string hint(const std::string& given) {
    std::vector<std::string> known;
    for (const Role role : kRoles) known.emplace_back(name_of(role));
    const std::string near = did_you_mean(given, known);
    return near.empty() ? ": the roles are " + Roles::all().text() : near;
  }
};

}  // namespace

AccessRules parse_access(const std::string& text, Diagnostics& diagnostics) {
  AccessRules rules;
  const auto root =
      load_yaml(text, kAccessBytesMax, "access file", "access, identities", diagnostics);
  if (root) Parser(diagnostics).read(*root, rules);
  diagnostics.sort_by_position();
  return rules;
}

std::string first_access(const std::string& identity) {
  return std::string("# Who may do what: identity (the URI or DNS name in the certificate's\n") +
         "# subjectAltName) and roles. `bulkheadctl access table` shows what each role may;\n" +
         "# `bulkheadctl access check FILE` finds mistakes. A change acts at the next call.\n" +
         kFirstLine + "\nidentities:\n  \"" + identity +
         "\": [administrator, operator, engineer, approver]\n";
}

}  // namespace bulkhead::controlplane
