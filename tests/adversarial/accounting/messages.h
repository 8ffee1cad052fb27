// Where the messages that are accounted for come from: the cases of the example policies, files of
// messages, and captures. Each stands in a conversation, in which accept() learns what went before.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/protocols/protocol.h"

namespace bulkhead::accounting {

using Bytes = std::vector<std::uint8_t>;

struct Message {
  protocols::Direction direction{};
  Bytes bytes;
  std::string what;
};

struct Conversation {
  std::string source;  // the file
  protocols::Carrier carrier{};
  bool begun = true;  // false: its beginning was not seen
  std::vector<Message> messages;
};

// Those of `protocol` in every cases.yaml below `policies`.
std::vector<Conversation> read_cases(const std::filesystem::path& policies,
                                     const protocols::Protocol& protocol);

// A file of messages. `session tcp`, `session udp` or `session ethernet` begins a conversation,
// `unseen` behind that says that its beginning was not seen; `>` and octets in hexadecimal are what
// the client says, `<` what the server says, and a comment line is about what follows it.
std::vector<Conversation> read_messages(const std::filesystem::path& path);

// Those that the unit test of a module has in its rows and sessions; whether it passes is not
// asked.
std::vector<Conversation> read_unit_test(const std::filesystem::path& program);

// Every conversation of `protocol` in every capture below `captures`, which may be absent.
std::vector<Conversation> read_captures(const std::filesystem::path& captures,
                                        const protocols::Protocol& protocol);

}  // namespace bulkhead::accounting
