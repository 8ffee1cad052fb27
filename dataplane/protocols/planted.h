// Mistakes that tests/adversarial/accounting can plant in protocol modules, a kind each. Only
// sources, no headers, ask for them: what is built with plants stands before the library.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::protocols {

enum class Mistake : std::uint8_t {
  none,
  confirmed_link_data,   // dnp3: a link layer that receivers drop or join otherwise
  checksum_unread,       // dnp3: nobody reads the CRCs
  io_on_any_carrier,     // enip: a form of one carrier is accepted on another
  object_overwritten,    // enip: of a path with two objects the last is the name
  route_unread,          // enip: whom it reaches beyond the host stands in no field
  configuration_unread,  // enip: an opening grants more than it says
  long_lengths,          // bacnet: lengths in other than their shortest form
  closing_unmatched,     // bacnet: a closing tag of another number
  padding_unread,        // modbus: the unused bits of the last octet of coils
  second_size_unread,    // modbus: a size that stands twice
  controls_in_names,     // mms: names that end earlier for the receiver
  long_ber_lengths,      // mms: lengths in other than their shortest form
  item_size_unread,      // s7comm: an item's size beside that of its data
  second_half_unjudged,  // modbus: of a read and a write in one, what is written
};

}  // namespace bulkhead::protocols
