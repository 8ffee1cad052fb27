// A rule and its values in a policy's language.
#pragma once

#include <string>
#include <vector>

#include "controlplane/learn/proposal.h"
#include "dataplane/base/clock.h"

namespace bulkhead::learn {

// `a`, or `[a, b]`.
std::string list_text(const std::vector<std::string>& words);
std::string quoted(const std::string& text);
// A pattern that the name matches, and few others: what a policy's text cannot hold becomes `*`.
std::string pattern_of(const std::string& name);

// As a rule's `transport` and `service` name them: `tcp`; `tcp/22`, `ping`.
std::string transport_word(policy::Transport transport);
std::string service_word(policy::Transport transport, std::uint16_t port);

// As a rule writes them: `7`, `0-9`, `0.5..1`; a real is given as its order number.
std::string range_text(const Range& range, const protocols::FieldInfo& field);
// The values as a word or a list; `any` or `"*"` for more than are kept.
std::string values_text(const Values& values, const protocols::FieldInfo& field);

// For people: at most so many words of a list, and how many more there are.
constexpr std::size_t kWordsShown = 8;
std::string words_for_people(const std::vector<std::string>& words, std::size_t most = kWordsShown);
// UTC, to the second: "2026-11-29 22:52:36".
std::string moment_text(TimeNs at_ns);
std::string address_words(const wire::IpAddress& address);
std::string hosts_words(const std::vector<wire::Prefix>& hosts, std::size_t most = kWordsShown);
std::string service_words(policy::Transport transport, const std::vector<policy::PortRange>& ports);
// The values that the rule's constraint grants.
std::string granted_words(const policy::Rule& rule, const policy::Constraint& constraint,
                          const protocols::Catalogue& catalogue, std::size_t most = kWordsShown);
// All that the rule grants, in a sentence.
std::string grant_words(const policy::Rule& rule);

// The rule's keys with their values, without who reviewed it.
std::vector<std::string> rule_keys(const ProposedRule& rule);

}  // namespace bulkhead::learn
