// Each module reads its samples as they say of themselves, in the session that they begin.
#include "dataplane/protocols/sample.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/protocols/registry.h"

namespace bulkhead::protocols {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes from_hex(std::string_view hex) {
  std::string digits;
  for (const char c : hex) {
    if (c != ' ') digits += c;
  }
  EXPECT_EQ(digits.size() % 2, 0U) << hex;
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

template <typename List>
std::size_t place_of(const List& list, std::string_view name) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].name == name) return i;
  }
  ADD_FAILURE() << name << " is not in the catalogue";
  return 0;
}

// A session of the module, as the pipeline keeps one.
class Session {
 public:
  Session(std::uint8_t protocol, Carrier carrier)
      : module_(*registry()[protocol]),
        samples_(samples_of(protocol)),
        carrier_(carrier),
        block_((module_.state_layout().bytes_max + sizeof(std::uint64_t) - 1) /
               sizeof(std::uint64_t)) {}

  void say(const SampleMessage& sample) {
    Bytes bytes = from_hex(sample.hex);
    if (samples_.seal != nullptr) samples_.seal(bytes);
    const Direction direction = sample.from_client ? Direction::request : Direction::response;
    const MessageContext context{direction, carrier_, state()};
    const Frame frame = module_.frame(bytes, context);
    ASSERT_EQ(frame.fault, Fault::none);
    ASSERT_EQ(frame.length, bytes.size());
    Parsed parsed(bytes, direction);
    const Fault fault = module_.parse(parsed, context, *operations_);
    ASSERT_EQ(fault, Fault::none) << describe(fault).name;
    if (!sample.function.empty()) expect_operation(sample);
    const Fault accepted = module_.accept(state(), parsed, 1);
    EXPECT_EQ(accepted, Fault::none) << describe(accepted).name;
  }

 private:
  std::span<std::byte> state() {
    return {reinterpret_cast<std::byte*>(block_.data()), module_.state_layout().bytes_max};
  }

  // What it is, what it says of its fields, and that no field which rules must name is left out.
  void expect_operation(const SampleMessage& sample) const {
    const Catalogue& catalogue = module_.catalogue();
    ASSERT_EQ(operations_->size(), 1U);
    const Operation& operation = (*operations_)[0];
    EXPECT_EQ(catalogue.functions[operation.function].name, sample.function);
    EXPECT_FALSE(operation.tied);
    std::uint32_t said = 0;
    for (const SampleField& field : sample.fields) {
      const std::size_t index = place_of(catalogue.fields, field.name);
      said |= 1U << index;
      ASSERT_TRUE(operation.has(index)) << field.name;
      if (catalogue.fields[index].kind == FieldKind::name) {
        const ByteView name = operation.fields[index].name;
        EXPECT_EQ(std::string(name.begin(), name.end()), field.text) << field.name;
      } else {
        EXPECT_EQ(operation.fields[index].range, Range::point(field.value)) << field.name;
      }
    }
    for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
      const bool left_out = operation.has(i) && (said >> i & 1U) == 0;
      EXPECT_FALSE(left_out && catalogue.fields[i].by_name) << catalogue.fields[i].name;
    }
  }

  const Protocol& module_;
  Samples samples_;
  Carrier carrier_;
  std::vector<std::uint64_t> block_;
  std::unique_ptr<OperationList> operations_ = std::make_unique<OperationList>();
};

TEST(Samples, AreReadAsTheySayOfThemselves) {
  for (std::uint8_t protocol = 0; protocol < registry().size(); ++protocol) {
    const std::string name(registry()[protocol]->catalogue().name);
    const Samples samples = samples_of(protocol);
    EXPECT_FALSE(samples.all.empty()) << name;
    for (std::size_t i = 0; i < samples.all.size(); ++i) {
      const Sample& sample = samples.all[i];
      Session session(protocol, sample.carrier);
      for (std::size_t m = 0; m < sample.messages.size(); ++m) {
        SCOPED_TRACE(name + ", sample " + std::to_string(i) + ", message " + std::to_string(m));
        session.say(sample.messages[m]);
        if (HasFatalFailure()) break;
      }
      EXPECT_FALSE(sample.messages.back().function.empty()) << name << " tests a message";
      EXPECT_TRUE(sample.messages.back().from_client) << name;
    }
  }
}

TEST(Samples, EachCarrierOfAModuleHasSome) {
  for (std::uint8_t protocol = 0; protocol < registry().size(); ++protocol) {
    const Catalogue& catalogue = registry()[protocol]->catalogue();
    for (const DefaultPort& port : catalogue.ports) {
      bool found = false;
      for (const Sample& sample : samples_of(protocol).all) {
        found = found || sample.carrier == port.carrier;
      }
      EXPECT_TRUE(found) << catalogue.name;
    }
  }
}

// Neither passes for a message, nor is more of it awaited.
void expect_unreadable(const Protocol& module, std::string_view hex, Carrier carrier) {
  const Bytes bytes = from_hex(hex);
  ASSERT_FALSE(bytes.empty());
  const Frame frame = module.frame(bytes, {Direction::request, carrier});
  const bool waits = frame.fault == Fault::none && frame.length == 0;
  EXPECT_FALSE(waits) << module.catalogue().name << " waits for more of it";
  if (frame.fault != Fault::none) return;
  EXPECT_LE(frame.length, bytes.size()) << module.catalogue().name;
  const auto operations = std::make_unique<OperationList>();
  EXPECT_NE(parse_operations(module, ByteView{bytes}.first(frame.length),
                             {Direction::request, carrier}, *operations),
            Fault::none)
      << module.catalogue().name;
}

TEST(Samples, TheMalformedOneIsReadByNoModule) {
  for (std::uint8_t protocol = 0; protocol < registry().size(); ++protocol) {
    const Samples samples = samples_of(protocol);
    expect_unreadable(*registry()[protocol], samples.malformed, samples.all.front().carrier);
    if (samples.malformed_framed.empty()) continue;
    expect_unreadable(*registry()[protocol], samples.malformed_framed, Carrier::ethernet);
  }
}

}  // namespace
}  // namespace bulkhead::protocols
