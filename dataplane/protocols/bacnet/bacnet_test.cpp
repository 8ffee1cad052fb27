// Services with every property of theirs, BVLL and network layer, segments, and the refusal.
#include "tests/support/bacnet_messages.h"
#include "tests/support/field_mutation.h"

namespace bulkhead::bacnet {
namespace {

using protocols::Fault;
using support::bytes_of;
using support::Message;
using support::Row;

const std::vector<Row> kReads = datagrams({
    {"15.5 present value of analog output 7", kAsk,
     confirmed(12, join({kAnalogOutput7, {0x19, 85}})),
     "read_property object_type=1 instance=7 property=85"},
    {"an element of an array", kAsk, confirmed(12, join({kAnalogOutput7, {0x19, 87, 0x29, 16}})),
     "read_property object_type=1 instance=7 property=87 index=16"},
    {"15.7 every property of every object", kAsk,
     confirmed(14, join({kAnalogOutput7,
                         {0x1e, 0x09, 85, 0x09, 87, 0x19, 3, 0x1f},  //
                         {0x0c, 2, 0, 0, 9},
                         {0x1e, 0x09, 8, 0x1f}})),
     "read_property_multiple object_type=1 instance=7 property=85\n"
     "read_property_multiple object_type=1 instance=7 property=87 index=3\n"
     "read_property_multiple object_type=8 instance=9 property=8"},
    {"15.8 all of a log", kAsk, confirmed(26, join({kAnalogOutput7, {0x19, 131}})),
     "read_range object_type=1 instance=7 property=131"},
    {"15.8 by position", kAsk,
     confirmed(26, join({kAnalogOutput7, {0x19, 131, 0x3e, 0x21, 1, 0x31, 9, 0x3f}})),
     "read_range object_type=1 instance=7 property=131"},
    {"15.8 by time", kAsk,
     confirmed(26, join({kAnalogOutput7,
                         {0x19, 131, 0x7e, 0xa4, 121, 1, 1, 5, 0xb4, 0, 0, 0, 0, 0x31, 1, 0x7f}})),
     "read_range object_type=1 instance=7 property=131"},
    {"13.14", kAsk, confirmed(5, {0x09, 1, 0x1c, 0, 0, 0, 3, 0x29, 1, 0x39, 60}),
     "subscribe_cov object_type=0 instance=3 duration=60"},
    {"13.14 ended", kAsk, confirmed(5, {0x09, 1, 0x1c, 0, 0, 0, 3}),
     "subscribe_cov object_type=0 instance=3"},
    {"13.15", kAsk,
     confirmed(28, {0x09, 1, 0x1c, 0, 0, 0, 3, 0x29, 1, 0x39, 60, 0x4e, 0x09, 85, 0x4f}),
     "subscribe_cov_property object_type=0 instance=3 property=85 duration=60"},
    {"13.18", kAsk,
     confirmed(30, {0x09, 1,  0x19, 1,    0x29, 60,   0x4e, 0x0c, 0,    0,    0, 3,    0x1e, 0x0e,
                    0x09, 85, 0x0f, 0x29, 0,    0x0e, 0x09, 28,   0x0f, 0x29, 0, 0x1f, 0x4f}),
     "subscribe_cov_property_multiple object_type=0 instance=3 property=85 duration=60\n"
     "subscribe_cov_property_multiple object_type=0 instance=3 property=28 duration=60"},
    {"13.9", kAsk, confirmed(29), "get_event_information"},
    {"13.9 behind analog input 3", kAsk, confirmed(29, {0x0c, 0, 0, 0, 3}),
     "get_event_information"},
    {"13.10", kAsk, confirmed(3), "get_alarm_summary"},
    {"13.11", kAsk, confirmed(4, {0x09, 0}), "get_enrollment_summary"},
    {"a service of old", kAsk, confirmed(13, {0x0e, 0x09, 1, 0x0f}), "read_property_conditional"},
    {"13.19", kAsk, confirmed(33, {0x0c, 0x0f, 0x40, 0, 1, 0x1e, 0x0e, 0x0f, 0x1f}),
     "audit_log_query object_type=61 instance=1"},
    {"16.10 who is 10 to 20", kAsk, unconfirmed(8, {0x09, 10, 0x19, 20}), "who_is device=10-20"},
    {"who is there", kAsk, unconfirmed(8), "who_is device=0-4194303"},
    {"16.9 who has an object", kAsk, unconfirmed(7, {0x2c, 0, 0, 0, 1}),
     "who_has object_type=0 instance=1 device=0-4194303"},
    {"16.9 who has a name", kAsk, unconfirmed(7, {0x3c, 0, 'A', 'H', 'U'}),
     "who_has device=0-4194303 object_name=AHU"},
});

const std::vector<Row> kWrites = datagrams({
    {"15.9 a real at priority 8", kAsk,
     confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0x44, 0x3f, 0xc0, 0, 0, 0x3f, 0x49, 8}})),
     "write_property object_type=1 instance=7 property=85 priority=8 value=1.5 datatype=4"},
    {"minus zero", kAsk,
     confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0x44, 0x80, 0, 0, 0, 0x3f}})),
     "write_property object_type=1 instance=7 property=85 priority=16 value=0 datatype=4"},
    {"given up", kAsk, confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0, 0x3f}})),
     "write_property object_type=1 instance=7 property=85 priority=16 datatype=0"},
    {"a signed number", kAsk,
     confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0x31, 0xfe, 0x3f}})),
     "write_property object_type=1 instance=7 property=85 priority=16 value=-2 datatype=3"},
    {"a constructed value", kAsk,
     confirmed(15, join({kAnalogOutput7, {0x19, 123, 0x3e, 0x0e, 0x21, 1, 0x0f, 0x3f}})),
     "write_property object_type=1 instance=7 property=123 priority=16"},
    {"15.10", kAsk,
     confirmed(16, join({kAnalogOutput7,
                         {0x1e, 0x09, 85, 0x2e, 0x91, 1, 0x2f, 0x39, 3, 0x09, 104, 0x2e, 0x11, 0x2f,
                          0x1f}})),
     "write_property_multiple object_type=1 instance=7 property=85 priority=3 value=1 datatype=9\n"
     "write_property_multiple object_type=1 instance=7 property=104 priority=16 value=1 "
     "datatype=1"},
    {"out of service", kAsk, confirmed(15, join({kAnalogOutput7, {0x19, 81, 0x3e, 0x11, 0x3f}})),
     "write_property_override object_type=1 instance=7 property=81 priority=16 value=1 datatype=1"},
    {"units", kAsk, confirmed(15, join({kAnalogOutput7, {0x19, 117, 0x3e, 0x91, 62, 0x3f}})),
     "write_property_setting object_type=1 instance=7 property=117 priority=16 value=62 "
     "datatype=9"},
    {"a device's timeout", kAsk,
     confirmed(15, {0x0c, 2, 0, 0, 9, 0x19, 11, 0x3e, 0x22, 11, 184, 0x3f}),
     "write_property_setting object_type=8 instance=9 property=11 priority=16 value=3000 "
     "datatype=2"},
    {"the present value of a vendor's own object", kAsk,
     confirmed(15, {0x0c, 32, 0, 0, 1, 0x19, 85, 0x3e, 0x21, 1, 0x3f}),
     "write_property_setting object_type=128 instance=1 property=85 priority=16 value=1 "
     "datatype=2"},
    {"a program is halted", kAsk, confirmed(15, {0x0c, 4, 0, 0, 1, 0x19, 90, 0x3e, 0x91, 3, 0x3f}),
     "write_property_program object_type=16 instance=1 property=90 priority=16 value=3 datatype=9"},
    {"several kinds at once", kAsk,
     confirmed(16, join({kAnalogOutput7,
                         {0x1e, 0x09, 81, 0x2e, 0x11, 0x2f, 0x09, 117, 0x2e, 0x91, 62, 0x2f, 0x1f},
                         {0x0c, 2, 0x80, 0, 1, 0x1e, 0x09, 42, 0x2e, 0x21, 0, 0x2f, 0x1f}})),
     "write_property_multiple_override object_type=1 instance=7 property=81 priority=16 value=1 "
     "datatype=1\n"
     "write_property_multiple_setting object_type=1 instance=7 property=117 priority=16 value=62 "
     "datatype=9\n"
     "write_property_multiple_program object_type=10 instance=1 property=42 priority=16 value=0 "
     "datatype=2"},
    {"15.1", kAsk, confirmed(8, join({kAnalogOutput7, {0x19, 102, 0x3e, 0x21, 1, 0x3f}})),
     "add_list_element object_type=1 instance=7 property=102"},
    {"15.2", kAsk, confirmed(9, join({kAnalogOutput7, {0x19, 102, 0x3e, 0x21, 1, 0x3f}})),
     "remove_list_element object_type=1 instance=7 property=102"},
    {"15.3 by type", kAsk, confirmed(10, {0x0e, 0x09, 4, 0x0f}), "create_object object_type=4"},
    {"15.3 by object, with a value", kAsk,
     confirmed(10, {0x0e, 0x1c, 1, 0, 0, 5, 0x0f, 0x1e, 0x09, 85, 0x2e, 0x91, 1, 0x2f, 0x1f}),
     "create_object object_type=4 instance=5\n"
     "create_object object_type=4 instance=5 property=85 value=1 datatype=9"},
    {"15.3 a program", kAsk, confirmed(10, {0x0e, 0x09, 16, 0x0f}),
     "create_object_program object_type=16"},
    {"15.4", kAsk, confirmed(11, {0xc4, 1, 0, 0, 5}), "delete_object object_type=4 instance=5"},
    {"15.4 a file", kAsk, confirmed(11, {0xc4, 2, 0x80, 0, 5}),
     "delete_object_program object_type=10 instance=5"},
    {"14.1 bytes of a file", kAsk,
     confirmed(6, {0xc4, 2, 0x80, 0, 1, 0x0e, 0x31, 4, 0x21, 9, 0x0f}),
     "atomic_read_file object_type=10 instance=1 position=4-12"},
    {"14.1 records of a file", kAsk,
     confirmed(6, {0xc4, 2, 0x80, 0, 1, 0x1e, 0x31, 4, 0x21, 9, 0x1f}),
     "atomic_read_file object_type=10 instance=1 record=4-12"},
    {"14.2 bytes of a file", kAsk,
     confirmed(7, {0xc4, 2, 0x80, 0, 1, 0x0e, 0x31, 0, 0x62, 9, 8, 0x0f}),
     "atomic_write_file object_type=10 instance=1 position=0-1"},
    {"14.2 appended", kAsk, confirmed(7, {0xc4, 2, 0x80, 0, 1, 0x0e, 0x31, 0xff, 0x61, 9, 0x0f}),
     "atomic_write_file object_type=10 instance=1"},
    {"14.2 two records", kAsk,
     confirmed(7, {0xc4, 2, 0x80, 0, 1, 0x1e, 0x31, 3, 0x21, 2, 0x61, 7, 0x61, 8, 0x1f}),
     "atomic_write_file object_type=10 instance=1 record=3-4"},
    {"15.11 channels 5 and 6 of group 23", kAsk,
     unconfirmed(10, {0x09, 23, 0x19, 8, 0x2e, 0x09, 5, 0x21, 9, 0x09, 6, 0x19, 10, 0x00, 0x2f}),
     "write_group priority=8 value=9 datatype=2 group=23 channel=5\n"
     "write_group priority=10 datatype=0 group=23 channel=6"},
    {"15.11 at once", kAsk,
     unconfirmed(10, {0x09, 23, 0x19, 8, 0x2e, 0x09, 5, 0x11, 0x2f, 0x39, 1}),
     "write_group priority=8 value=1 datatype=1 group=23 channel=5 inhibit_delay=1"},
    {"15.11 after their delay, as is said", kAsk,
     unconfirmed(10, {0x09, 23, 0x19, 8, 0x2e, 0x09, 5, 0x11, 0x2f, 0x39, 0}),
     "write_group priority=8 value=1 datatype=1 group=23 channel=5 inhibit_delay=0"},
    {"16.7", kAsk, unconfirmed(6, {0xa4, 126, 11, 28, 6, 0xb4, 12, 0, 0, 0}),
     "time_synchronization"},
    {"16.8", kAsk, unconfirmed(9, {0xa4, 126, 11, 28, 6, 0xb4, 12, 0, 0, 0}),
     "utc_time_synchronization"},
});

