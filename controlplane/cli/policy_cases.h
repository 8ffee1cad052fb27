// Cases: messages between two hosts, and what a policy is expected to make of them. A message is
// given in words of its protocol's catalogue, or as bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/policy/ast.h"

namespace bulkhead::controlplane {

// A field of a message in words, and its value: a range where the field may span, several values
// where each element has one.
using CaseField = WhereNode;

struct CaseTurn {
  bool from_client = true;
  std::vector<std::uint8_t> bytes;
  std::string text;  // as written
};

struct PolicyCase {
  Position at;
  std::string what;
  Word client;  // names an asset or is an address; opens the session
  Word server;
  // Of words it may be found by what the function is, see judge_words(); else it is as written.
  std::optional<bool> from_client;
  std::optional<std::uint8_t> protocol;  // none: a plain service
  Word service;
  std::optional<Word> server_port;
  std::optional<Word> transport;
  std::optional<std::uint16_t> vlan;

  // In words.
  Word function;
  std::vector<CaseField> fields;
  std::optional<Word> value_type;
  std::optional<Word> word_order;

  // In bytes: empty if it is in words.
  std::vector<CaseTurn> before;
  std::vector<std::uint8_t> message;

  bool expect_allow = false;
  std::optional<Word> reason;
  std::optional<std::uint32_t> rule;

  bool is_in_bytes() const { return !message.empty(); }
};

// All cases of a file; mistakes with their places are added to the diagnostics.
std::vector<PolicyCase> read_policy_cases(const std::string& text, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
