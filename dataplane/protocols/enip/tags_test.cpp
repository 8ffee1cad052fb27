// Tags: what is written and read is what its elements hold.
#include "tests/support/cip_messages.h"

namespace bulkhead::enip {
namespace {

using protocols::Direction;
using namespace support::cip;
using support::join;
using support::Message;

constexpr auto kAsk = Direction::request;

const protocols::Protocol& module() { return support::module_of("enip"); }

TEST(Tags, WhatIsRefused) {
  const auto write = [](const Message& data) {
    return unconnected(service(kWriteTag, symbol("A"), data));
  };
  const auto fragment = [](const Message& data) {
    return unconnected(service(kWriteTagFragmented, symbol("A"), data));
  };
  support::expect_rows(
      module(),
      {{"less than its elements", kAsk, write({0xc4, 0, 2, 0, 1, 2, 3, 4}), "fault bad_byte_count"},
       {"more than its elements", kAsk, write({0xc4, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8}),
        "fault bad_byte_count"},
       {"a SINT and its pad", kAsk, write({0xc2, 0, 1, 0, 7, 0}),
        "write_tag service=77 member=0 tag=A elements=1 value=7 type=194"},
       {"a pad that is none", kAsk, write({0xc2, 0, 1, 0, 7, 7}), "fault bad_byte_count"},
       {"a BOOL of 0xff", kAsk, write({0xc1, 0, 1, 0, 0xff, 0}),
        "write_tag service=77 member=0 tag=A elements=1 value=1 type=193"},
       {"a BOOL of 2", kAsk, write({0xc1, 0, 1, 0, 2, 0}), "fault bad_value"},
       {"a REAL of zero", kAsk, write({0xca, 0, 1, 0, 0, 0, 0, 0}),
        "write_tag service=77 member=0 tag=A elements=1 value=0 type=202"},
       {"a REAL that is no number", kAsk, write({0xca, 0, 1, 0, 0, 0, 0xc0, 0x7f}),
        "write_tag service=77 member=0 tag=A elements=1 type=202"},
       {"nothing to write", kAsk, write({0xa0, 2, 1, 0, 1, 0}), "fault bad_byte_count"},
       {"a fragment of the last element", kAsk, fragment({0xc4, 0, 2, 0, 4, 0, 0, 0, 1, 2, 3, 4}),
        "write_tag_fragmented service=83 member=0-1 tag=A elements=2 offset=4 type=196"},
       {"a fragment behind the last element", kAsk,
        fragment({0xc4, 0, 2, 0, 8, 0, 0, 0, 1, 2, 3, 4}), "fault bad_byte_count"},
       {"a fragment across the last element's end", kAsk,
        fragment({0xc4, 0, 2, 0, 4, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}), "fault bad_byte_count"},
       {"a fragment of half an element", kAsk, fragment({0xc4, 0, 2, 0, 2, 0, 0, 0, 1, 2, 3, 4}),
        "fault bad_byte_count"},
       {"a string that is too long", kAsk,
        fragment(join({{0xa0, 2, 0xce, 0x0f, 1, 0, 81, 0, 0, 0}, Message(8, 1)})),
        "fault bad_byte_count"},
       {"masks of three octets", kAsk,
        unconnected(service(kReadModifyWriteTag, symbol("A"), {3, 0, 1, 1, 1, 2, 2, 2})),
        "fault bad_quantity"},
       {"elements that wrap", kAsk,
        unconnected(
            service(kReadTag, join({symbol("A"), {0x2a, 0, 0xff, 0xff, 0xff, 0xff}}), {2, 0})),
        "fault address_wrap"}});
}

}  // namespace
}  // namespace bulkhead::enip
