// Who executes a message: the address of its packet says it, or a form that is passed on to all.
#include "tests/support/bacnet_messages.h"

namespace bulkhead::bacnet {
namespace {

using protocols::Reach;
using support::Message;

const Message kHere = {1, 0};
const Message kWhoIs = {0x10, 8};
const Message kWriteGroup = {0x10, 10, 0x09, 23, 0x19, 8, 0x2e, 0x09, 5, 0x11, 0x2f};
const Message kRead7 = join({{0, 5, 1, 12}, kAnalogOutput7, kPresentValue});

std::string told(std::uint8_t form, const Message& content, Reach reach,
                 protocols::Direction direction = kAsk) {
  protocols::MessageContext context{direction, kUdp};
  context.reach = reach;
  const Message origin = form == kForwardedNpdu ? Message{10, 0, 0, 99, 0xba, 0xc0} : Message{};
  return support::decoded_text(module(), bvlc(form, join({origin, content})), context);
}

bool says_all(const std::string& operations) {
  return operations.find(" broadcast=0") != std::string::npos;
}

// J.4.5: a BBMD passes an Original-Broadcast-NPDU on to all of its network, whoever sent it.
TEST(Reach, ABroadcastToOneHostIsForAll) {
  for (const Message& content : {kWhoIs, kWriteGroup}) {
    const Message npdu = join({kHere, content});
    EXPECT_TRUE(says_all(told(kOriginalBroadcast, npdu, Reach::one)));
    EXPECT_FALSE(says_all(told(kOriginalBroadcast, npdu, Reach::many))) << "the group is named";
    EXPECT_FALSE(says_all(told(kOriginalUnicast, npdu, Reach::one)));
    EXPECT_FALSE(says_all(told(kOriginalUnicast, npdu, Reach::many))) << "the group is named";
  }
  EXPECT_EQ(told(kOriginalBroadcast, {1, 0x80, 0}, Reach::one),
            "who_is_router_to_network broadcast=0 to_all=1");
  EXPECT_EQ(told(kOriginalBroadcast, join({{1, 0x20, 255, 255, 0, 255}, kWhoIs}), Reach::one),
            "who_is device=0-4194303 broadcast=65535 to_all=1")
      << "further still";
  EXPECT_EQ(told(kOriginalBroadcast, join({{1, 0x20, 0, 5, 0, 255}, kWhoIs}), Reach::one),
            "who_is device=0-4194303 network=5 broadcast=1 to_all=1");
}

// J.4.5: so it does with what another BBMD forwards to it, and with what a foreign device has it
// distribute; both have a name of their own.
TEST(Reach, WhatIsPassedOnIsNamed) {
  for (const Reach reach : {Reach::unknown, Reach::one, Reach::many}) {
    EXPECT_EQ(told(kForwardedNpdu, join({kHere, kWhoIs}), reach),
              "who_is device=0-4194303 origin=10.0.0.99:47808");
    EXPECT_EQ(told(kDistributeBroadcast, join({kHere, kWhoIs}), reach),
              "who_is device=0-4194303 distribution=1");
  }
}

// 5.4: what waits for an answer goes to one device.
TEST(Reach, WhatWaitsForAnAnswerIsForAllByNameOnly) {
  const Message npdu = join({{1, 4}, kRead7});
  for (const Reach reach : {Reach::unknown, Reach::one, Reach::many}) {
    for (const std::uint8_t form : {kOriginalBroadcast, kForwardedNpdu, kDistributeBroadcast}) {
      EXPECT_TRUE(says_all(told(form, npdu, reach))) << int{form};
    }
    EXPECT_EQ(says_all(told(kOriginalUnicast, npdu, reach)), reach == Reach::many);
  }
  const Message segment = {1, 4, 0x0c, 5, 1, 0, 4, 16, 1, 2, 3};
  EXPECT_TRUE(says_all(told(kOriginalUnicast, segment, Reach::many)));
}

// 5.4: an answer goes to the one that asked; needing no rule, it would pass whatever its fields
// say.
TEST(Reach, AnswersAreForOne) {
  const std::vector<Message> answers = {
      {0x20, 1, 15}, {0x50, 1, 15, 0x91, 2, 0x91, 32}, {0x60, 1, 9}, {0x71, 1, 0}, {0x41, 1, 0, 1}};
  for (const Message& answer : answers) {
    const Message npdu = join({kHere, answer});
    EXPECT_NE(told(kOriginalUnicast, npdu, Reach::one, kBack).substr(0, 5), "fault");
    for (const std::uint8_t form : {kOriginalBroadcast, kForwardedNpdu, kDistributeBroadcast}) {
      EXPECT_EQ(told(form, npdu, Reach::one, kBack), "fault bad_value") << int{form};
    }
  }
}

}  // namespace
}  // namespace bulkhead::bacnet
