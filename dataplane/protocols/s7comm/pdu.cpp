// The head of a PDU and of user data, and names of blocks.
#include <array>

#include "dataplane/protocols/s7comm/layout.h"

namespace bulkhead::s7comm {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

Fault parse_pdu(ByteView bytes, Pdu& pdu) {
  ByteReader reader(bytes);
  const std::uint8_t id = reader.u8();
  pdu.rosctr = reader.u8();
  const std::uint16_t reserved = reader.u16();
  pdu.reference = reader.u16();
  const std::size_t parameter_bytes = reader.u16();
  const std::size_t data_bytes = reader.u16();
  if (pdu.rosctr == kAck || pdu.rosctr == kAckData) {
    pdu.error_class = reader.u8();
    pdu.error_code = reader.u8();
  }
  pdu.parameters = reader.take(parameter_bytes);
  pdu.data = reader.take(data_bytes);
  if (!bytes.empty() && id != kProtocolId) return Fault::not_this_protocol;
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  return reserved == 0 ? Fault::none : Fault::bad_value;
}

namespace {

// The head of user data's data: a result, a size and a length that go together.
Fault parse_payload(ByteView bytes, bool asks, UserData& user) {
  constexpr std::uint16_t kOctets = 0xff09;
  constexpr std::uint16_t kNothing = 0x0a00;
  ByteReader data(bytes);
  const std::uint16_t kind = data.u16();
  const std::size_t count = data.u16();
  user.payload = data.take(count);
  if (!data.ok() || data.remaining() != 0) return Fault::bad_byte_count;
  if (!asks) return Fault::none;
  // python-snap7 calls octets so too.
  return kind == kOctets || kind == kNothing ? Fault::none : Fault::bad_value;
}

// A controller tells its new operating state in parameters of their own: a service (1), how many
// items (none), four octets of unknown meaning, the state, and one octet more; there is no data.
Fault parse_mode(const Pdu& pdu, UserData& user) {
  ByteReader reader(pdu.parameters);
  reader.skip(1);
  const std::uint8_t items = reader.u8();
  reader.skip(4);
  user.sub_function = reader.u8();
  reader.skip(1);
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0 || !pdu.data.empty()) return Fault::trailing_bytes;
  user.type = UserData::kPush;
  return items == 0 ? Fault::none : Fault::bad_value;
}

}  // namespace

Fault parse_user_data(const Pdu& pdu, UserData& user) {
  constexpr std::uint32_t kHead = 0x000112;
  constexpr std::uint8_t kModeService = 1;
  constexpr std::uint8_t kShort = 4;
  constexpr std::uint8_t kLong = 8;
  constexpr std::uint8_t kRequests = 0x11;
  constexpr std::uint8_t kResponds = 0x12;  // also when an answer is continued
  if (!pdu.parameters.empty() && pdu.parameters[0] == kModeService) return parse_mode(pdu, user);
  ByteReader reader(pdu.parameters);
  const std::uint32_t head = std::uint32_t{reader.u8()} << 16 | reader.u16();
  const std::uint8_t length = reader.u8();
  const std::uint8_t method = reader.u8();
  const std::uint8_t type = reader.u8();
  user.sub_function = reader.u8();
  user.sequence = reader.u8();
  user.part = length == kLong ? reader.take(2) : ByteView{};
  const std::uint16_t error = length == kLong ? reader.u16() : std::uint16_t{0};
  if (!reader.ok()) return Fault::truncated;
  if (head != kHead || (length != kShort && length != kLong)) return Fault::bad_value;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  user.type = type >> 4;
  user.group = type & 0x0f;
  // python-snap7 goes on with status lists in the short form, too.
  const bool named = length == kLong || (user.group == 4 && user.sequence != 0);
  user.goes_on = named && user.type == UserData::kAsk && pdu.data.size() == 4;
  const bool asks = user.type == UserData::kAsk;
  if (!asks && user.type != UserData::kPush && user.type != UserData::kAnswer) {
    return Fault::bad_value;
  }
  // Snap7's client goes on with lists of blocks so.
  const bool as_snap7 = user.goes_on && user.group == 3 && method == kRequests;
  const bool agrees = method == (length == kShort ? kRequests : kResponds) || as_snap7;
  if (!agrees || (length == kShort && !asks) || (asks && error != 0)) return Fault::bad_value;
  return parse_payload(pdu.data, asks, user);
}

Operation* add_operation(std::uint16_t code, std::int32_t sub_code, OperationList& operations,
                         Fault& fault) {
  const std::uint16_t function = find_function(code, sub_code);
  if (function == kNotInCatalogue) {
    fault = Fault::unknown_function;
    return nullptr;
  }
  Operation* operation = operations.add(function);
  if (operation == nullptr) fault = Fault::too_many_operations;
  return operation;
}

namespace {

// Digits of a base up to 16, as text; negative if one is none.
int read_digits(ByteView text, int base) {
  int value = 0;
  for (const std::uint8_t c : text) {
    int digit = 99;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit >= base) return -1;
    value = value * base + digit;
  }
  return value;
}

}  // namespace

int parse_block_type(ByteView name) {
  const int type = name.size() == 2 ? read_digits(name, 16) : -1;
  return type == 8 || (type >= 10 && type <= 15) ? type : -1;
}

bool parse_block(ByteView name, Block& block) {
  constexpr std::size_t kNameBytes = 8;
  if (name.size() != kNameBytes) return false;
  const int type = parse_block_type(name.first(2));
  const int number = read_digits(name.subspan(2, 5), 10);
  const char system = static_cast<char>(name[7]);
  if (type < 0 || number < 0 || number > UINT16_MAX) return false;
  if (system != 'A' && system != 'B' && system != 'P') return false;
  block.type = static_cast<std::uint8_t>(type);
  block.number = static_cast<std::uint16_t>(number);
  block.file_system = static_cast<std::uint8_t>(system);
  return true;
}

bool parse_block_file(ByteView name, char marker, Block& block) {
  return !name.empty() && name[0] == marker && parse_block(name.subspan(1), block);
}

void set_block(const Block& block, Operation& operation) {
  static constexpr std::array<std::uint8_t, 3> kSystems = {'A', 'B', 'P'};
  operation.set(kBlockType, block.type);
  operation.set(kBlockNumber, block.number);
  const std::size_t system = block.file_system == 'A' ? 0 : block.file_system == 'B' ? 1 : 2;
  operation.set_name(kFileSystem, ByteView(kSystems).subspan(system, 1));
}

}  // namespace bulkhead::s7comm
