// Rows for the tests of protocol modules: what it is, the message's bytes, and what it asks for, as
// text that a plant engineer can read.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/protocols/registry.h"
#include "tests/support/put.h"

namespace bulkhead::support {

using Message = std::vector<std::uint8_t>;

inline const protocols::Protocol& module_of(std::string_view name) {
  return *protocols::registry()[*protocols::find_protocol(name)];
}

inline Message join(std::initializer_list<Message> parts) {
  Message all;
  for (const Message& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline Message bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

inline std::string field_text(const protocols::FieldInfo& field,
                              const protocols::FieldValue& value) {
  if (field.kind == protocols::FieldKind::name) return {value.name.begin(), value.name.end()};
  const auto number = [&field](std::int64_t part) {
    if (field.kind == protocols::FieldKind::integer) return std::to_string(part);
    char text[40];
    std::snprintf(text, sizeof(text), "%g", float64_from_order(part));
    return std::string(text);
  };
  const std::string low = number(value.range.low);
  return value.range.is_point() ? low : low + "-" + number(value.range.high);
}

// `write group=80 variation=1 index=7 value=0`.
inline std::string operation_text(const protocols::Catalogue& catalogue,
                                  const protocols::Operation& operation) {
  std::string text(catalogue.functions[operation.function].name);
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (!operation.has(i)) continue;
    text += " " + std::string(catalogue.fields[i].name) + "=" +
            field_text(catalogue.fields[i], operation.fields[i]);
  }
  return text;
}

// What a message asks for, an operation a line; `fault NAME` if it does not decode.
inline std::string decoded_text(const protocols::Protocol& module, ByteView message,
                                const protocols::MessageContext& context) {
  static const auto kOperations = std::make_unique<protocols::OperationList>();
  const protocols::Fault fault =
      protocols::parse_operations(module, message, context, *kOperations);
  if (fault != protocols::Fault::none) {
    return "fault " + std::string(protocols::describe(fault).name);
  }
  std::string text;
  for (const protocols::Operation& operation : *kOperations) {
    text += (text.empty() ? "" : "\n") + operation_text(module.catalogue(), operation);
  }
  return text;
}

struct Row {
  const char* what;
  protocols::Direction direction;
  Message message;
  std::string expected;
  protocols::Carrier carrier = protocols::Carrier::tcp;
  std::span<const std::byte> session{};

  protocols::MessageContext context() const { return {direction, carrier, session}; }
};

// Where BULKHEAD_ROWS names a file, messages of rows and sessions that are not faults are added to
// it, for tests/adversarial/accounting.
class RowsFile {
 public:
  RowsFile() : file_(open()) {}
  RowsFile(const RowsFile&) = delete;
  RowsFile& operator=(const RowsFile&) = delete;
  ~RowsFile() {
    if (file_ != nullptr) std::fclose(file_);
  }

  void begin(protocols::Carrier carrier, const char* rest = "") const {
    static constexpr std::array kNames = {"tcp", "udp", "ethernet"};
    if (file_ == nullptr) return;
    std::fprintf(file_, "session %s%s\n", kNames[static_cast<std::size_t>(carrier)], rest);
  }
  void add(protocols::Direction direction, ByteView message, const char* what) const {
    if (file_ == nullptr) return;
    std::fprintf(file_, "# %s\n%c", what, direction == protocols::Direction::response ? '<' : '>');
    for (const std::uint8_t byte : message) std::fprintf(file_, " %02x", byte);
    std::fputc('\n', file_);
  }

 private:
  static std::FILE* open() {
    const char* const path = std::getenv("BULKHEAD_ROWS");
    return path != nullptr ? std::fopen(path, "a") : nullptr;
  }

  std::FILE* file_;
};

// The message is delimited as it is, at any cut, and no part of it is taken for all of it.
inline void expect_whole(const protocols::Protocol& module, const Row& row) {
  const ByteView message(row.message);
  for (std::size_t have = 0; have < message.size(); ++have) {
    const protocols::Frame frame = module.frame(message.first(have), row.context());
    EXPECT_EQ(frame.fault, protocols::Fault::none) << row.what << ", first " << have;
    EXPECT_TRUE(frame.length == 0 ? frame.needed > have : frame.length == message.size())
        << row.what << ", first " << have;
    EXPECT_EQ(decoded_text(module, message.first(have), row.context()).substr(0, 5), "fault")
        << row.what << ", first " << have;
  }
  Message longer = row.message;
  longer.push_back(0);
  EXPECT_EQ(module.frame(longer, row.context()).length, message.size()) << row.what;
  EXPECT_EQ(decoded_text(module, longer, row.context()).substr(0, 5), "fault") << row.what;
}

inline void expect_rows(const protocols::Protocol& module, const std::vector<Row>& rows) {
  const RowsFile file;
  for (const Row& row : rows) {
    EXPECT_EQ(decoded_text(module, row.message, row.context()), row.expected) << row.what;
    if (row.expected.substr(0, 5) == "fault") continue;
    expect_whole(module, row);
    for (const char* const beginning : {"", " unseen"}) {
      file.begin(row.carrier, beginning);
      file.add(row.direction, row.message, row.what);
    }
  }
}

// Every function of the catalogue stands in a row, but for those named.
inline void expect_all_functions(const protocols::Protocol& module, const std::vector<Row>& rows,
                                 const std::vector<std::string_view>& others = {}) {
  std::string all;
  for (const Row& row : rows) all += "\n" + row.expected + " ";
  for (const std::string_view other : others) all += "\n" + std::string(other) + " ";
  for (const protocols::FunctionInfo& function : module.catalogue().functions) {
    EXPECT_NE(all.find("\n" + std::string(function.name) + " "), std::string::npos)
        << function.name << " stands in no row";
  }
}

// A session's block, and messages that it accepts.
class PairedSession {
 public:
  explicit PairedSession(const protocols::Protocol& module)
      : module_(module), block_((module.state_layout().bytes_max + 7) / 8) {}
  PairedSession(const PairedSession&) = delete;
  PairedSession& operator=(const PairedSession&) = delete;
  ~PairedSession() {
    const RowsFile file;
    file.begin(module_.catalogue().ports[0].carrier);
    for (const auto& [direction, message] : accepted_) file.add(direction, message, "a session");
  }

  protocols::Fault take(const Message& message, protocols::Direction direction) {
    const protocols::Fault fault = support::accept(module_, block(), message, direction, now_ms);
    if (fault == protocols::Fault::none) accepted_.emplace_back(direction, message);
    return fault;
  }
  protocols::Fault ask(const Message& message) {
    return take(message, protocols::Direction::request);
  }
  protocols::Fault answer(const Message& message) {
    return take(message, protocols::Direction::response);
  }
  std::size_t outstanding() { return module_.outstanding(block(), now_ms); }
  std::span<std::byte> block() {
    return std::as_writable_bytes(std::span(block_)).first(module_.state_layout().bytes_max);
  }

  std::uint32_t now_ms = 0xffffff00U;  // near its wrap: ages are differences

 private:
  const protocols::Protocol& module_;
  std::vector<std::uint64_t> block_;
  std::vector<std::pair<protocols::Direction, Message>> accepted_;
};

}  // namespace bulkhead::support
