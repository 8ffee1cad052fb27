// Jobs and user data that wait for their answers, by PDU reference and function; the PDU size that
// both sides agreed on; and the blocks that identifiers of uploads stand for.
#pragma once

#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"
#include "dataplane/protocols/s7comm/layout.h"

namespace bulkhead::s7comm {

constexpr std::size_t kOutstandingUsual = 5;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint16_t reference = 0;
  std::uint16_t code = 0;
  std::uint8_t sub_function = 0;  // of user data; which function a PI service is
  std::uint8_t items = 0;
  bool by_server = false;
  std::uint32_t subject = 0;  // of user data; the block of a start of an upload
};

struct Agreed {
  Uploads uploads{};           // the newest first
  Unfinished unfinished;       // the newest
  std::uint16_t pdu_size = 0;  // 0: nothing is agreed on yet
};

using Session = protocols::OutstandingTable<Outstanding, Agreed>;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 16, 28>(3);

// Expects a PDU that parse() accepted; `user` is what one with user data holds.
protocols::Fault accept_pdu(Session session, const Pdu& pdu, const UserData* user,
                            protocols::Direction direction, std::uint32_t now_ms);

// The sub-code of the PI service that an answer answers, as far as the session knows.
std::int32_t asked_pi(std::span<const std::byte> session, const Pdu& answer);

std::size_t awaited(Session session, std::uint32_t now_ms);

// By which number a server's answer that was not accepted differs: its reference from that of the
// latest job, or its function or number of items from those of the job that has its reference.
protocols::Difference difference(Session session, const Pdu& pdu);

}  // namespace bulkhead::s7comm
