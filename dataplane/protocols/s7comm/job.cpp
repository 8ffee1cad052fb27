// Jobs: blocks that are loaded, program invocations, and answers. What stands in front of names is
// what all clients send there; nothing stands behind what is judged.
#include <algorithm>
#include <string_view>

#include "dataplane/protocols/s7comm/layout.h"

namespace bulkhead::s7comm {

using protocols::Fault;
using protocols::kNoSubCode;
using protocols::Operation;
using protocols::OperationList;

namespace {

bool is_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool is_printable(ByteView text) {
  return std::all_of(text.begin(), text.end(),
                     [](std::uint8_t byte) { return byte >= 0x20 && byte <= 0x7e; });
}

bool equals(ByteView bytes, std::string_view text) {
  return std::equal(bytes.begin(), bytes.end(), text.begin(), text.end());
}

Fault decode_setup(const Pdu& pdu, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_operation(kSetup, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(pdu.parameters.subspan(1));
  const std::uint8_t reserved = reader.u8();
  operations.leave_free(reader.take(4), "how many jobs each side lets wait");
  operation->set(kPduSize, reader.u16());
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0 || !pdu.data.empty()) return Fault::trailing_bytes;
  return reserved == 0 ? Fault::none : Fault::bad_value;
}

// Behind the function of jobs that move blocks: a state and an identifier, both still zero, but for
// two octets that clients set to 0x0100 in a request for a download.
bool is_block_head(ByteView head, std::uint8_t code) {
  const std::uint16_t kind = load_be16(head.data() + 1);
  return head[0] == 0 && is_zero(head.subspan(3)) &&
         (kind == 0 || (code == kRequestDownload && kind == 0x0100));
}

// A client's description of a block to load: a digit, and the lengths in load and work
// memory as six digits each.
bool is_block_lengths(ByteView text) {
  constexpr std::size_t kDigits = 13;
  return text.size() == kDigits && std::all_of(text.begin(), text.end(), [](std::uint8_t digit) {
           return digit >= '0' && digit <= '9';
         });
}

Fault decode_block(const Pdu& pdu, OperationList& operations) {
  ByteReader reader(pdu.parameters);
  const std::uint8_t code = reader.u8();
  Fault fault = Fault::none;
  Operation* operation = add_operation(code, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  const ByteView head = reader.take(7);
  const ByteView name = reader.take(reader.u8());
  const bool sized = code == kRequestDownload;
  const ByteView lengths = sized ? reader.take(reader.u8()) : ByteView{};
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0 || !pdu.data.empty()) return Fault::trailing_bytes;
  if (sized)
    operations.leave_free(head.subspan(1, 1), "0x0100 or nothing, which only some clients set",
                          0x01);
  if (!is_block_head(head, code) || (sized && !is_block_lengths(lengths))) return Fault::bad_value;
  operations.leave_free(lengths, "lengths of the block, which its content has anyway", 0x0f);
  Block block;
  if (!parse_block_file(name, '_', block)) return Fault::bad_value;
  set_block(block, *operation);
  return Fault::none;
}

// The function that a PI service is, and whether its parameter block lists blocks. Servers that go
// by the length of the job (Snap7's) need the arguments of known services to be theirs.
struct PiService {
  std::string_view name;
  std::string_view argument;
  std::int32_t function = kNoSubCode;
  bool lists_blocks = false;
};
constexpr PiService kPiServices[] = {
    {"P_PROGRAM", ""},  // warm start
    {"P_PROGRAM", "C ", kColdStart},
    {"_MODU", "EP", kOnProgram},      // copies RAM to ROM
    {"_GARB", "", kOnProgram},        // compresses memory
    {"_INSE", "", kOnProgram, true},  // activates blocks
    {"_INS2", "", kOnProgram, true},
    {"_DELE", "", kOnProgram, true},
};

// Nothing if the service is known and its argument is none of its own.
const PiService* find_pi_service(ByteView name, ByteView argument, bool& known) {
  known = false;
  for (const PiService& service : kPiServices) {
    if (!equals(name, service.name)) continue;
    known = true;
    if (service.lists_blocks || equals(argument, service.argument)) return &service;
  }
  return nullptr;
}

Operation* add_pi_service(ByteView name, std::int32_t sub_code, OperationList& operations,
                          Fault& fault) {
  Operation* operation = add_operation(kPiService, sub_code, operations, fault);
  if (operation != nullptr) operation->set_name(kPiServiceName, name);
  return operation;
}

// How many, a zero, and their names.
Fault add_blocks(ByteView name, ByteView list, OperationList& operations) {
  constexpr std::size_t kNameBytes = 8;
  ByteReader reader(list);
  const std::size_t count = reader.u8();
  const std::uint8_t reserved = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (count == 0) return Fault::bad_quantity;
  if (reserved != 0) return Fault::bad_value;
  if (reader.remaining() != count * kNameBytes) return Fault::bad_byte_count;
  for (std::size_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_pi_service(name, kOnProgram, operations, fault);
    if (operation == nullptr) return fault;
    Block block;
    if (!parse_block(reader.take(kNameBytes), block)) return Fault::bad_value;
    set_block(block, *operation);
  }
  return Fault::none;
}

Fault decode_pi_service(const Pdu& pdu, OperationList& operations) {
  constexpr std::uint8_t kBeforeArgument = 0xfd;
  ByteReader reader(pdu.parameters.subspan(1));
  const ByteView reserved = reader.take(6);
  const std::uint8_t before = reader.u8();
  const ByteView argument = reader.take(reader.u16());
  const ByteView name = reader.take(reader.u8());
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0 || !pdu.data.empty()) return Fault::trailing_bytes;
  if (!is_zero(reserved) || before != kBeforeArgument) return Fault::bad_value;
  if (name.empty() || !is_printable(name)) return Fault::bad_value;
  bool known = false;
  const PiService* service = find_pi_service(name, argument, known);
  if (known && service == nullptr) return Fault::bad_value;
  if (service != nullptr && service->lists_blocks) return add_blocks(name, argument, operations);
  if (!is_printable(argument)) return Fault::bad_value;
  Fault fault = Fault::none;
  Operation* operation =
      add_pi_service(name, service != nullptr ? service->function : kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  operation->set_name(kPiArgument, argument);
  return Fault::none;
}

Fault decode_stop(const Pdu& pdu, OperationList& operations) {
  ByteReader reader(pdu.parameters.subspan(1));
  const ByteView reserved = reader.take(5);
  const ByteView name = reader.take(reader.u8());
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0 || !pdu.data.empty()) return Fault::trailing_bytes;
  if (!is_zero(reserved) || !is_printable(name)) return Fault::bad_value;
  Fault fault = Fault::none;
  Operation* operation = add_operation(kPlcStop, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  operation->set_name(kPiServiceName, name);
  return Fault::none;
}

// An upload goes on, or ends, by the identifier that the answer to its start gave. One that is not
// known has no block, so that only rules that name none grant it.
Fault decode_upload(const Pdu& pdu, const Uploads* uploads, OperationList& operations) {
  ByteReader reader(pdu.parameters);
  const std::uint8_t code = reader.u8();
  const ByteView reserved = reader.take(3);
  const std::uint32_t id = reader.u32();
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0 || !pdu.data.empty()) return Fault::trailing_bytes;
  // The end may tell a reason.
  if (!is_zero(code == kEndUpload ? reserved.first(1) : reserved)) return Fault::bad_value;
  Fault fault = Fault::none;
  Operation* operation = add_operation(code, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  if (code == kEndUpload) operations.leave_free(reserved.last(2), "why the upload ends");
  bool known = false;
  for (std::size_t i = 0; uploads != nullptr && i < uploads->size(); ++i) {
    const Upload& upload = (*uploads)[i];
    if (upload.block.file_system == 0 || upload.id != id) continue;
    set_block(upload.block, *operation);
    known = true;
  }
  if (!known) {
    operations.leave_free(pdu.parameters.last(4),
                          "the identifier of an upload, where none is known");
  }
  return Fault::none;
}

Fault decode_cpu_services(const Pdu& pdu, OperationList& operations) {
  Fault fault = Fault::none;
  if (add_operation(kCpuServices, kNoSubCode, operations, fault) == nullptr) return fault;
  return pdu.parameters.size() == 1 && pdu.data.empty() ? Fault::none : Fault::trailing_bytes;
}

}  // namespace

std::uint8_t kind_of_pi(const Pdu& pdu) {
  constexpr std::size_t kHeadBytes = 8;
  ByteReader reader(pdu.parameters);
  reader.skip(kHeadBytes);
  const ByteView argument = reader.take(reader.u16());
  const ByteView name = reader.take(reader.u8());
  bool known = false;
  const PiService* service = find_pi_service(name, argument, known);
  const bool has_kind = service != nullptr && service->function != kNoSubCode;
  return has_kind ? static_cast<std::uint8_t>(service->function) : std::uint8_t{0};
}

bool parse_start_upload(const Pdu& pdu, Block& block) {
  ByteReader reader(pdu.parameters);
  const std::uint8_t code = reader.u8();
  reader.skip(7);
  return parse_block_file(reader.take(reader.u8()), '_', block) && code == kStartUpload;
}

std::uint32_t upload_id(const Pdu& pdu) {
  ByteReader reader(pdu.parameters);
  reader.skip(4);
  return reader.u32();
}

Fault decode_job(const Pdu& pdu, const Uploads* uploads, OperationList& operations) {
  if (pdu.parameters.empty()) return Fault::truncated;
  switch (pdu.parameters[0]) {
    case kReadVar:
    case kWriteVar:
      return decode_items(pdu, pdu.parameters[0] == kWriteVar, operations);
    case kSetup:
      return decode_setup(pdu, operations);
    case kRequestDownload:
    case kDownloadBlock:
    case kDownloadEnded:
    case kStartUpload:
      return decode_block(pdu, operations);
    case kUpload:
    case kEndUpload:
      return decode_upload(pdu, uploads, operations);
    case kPiService:
      return decode_pi_service(pdu, operations);
    case kPlcStop:
      return decode_stop(pdu, operations);
    case kCpuServices:
      return decode_cpu_services(pdu, operations);
    default:
      return Fault::unknown_function;
  }
}

namespace {

// A piece of a block: whether more follows, how long it is, and it.
Fault check_piece(const Pdu& pdu) {
  constexpr std::uint16_t kPiece = 0x00fb;
  if (pdu.parameters.size() != 2) return Fault::bad_length;
  ByteReader reader(pdu.data);
  const std::size_t length = reader.u16();
  const bool piece = reader.u16() == kPiece;
  if (!reader.ok()) return Fault::truncated;
  if (!piece) return Fault::bad_value;
  return length == reader.remaining() ? Fault::none : Fault::bad_byte_count;
}

}  // namespace

bool has_fields(const Pdu& pdu) {
  if (pdu.rosctr != kAckData || pdu.error_class != 0 || pdu.parameters.empty()) return false;
  const std::uint8_t code = pdu.parameters[0];
  return code == kReadVar || code == kWriteVar || code == kSetup;
}

Fault decode_answer(const Pdu& pdu, std::int32_t asked, OperationList& operations) {
  constexpr std::string_view kTold = "what an answer tells";
  Fault fault = Fault::none;
  operations.leave_free(pdu.data, kTold);
  if (pdu.rosctr == kAck) {
    if (!pdu.parameters.empty() || !pdu.data.empty()) return Fault::trailing_bytes;
    return add_operation(kAckCode, kNoSubCode, operations, fault) != nullptr ? Fault::none : fault;
  }
  if (pdu.parameters.empty()) return Fault::truncated;
  const std::uint8_t code = pdu.parameters[0];
  const std::int32_t sub_code = code == kPiService ? asked : kNoSubCode;
  Operation* operation = add_operation(code, sub_code, operations, fault);
  if (operation == nullptr) return fault;
  // To the PLC's job, which named the block.
  operation->tied = code == kDownloadBlock || code == kDownloadEnded;
  ByteReader reader(pdu.parameters.subspan(1));
  if (!has_fields(pdu)) operations.leave_free(reader.rest(), kTold);
  if (pdu.error_class != 0) return Fault::none;
  switch (code) {
    case kDownloadBlock:
    case kUpload:
      return check_piece(pdu);
    case kDownloadEnded:
      return pdu.parameters.size() == 1 && pdu.data.empty() ? Fault::none : Fault::trailing_bytes;
    case kReadVar:
    case kWriteVar:
      operation->set(kItemCount, reader.u8());
      if (reader.remaining() != 0) return Fault::trailing_bytes;
      return check_results(pdu, code == kReadVar);
    case kSetup:
      if (reader.u8() != 0) return Fault::bad_value;
      operations.leave_free(reader.take(4), "how many jobs each side lets wait");
      operation->set(kPduSize, reader.u16());
      if (!reader.ok()) return Fault::truncated;
      return reader.remaining() == 0 && pdu.data.empty() ? Fault::none : Fault::trailing_bytes;
    default:
      return Fault::none;
  }
}

}  // namespace bulkhead::s7comm
