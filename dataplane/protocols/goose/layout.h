// Shapes of GOOSE (IEC 61850-8-1, 18.1 and annex A) that the files of this module share.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/published.h"

namespace bulkhead::goose {

constexpr std::uint16_t kEtherType = 0x88b8;

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kAppid,
  kGocbRef,
  kDataSet,
  kGoId,
  kConfRev,
  kEntries,
  kSimulation,
  kNeedsCommissioning,
  kTimeAllowed,
  kExtension,
};

const protocols::Catalogue& catalogue();

// IECGoosePdu.
struct Pdu {
  std::uint16_t appid = 0;
  ByteView gocb_ref;
  std::uint32_t time_allowed_ms = 0;
  ByteView dataset;
  ByteView go_id;              // the control block's reference where it is not said
  std::uint32_t state = 0;     // stNum: counts changes
  std::uint32_t sequence = 0;  // sqNum: counts repetitions of one
  bool simulated = false;      // in the PDU and in front of it
  std::uint32_t conf_rev = 0;
  bool needs_commissioning = false;
  std::uint32_t entries = 0;
  // What is not judged by its content.
  ByteView time;
  ByteView state_part;
  ByteView sequence_part;
  ByteView data_part;
  ByteView extension;  // after the PDU
};
protocols::Fault parse_pdu(ByteView message, Pdu& pdu);

// A control block whose messages were seen.
struct Stream {
  std::uint64_t key = 0;
  std::uint32_t asked_ms = 0;  // when the last one came
  std::uint32_t time_allowed_ms = 0;
  std::uint32_t state = 0;
  std::uint32_t sequence = 0;
};
constexpr std::size_t kStreamsUsual = 4;
using Session = protocols::OutstandingTable<Stream>;
constexpr auto kStateLayout = Session::layout<kStreamsUsual, 24, 1>(3);

// Whether the message is the next of its control block.
protocols::Fault accept_pdu(Session session, const Pdu& pdu, std::uint32_t now_ms);

}  // namespace bulkhead::goose