const Message kTimeStamp = {0x2e, 0x0c, 12, 0, 0, 0, 0x2f};
const Message kCov = {0x09, 1,    0x1c, 2,  0,    0,    9,    0x2c, 0, 0, 0,    3,   0x39,
                      60,   0x4e, 0x09, 85, 0x2e, 0x44, 0x41, 0xac, 0, 0, 0x2f, 0x4f};
const Message kEvent = {0x09, 1,    0x1c, 2,    0, 0,    9, 0x2c, 0, 0,    0, 3,    0x3e, 0x19, 5,
                        0x3f, 0x49, 7,    0x59, 3, 0x69, 5, 0x89, 0, 0x99, 1, 0xa9, 0,    0xb9, 3};
const Message kCovMultiple = {0x09, 1, 0x1c, 2,    0,    0,  9,    0x29, 60, 0x4e, 0x0c, 0,
                              0,    0, 3,    0x1e, 0x09, 85, 0x2e, 0x21, 7,  0x2f, 0x1f, 0x4f};
const Message kTransfer = {0x09, 7, 0x19, 4, 0x2e, 1, 2, 3, 0xff, 0x2f};
const Message kTextMessage = {0x0c, 2, 0, 0, 9, 0x29, 1, 0x3b, 0, 'o', 'k'};

