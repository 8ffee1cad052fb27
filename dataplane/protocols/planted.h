// Mistakes that tests/adversarial/accounting can plant in protocol modules, one a kind. Only
// sources use them, no headers: sources built with plants are linked before the library.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::protocols {

enum class Mistake : std::uint8_t {
  none,
  confirmed_link_data,   // dnp3: a link layer that receivers drop or join otherwise
  checksum_unread,       // dnp3: nobody reads the CRCs
  io_on_any_carrier,     // a form of one carrier, accepted on another
  object_overwritten,    // of a path with two objects the last one counts
  route_unread,          // the route beyond the host is in no field
  configuration_unread,  // a forward open's configuration data is in no field
  long_lengths,          // bacnet: lengths in other than their shortest form
  closing_unmatched,     // bacnet: a closing tag of another number
  padding_unread,        // modbus: the unused bits of the last octet of coils
  second_size_unread,    // modbus: a size that stands twice
  controls_in_names,     // mms: names that end earlier for the receiver
  long_ber_lengths,      // mms: lengths in other than their shortest form
  item_size_unread,      // s7comm: an item's size beside that of its data
  second_half_unjudged,  // the write of a combined read and write is in no field
};

}  // namespace bulkhead::protocols
