// The head of a PDU and of user data, and names of blocks.
#include "dataplane/protocols/s7comm/layout.h"

namespace bulkhead::s7comm {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

Fault parse_pdu(ByteView bytes, Pdu& pdu) {
  ByteReader reader(bytes);
  const std::uint8_t id = reader.u8();
  pdu.rosctr = reader.u8();
  reader.skip(2);
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
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

Fault parse_user_data(const Pdu& pdu, UserData& user) {
  constexpr std::uint32_t kHead = 0x000112;
  constexpr std::uint8_t kShort = 4;
  constexpr std::uint8_t kLong = 8;
  constexpr std::size_t kDataHeadBytes = 4;
  ByteReader reader(pdu.parameters);
  const std::uint32_t head = std::uint32_t{reader.u8()} << 16 | reader.u16();
  const std::uint8_t length = reader.u8();
  reader.skip(1);  // the method, which the type repeats
  const std::uint8_t type = reader.u8();
  user.sub_function = reader.u8();
  user.sequence = reader.u8();
  if (length == kLong) reader.skip(4);  // whether more of it follows, and an error
  if (!reader.ok()) return Fault::truncated;
  if (head != kHead || (length != kShort && length != kLong)) return Fault::bad_value;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  user.type = type >> 4;
  user.group = type & 0x0f;
  const bool known =
      user.type == UserData::kPush || user.type == UserData::kAsk || user.type == UserData::kAnswer;
  if (!known) return Fault::bad_value;
  ByteReader data(pdu.data);
  data.skip(2);
  const std::size_t bytes = data.u16();
  user.payload = data.take(bytes);
  if (!data.ok() || pdu.data.size() != kDataHeadBytes + bytes) return Fault::bad_byte_count;
  return Fault::none;
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

// With a file identifier in front or without, and the file system behind.
bool set_block(ByteView name, Operation& operation) {
  constexpr std::size_t kNameBytes = 8;
  if (name.size() == kNameBytes + 1) {
    if (name[0] != '_' && name[0] != '$') return false;
    name = name.subspan(1);
  }
  if (name.size() != kNameBytes) return false;
  const int type = read_digits(name.first(2), 16);
  const int number = read_digits(name.subspan(2, 5), 10);
  const char system = static_cast<char>(name[7]);
  if (type < 0 || number < 0 || (system != 'A' && system != 'B' && system != 'P')) return false;
  operation.set(kBlockType, type);
  operation.set(kBlockNumber, number);
  return true;
}

}  // namespace bulkhead::s7comm
