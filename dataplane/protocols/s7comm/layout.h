// Numbers and shapes of S7 communication that the files of this module share. Siemens publishes no
// specification; sources are what the dissectors and libraries that speak it agree on (Wireshark's
// s7comm, Snap7), checked against real traffic. Below it stands ../cotp.h.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/cotp.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::s7comm {

constexpr std::uint8_t kProtocolId = 0x32;
constexpr std::size_t kHeaderBytes = 10;
constexpr std::size_t kItemsMax = 255;

enum Rosctr : std::uint8_t { kJob = 1, kAck = 2, kAckData = 3, kUserData = 7 };

// Functions of jobs.
enum Code : std::uint8_t {
  kCpuServices = 0x00,
  kReadVar = 0x04,
  kWriteVar = 0x05,
  kRequestDownload = 0x1a,
  kDownloadBlock = 0x1b,
  kDownloadEnded = 0x1c,
  kStartUpload = 0x1d,
  kUpload = 0x1e,
  kEndUpload = 0x1f,
  kPiService = 0x28,
  kPlcStop = 0x29,
  kSetup = 0xf0,
};

// User data is named by its group and sub-function.
constexpr std::uint16_t kAckCode = 0x600;  // an acknowledgement that names no function
constexpr std::uint16_t kUserDataCode = 0x700;

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kArea,
  kDb,
  kAddress,
  kBit,
  kLength,
  kTransportSize,
  kItemCount,
  kValue,
  kPduSize,
  kPiServiceName,
  kBlockType,
  kBlockNumber,
  kSzlId,
  kSzlIndex,
  kTsap,
  kTsapName,
  kDataSize,
  kFileSystem,
  kPiArgument,
  kCallingTsap,
  kTpduSize,
  kSymbol,
  kSymbolCrc,
  kSyntax,
};

// PI services that work on blocks or memory, and the cold start, are functions of their own.
constexpr std::int32_t kOnProgram = 1;
constexpr std::int32_t kColdStart = 2;

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
// The catalogue index of a function; kNotInCatalogue if the catalogue does not have it.
std::uint16_t find_function(std::uint16_t code, std::int32_t sub_code = protocols::kNoSubCode);

// One PDU.
struct Pdu {
  std::uint8_t rosctr = 0;
  std::uint16_t reference = 0;
  std::uint8_t error_class = 0;
  std::uint8_t error_code = 0;
  ByteView parameters;
  ByteView data;
};

protocols::Fault parse_pdu(ByteView bytes, Pdu& pdu);

// The head of user data's parameters.
struct UserData {
  std::uint8_t type = 0;  // kPush, kAsk or kAnswer
  std::uint8_t group = 0;
  std::uint8_t sub_function = 0;
  std::uint8_t sequence = 0;
  bool goes_on = false;  // asks for what follows of a long answer
  ByteView part;         // which data unit it is, and whether it is the last
  ByteView payload;      // of the data, after its own head

  static constexpr std::uint8_t kPush = 0;
  static constexpr std::uint8_t kAsk = 4;
  static constexpr std::uint8_t kAnswer = 8;
  std::uint16_t code() const { return static_cast<std::uint16_t>(kUserDataCode | group); }
};

protocols::Fault parse_user_data(const Pdu& pdu, UserData& user);

// A block of program memory.
struct Block {
  std::uint8_t type = 0;
  std::uint8_t file_system = 0;  // 'A', 'B' or 'P'; 0: no block
  std::uint16_t number = 0;
};

// What the answers to a session's starts of uploads named: the identifier stands for the block.
struct Upload {
  std::uint32_t id = 0;
  Block block;
};
constexpr std::size_t kUploadsMax = 2;
using Uploads = std::array<Upload, kUploadsMax>;

// What user data is about, in one number: a system status list with its index, the type of blocks.
std::uint32_t subject_of(const UserData& user);
// An answer that goes on: who asks for the rest names its sequence alone.
struct Unfinished {
  std::uint8_t group = 0;  // 0: none
  std::uint8_t sub_function = 0;
  std::uint8_t sequence = 0;
  std::uint32_t subject = 0;

  bool goes_on_with(const UserData& user) const {
    return group != 0 && group == user.group && sub_function == user.sub_function &&
           sequence == user.sequence;
  }
};

// Where nothing is known of the session, `uploads` and `unfinished` are nullptr.
protocols::Fault decode_job(const Pdu& pdu, const Uploads* uploads,
                            protocols::OperationList& operations);
// Whether an answer's parameters are fields: it answers a setup, a read or a write, and not with an
// error class.
bool has_fields(const Pdu& pdu);
// `asked` is the kind of the PI service that it answers.
protocols::Fault decode_answer(const Pdu& pdu, std::int32_t asked,
                               protocols::OperationList& operations);
protocols::Fault decode_user_data(const Pdu& pdu, const UserData& user,
                                  const Unfinished* unfinished,
                                  protocols::OperationList& operations);

// An operation of the function; nullptr if the catalogue lacks it or the list is full.
protocols::Operation* add_operation(std::uint16_t code, std::int32_t sub_code,
                                    protocols::OperationList& operations, protocols::Fault& fault);

// The items of a read or write: they in the parameters, what is written to them in the data.
protocols::Fault decode_items(const Pdu& pdu, bool write, protocols::OperationList& operations);
// Items of a subscription, and nothing after them.
protocols::Fault add_items(ByteView items, std::uint16_t code, std::int32_t sub_code,
                           std::size_t count, protocols::OperationList& operations);
// Whether the answer to a read, or to a cyclic one, fits in a PDU of the agreed size; Snap7's
// server writes beyond its own if not. Symbols and strings count as the least that they may be.
bool answer_fits(const Pdu& pdu, std::size_t pdu_size);
bool answer_fits(const UserData& user, std::size_t pdu_size);
// The answer to a read or write: a result and, where it is good, data for each item.
protocols::Fault check_results(const Pdu& pdu, bool read);

// The type of a block ("0A"): organization, data, function and system blocks; negative if it is
// none.
int parse_block_type(ByteView name);
// A name of a block ("0A00001P"); after '_' where it is a file's. False if it is none.
bool parse_block(ByteView name, Block& block);
bool parse_block_file(ByteView name, char marker, Block& block);
void set_block(const Block& block, protocols::Operation& operation);

// Which function a PI service's job is: a sub-code, 0 for the usual one.
std::uint8_t kind_of_pi(const Pdu& pdu);
// A job that asks for the start of an upload, or goes on with one: its block and identifier.
bool parse_start_upload(const Pdu& pdu, Block& block);
std::uint32_t upload_id(const Pdu& pdu);

}  // namespace bulkhead::s7comm