const std::vector<Row> kTold = datagrams({
    {"13.6", kAsk, confirmed(1, kCov),
     "confirmed_cov_notification object_type=0 instance=3 property=85 value=21.5 device=9 "
     "datatype=4"},
    {"13.7", kAsk, unconfirmed(2, kCov),
     "unconfirmed_cov_notification object_type=0 instance=3 property=85 value=21.5 device=9 "
     "datatype=4"},
    {"13.8", kAsk, confirmed(2, kEvent),
     "confirmed_event_notification object_type=0 instance=3 device=9"},
    {"13.9", kAsk, unconfirmed(3, kEvent),
     "unconfirmed_event_notification object_type=0 instance=3 device=9"},
    {"13.17", kAsk, confirmed(31, kCovMultiple),
     "confirmed_cov_notification_multiple object_type=0 instance=3 property=85 value=7 device=9 "
     "datatype=2"},
    {"13.17", kAsk, unconfirmed(11, kCovMultiple),
     "unconfirmed_cov_notification_multiple object_type=0 instance=3 property=85 value=7 device=9 "
     "datatype=2"},
    {"13.20", kAsk, confirmed(32, {0x0e, 0x09, 1, 0x0f}), "confirmed_audit_notification"},
    {"13.21", kAsk, unconfirmed(12, {0x0e, 0x09, 1, 0x0f}), "unconfirmed_audit_notification"},
    {"16.10 i am", kAsk, unconfirmed(0, {0xc4, 2, 0, 0, 9, 0x22, 1, 0xe0, 0x91, 3, 0x21, 5}),
     "i_am device=9 vendor=5"},
    {"16.9 i have", kAsk, unconfirmed(1, {0xc4, 2, 0, 0, 9, 0xc4, 0, 0, 0, 1, 0x73, 0, 'A', 'B'}),
     "i_have object_type=0 instance=1 device=9 object_name=AB"},
    {"16.11 who am i", kAsk, unconfirmed(13, {0x21, 5, 0x72, 0, 'M', 0x72, 0, '1'}),
     "who_am_i vendor=5 object_name=M/1"},
    {"16.11 you are", kAsk,
     unconfirmed(14, {0x21, 5, 0x72, 0, 'M', 0x72, 0, '1', 0xc4, 2, 0, 0, 9, 0x61, 7}),
     "you_are device=9 vendor=5 object_name=M/1"},
});

const std::vector<Row> kCommands = datagrams({
    {"13.5", kAsk,
     confirmed(0, join({{0x09, 1, 0x1c, 0, 0, 0, 3, 0x29, 3, 0x3e, 0x19, 5, 0x3f, 0x4a, 0, 'x'},
                        {0x5e, 0x19, 6, 0x5f}})),
     "acknowledge_alarm object_type=0 instance=3 value=3"},
    {"13.13 silence all", kAsk, confirmed(27, {0x09, 1, 0x1a, 0, 'x', 0x29, 1}),
     "life_safety_operation value=1"},
    {"13.13 reset one", kAsk, confirmed(27, {0x09, 1, 0x1a, 0, 'x', 0x29, 4, 0x3c, 5, 0x40, 0, 2}),
     "life_safety_operation object_type=21 instance=2 value=4"},
    {"16.1 disable for ever, with a password", kAsk,
     confirmed(17, {0x19, 1, 0x2d, 5, 0, 'p', 'a', 's', 's'}),
     "device_communication_control value=1 password=1"},
    {"16.1 for 5 minutes", kAsk, confirmed(17, {0x09, 5, 0x19, 2}),
     "device_communication_control value=2 password=0 duration=5"},
    {"16.4 cold start", kAsk, confirmed(20, {0x09, 0}), "reinitialize_device value=0 password=0"},
    {"16.2", kAsk, confirmed(18, kTransfer),
     "confirmed_private_transfer vendor=7 service_number=4"},
    {"16.3", kAsk, unconfirmed(4, kTransfer),
     "unconfirmed_private_transfer vendor=7 service_number=4"},
    {"16.5", kAsk, confirmed(19, kTextMessage), "confirmed_text_message priority=1 device=9"},
    {"16.6", kAsk, unconfirmed(5, kTextMessage), "unconfirmed_text_message priority=1 device=9"},
    {"17.1", kAsk, confirmed(21, {0x91, 0, 0x21, 5}), "vt_open"},
    {"17.2", kAsk, confirmed(22, {0x21, 5}), "vt_close"},
    {"17.3", kAsk, confirmed(23, {0x21, 5, 0x61, 'x', 0x21, 0}), "vt_data"},
    {"a service of old", kAsk, confirmed(24, {0x09, 1}), "authenticate"},
    {"a service of old", kAsk, confirmed(25, {0x09, 1}), "request_key"},
});

const std::vector<Row> kLowerLayers = datagrams({
    {"J.2.1 not registered", kBack, bvlc(0, {0, 0x30}), "bvlc_result error_code=48"},
    {"J.2.2", kAsk, bvlc(1, {10, 0, 0, 1, 0xba, 0xc0, 255, 255, 255, 0}),
     "write_broadcast_distribution_table peer=10.0.0.1:47808/24"},
    {"J.2.3", kAsk, bvlc(2, {}), "read_broadcast_distribution_table"},
    {"J.2.4", kBack, bvlc(3, {10, 0, 0, 1, 0xba, 0xc0, 255, 255, 255, 255}),
     "read_broadcast_distribution_table_ack peer=10.0.0.1:47808/32"},
    {"J.2.6", kAsk, bvlc(5, {0, 60}), "register_foreign_device duration=60"},
    {"J.2.7", kAsk, bvlc(6, {}), "read_foreign_device_table"},
    {"J.2.8", kBack, bvlc(7, {10, 0, 0, 1, 0xba, 0xc0, 0, 60, 0, 90}),
     "read_foreign_device_table_ack peer=10.0.0.1:47808"},
    {"J.2.9", kAsk, bvlc(8, {10, 0, 0, 1, 0xba, 0xc0}),
     "delete_foreign_device_table_entry peer=10.0.0.1:47808"},
    {"6.4.1 a router is asked for", kAsk, bvlc(kOriginalBroadcast, {1, 0x80, 0}),
     "who_is_router_to_network to_all=1"},
    {"6.4.1 to network 9", kAsk, network(0, {0, 9}), "who_is_router_to_network router_network=9"},
    {"6.4.2 to two networks", kAsk, network(1, {0, 9, 0, 10}),
     "i_am_router_to_network router_network=9\ni_am_router_to_network router_network=10"},
    {"6.4.3", kAsk, network(2, {0, 9, 1}), "i_could_be_router_to_network router_network=9"},
    {"6.4.4", kAsk, network(3, {1, 0, 9}),
     "reject_message_to_network error_code=1 router_network=9"},
    {"6.4.5 all", kAsk, network(4), "router_busy_to_network"},
    {"6.4.5 one", kAsk, network(4, {0, 9}), "router_busy_to_network router_network=9"},
    {"6.4.6", kAsk, network(5, {0, 9}), "router_available_to_network router_network=9"},
    {"6.4.7 one port", kAsk, network(6, {1, 0, 9, 2, 1, 0x55}),
     "initialize_routing_table router_network=9"},
    {"6.4.7 the table is read", kAsk, network(6, {0}), "initialize_routing_table"},
    {"6.4.8", kBack, network(7, {1, 0, 9, 2, 0}), "initialize_routing_table_ack router_network=9"},
    {"6.4.9", kAsk, network(8, {0, 9, 10}), "establish_connection_to_network router_network=9"},
    {"6.4.10", kAsk, network(9, {0, 9}), "disconnect_connection_to_network router_network=9"},
    {"6.4.19", kAsk, network(0x12), "what_is_network_number"},
    {"6.4.20", kAsk, network(0x13, {0, 9, 1}), "network_number_is value=1 router_network=9"},
    {"a vendor's own", kAsk, network(0x85, {0, 7, 1, 2, 3}),
     "proprietary_network_message vendor=7 service_number=133"},
});

const std::vector<Row> kAnswers = datagrams({
    {"an answer", kBack, apdu({0x30, 1, 12, 0x0c, 0, 0, 0, 1}), "read_property"},
    {"done", kBack, apdu({0x20, 1, 15}), "write_property"},
    {"an error", kBack, apdu({0x50, 1, 15, 0x91, 2, 0x91, 40}),
     "write_property error_class=2 error_code=40"},
    {"an error in brackets", kBack,
     apdu({0x50, 1, 16, 0x0e, 0x91, 2, 0x91, 40, 0x0f, 0x1e, 0x0c, 0, 0, 0, 1, 0x19, 85, 0x1f}),
     "write_property_multiple error_class=2 error_code=40"},
    {"a reject", kBack, apdu({0x60, 1, 9}), "reject error_code=9"},
    {"an abort", kBack, apdu({0x71, 1, 4}), "abort error_code=4"},
    {"a segment acknowledged", kBack, apdu({0x40, 1, 0, 4}), "segment_ack"},
});

TEST(Decode, EachFunction) {
  std::vector<Row> rows;
  for (const auto* part : {&kReads, &kWrites, &kTold, &kCommands, &kLowerLayers, &kAnswers}) {
    support::expect_rows(module(), *part);
    rows.insert(rows.end(), part->begin(), part->end());
  }
  for (Row& row : rows) row.expected += " ";
  for (Row& row : rows) {  // each line ends as a name that is alone would
    std::string text;
    for (const char letter : row.expected) {
      if (letter == '\n') text += ' ';
      text += letter;
    }
    row.expected = text;
  }
  support::expect_all_functions(module(), rows);
}

// 6.2.2 and annex J: where a message goes and where it came from.
const Message kRead7 = join({{0, 5, 1, 12}, kAnalogOutput7, kPresentValue});

const std::vector<Row> kRouted = datagrams({
    {"to device 5 on network 13", kAsk,
     bvlc(kOriginalUnicast, join({{1, 0x24, 0, 13, 1, 5, 255}, kRead7})),
     "read_property object_type=1 instance=7 property=85 network=13 address=5"},
    {"to a device with an address of six octets", kAsk,
     bvlc(kOriginalUnicast, join({{1, 0x24, 0, 13, 6, 10, 0, 0, 1, 0xba, 0xc0, 255}, kRead7})),
     "read_property object_type=1 instance=7 property=85 network=13 address=10995116391104 "
     "address_length=6"},
    {"from device 6 on network 9", kAsk,
     bvlc(kOriginalUnicast, join({{1, 0x0c, 0, 9, 1, 6}, kRead7})),
     "read_property object_type=1 instance=7 property=85 source_network=9 source_address=6"},
    {"from an address of two octets, to all of network 13", kAsk,
     bvlc(kOriginalUnicast, join({{1, 0x28, 0, 13, 0, 0, 9, 2, 1, 6, 255}, {0x10, 8}})),
     "who_is device=0-4194303 network=13 source_network=9 source_address=262 "
     "source_address_length=2 broadcast=1"},
    {"to all networks", kAsk, bvlc(kOriginalBroadcast, {1, 0x20, 255, 255, 0, 255, 0x10, 8}),
     "who_is device=0-4194303 broadcast=65535 to_all=1"},
    {"forwarded", kAsk, bvlc(kForwardedNpdu, {10, 0, 0, 99, 0xba, 0xc0, 1, 0, 0x10, 8}),
     "who_is device=0-4194303 origin=10.0.0.99:47808"},
    {"to be distributed", kAsk, bvlc(kDistributeBroadcast, {1, 0, 0x10, 8}),
     "who_is device=0-4194303 distribution=1"},
    {"what waits for an answer, to all", kAsk, bvlc(kOriginalBroadcast, join({{1, 4}, kRead7})),
     "read_property object_type=1 instance=7 property=85 broadcast=0 to_all=1"},
    {"who is there, to all of this network", kAsk, bvlc(kOriginalBroadcast, {1, 0, 0x10, 8}),
     "who_is device=0-4194303 to_all=1"},
});

TEST(Decode, WhomItReachesAndWhoSentIt) { support::expect_rows(module(), kRouted); }

TEST(Fields, EachDecidesAlone) {
  std::vector<Row> rows;
  for (const auto* part : {&kReads, &kWrites, &kTold, &kCommands, &kLowerLayers, &kRouted}) {
    rows.insert(rows.end(), part->begin(), part->end());
  }
  support::expect_fields_decide(module(), rows);
}

// What is said of many or of elsewhere is granted by name only.
TEST(Fields, WhatReachesFurtherIsByName) {
  for (const std::size_t field :
       {kNetwork, kAddress, kAddressLength, kSourceNetwork, kSourceAddress, kSourceAddressLength,
        kOrigin, kDistribution, kBroadcast}) {
    EXPECT_TRUE(catalogue().fields[field].by_name) << catalogue().fields[field].name;
  }
  EXPECT_EQ(catalogue().fields[kAddress].route, "address");
  EXPECT_EQ(catalogue().fields[kSourceAddress].source_route, "address");
}

// A segment shows nothing of what it does: all that its service may do must be granted.
TEST(Decode, ASegmentIsAllThatItsServiceMayDo) {
  EXPECT_EQ(decoded(apdu({0x0c, 5, 1, 0, 4, 16, 1, 2, 3})),
            "write_property_multiple\nwrite_property_multiple_override\n"
            "write_property_multiple_setting\nwrite_property_multiple_program");
  EXPECT_EQ(decoded(apdu({0x08, 5, 1, 1, 4, 14, 1, 2, 3})), "read_property_multiple");
  EXPECT_EQ(decoded(apdu({0x04, 5, 1, 14, 1, 2, 3})), "fault bad_value") << "of none, yet more";
  EXPECT_EQ(decoded(apdu({0x0c, 5, 1, 0, 0, 16, 1})), "fault bad_value") << "a window of 0";
  EXPECT_EQ(decoded(apdu({0x0c, 5, 1, 0, 128, 16, 1})), "fault bad_value") << "a window of 128";
}

TEST(Refusal, AnErrorOfClassSecurity) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto refuse = [&](const Message& request) {
    const std::size_t length =
        support::refuse(module(), request, protocols::DeniedPart::value, reply);
    return Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message restart = confirmed(20, {0x09, 0}, 9);
  EXPECT_EQ(decoded(refuse(restart), kBack), "reinitialize_device error_class=4 error_code=85");
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(restart), Fault::none);
  EXPECT_EQ(session.answer(refuse(restart)), Fault::none);
  EXPECT_TRUE(refuse(unconfirmed(8)).empty());
  EXPECT_TRUE(refuse(bvlc(5, {0, 60})).empty());
}

}  // namespace
}  // namespace bulkhead::bacnet
