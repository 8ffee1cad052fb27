// Numbers and shapes of the Manufacturing Message Specification (ISO 9506-2) that the files of this
// module share, and of what stands between it and ../cotp.h: the session protocol's kernel
// (ISO 8327-1), the presentation protocol (ISO 8823-1) and ACSE (ISO 8650-1), as IEC 61850-8-1,
// clause 25, and IEC 60870-6-503 use them. Names of objects follow IEC 61850-8-1, 7.3.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/ber.h"
#include "dataplane/protocols/cotp.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::mms {

// The SPDU identifiers of the kernel (ISO 8327-1, 8.3).
enum Spdu : std::uint8_t {
  kGiveTokensOrData = 0x01,
  kNotFinished = 0x08,
  kFinish = 0x09,
  kDisconnect = 0x0a,
  kRefuse = 0x0c,
  kConnect = 0x0d,
  kAccept = 0x0e,
  kAbort = 0x19,
  kAbortAccept = 0x1a,
};

// The alternatives of MMSpdu (ISO 9506-2, 7).
enum PduTag : std::uint8_t {
  kConfirmedRequest = 0,
  kConfirmedResponse = 1,
  kConfirmedError = 2,
  kUnconfirmed = 3,
  kReject = 4,
  kCancelRequest = 5,
  kCancelResponse = 6,
  kCancelError = 7,
  kInitiateRequest = 8,
  kInitiateResponse = 9,
  kInitiateError = 10,
  kConcludeRequest = 11,
  kConcludeResponse = 12,
  kConcludeError = 13,
};

// The confirmed services (ISO 9506-2, 7.1) that are read by more than the names in them.
enum Service : std::uint8_t {
  kStatus = 0,
  kGetNameList = 1,
  kRead = 4,
  kWrite = 5,
  kGetVariableAccessAttributes = 6,
  kDeleteVariableAccess = 10,
  kDefineNamedVariableList = 11,
  kGetNamedVariableListAttributes = 12,
  kDeleteNamedVariableList = 13,
  kDeleteNamedType = 16,
  kInitiateUpload = 29,
  kUploadSegment = 30,
  kTerminateUpload = 31,
  kObtainFile = 46,
  kFileOpen = 72,
  kFileRead = 73,
  kFileClose = 74,
  kFileRename = 75,
  kFileDelete = 76,
  kFileDirectory = 77,
  kAdditionalService = 78,
};

// A function's code is a confirmed service's tag; other messages stand after these.
constexpr std::uint16_t kUnconfirmedCode = 0x100;  // and the tag of the unconfirmed service
constexpr std::uint16_t kPduCode = 0x200;          // and the tag of the MMSpdu
constexpr std::uint16_t kSpduCode = 0x300;         // and the identifier of the SPDU

// What a read or a write does besides, by the functional constraint of IEC 61850-7-2.
enum SubCode : std::int32_t {
  kSelect = 1,              // a read that selects: of the SBO of a controllable object
  kReadAddress = 2,         // of what has no name
  kReadNode = 3,            // of a whole logical node, its controls among the rest
  kOperate = 1,             // writes: CO
  kWriteConfiguration = 2,  // CF, DC, EX, SE, SG, GO, MS, US
  kWriteReportControl = 3,  // RP, BR, LG
  kWriteNamedList = 4,      // a named variable list, whose members do not stand in the message
  kSubstitute = 5,          // SV, BL
  kWriteSettingGroup = 6,   // SP, of SGCB
  kWriteUnconstrained = 7,  // all else: it may operate
  kAuthenticated = 1,       // an association with a password
  // What the other side than usual asks or tells: control centres do both (IEC 60870-6-503), and a
  // server that obtains a file reads it at its client.
  kOtherSide = 0x100,
};

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kDomain,
  kItem,
  kLogicalNode,
  kFunctionalConstraint,
  kControl,
  kDataSet,
  kReportControlBlock,
  kFile,
  kProgram,
  kObjectClass,
  kValue,
  kTsap,
  kTsapName,
  kComponent,
  kAddress,
  kOriginator,
  kTest,
  kCheck,
  kOperateTime,
  kSessionSelector,
  kPresentationSelector,
  kApTitle,
  kAeQualifier,
  kPosition,
  kArgument,
  kCallingTsap,
  kTpduSize,
};

const protocols::Catalogue& catalogue();

// Whom an association is for, as its request says.
struct Called {
  ByteView session_selector;
  ByteView presentation_selector;
  ByteView ap_title;  // an object identifier
  std::optional<std::uint32_t> ae_qualifier;
  bool authenticated = false;  // it brings a password, or the like
};

// What one data unit of the transport holds.
struct Unit {
  std::uint8_t spdu = 0;
  bool bare = false;  // the MMSpdu stands on the transport, without session and presentation
  bool has_pdu = false;
  ber::Element pdu;           // the MMSpdu
  std::uint32_t context = 0;  // the presentation context it stands in
  Called called;              // of kConnect
};

// `free`, if there is one, hears which bytes nobody need judge. Of data without a presentation
// context that was agreed on, none is assumed: what goes in data is MMS (ACSE goes with the other
// SPDUs only).
protocols::Fault parse_unit(ByteView user, Unit& unit, const protocols::OperationList* free);
// The presentation's and ACSE's part of it (association.cpp), by unit.spdu.
protocols::Fault parse_presentation(ByteView user_data, Unit& unit,
                                    const protocols::OperationList* free);

// Whether an MMSpdu may begin so.
bool begins_pdu(std::uint8_t octet);

// The head of a confirmed, cancelled or rejected service.
struct Call {
  std::optional<std::uint32_t> invoke_id;
  ber::Element service;  // of requests and responses
};
protocols::Fault parse_call(const Unit& unit, Call& call);

// A confirmed response that is read by its head alone.
constexpr std::size_t kLongBytesMax = 1U << 24;
struct LongAnswer {
  bool bare = false;
  std::uint32_t context = 0;
  std::uint32_t invoke_id = 0;
  std::uint8_t service = 0;
  std::size_t pdu_bytes = 0;
  ByteView content;  // as far as it stands here
};
protocols::Fault parse_long(ByteView user, LongAnswer& answer);

// A write of one octet string to one variable that is read by its head alone.
struct LongRequest {
  bool bare = false;
  std::uint32_t context = 0;
  std::uint32_t invoke_id = 0;
  std::size_t pdu_bytes = 0;
  std::size_t user_bytes = 0;  // of the whole data unit
  ByteView access;             // what is written to
  ByteView content;            // as far as it stands here
};
protocols::Fault parse_long(ByteView user, LongRequest& request);
// The same request with an empty string; it lives until the same thread asks again.
ByteView shorten(const LongRequest& request);

// Give tokens without tokens, then data transfer without parameters (ISO 8327-1, 7.11 and 7.16).
constexpr std::size_t kDataHeadBytes = 4;
bool begins_data(ByteView user);

// A service of two levels is named by both: kAdditionalService and what stands in it.
struct FunctionCode {
  std::uint16_t code = 0;
  std::int32_t sub_code = protocols::kNoSubCode;
};
FunctionCode function_code(const ber::Element& service);
FunctionCode unconfirmed_code(const ber::Element& service);

// How many results a read or a write must bring; nothing if its variables stand elsewhere.
std::optional<std::size_t> variables_asked(const ber::Element& service);
std::optional<std::size_t> results_given(const ber::Element& service);

// What the files of this module read together: they add operations until a fault stands.
class Decoding {
 public:
  Decoding(protocols::OperationList& operations, bool other_side, bool tied)
      : operations_(operations), other_side_(other_side), tied_(tied) {}

  protocols::Fault fault() const { return fault_; }
  void fail(protocols::Fault fault) {
    if (fault_ == protocols::Fault::none) fault_ = fault;
  }
  // An operation of the function; nullptr, and a fault, if there is none such or no room.
  protocols::Operation* add(FunctionCode function);
  // A copy of the text that lives as long as the operations; empty, and a fault, if there is no
  // room for it.
  ByteView keep(ByteView text);
  void leave_free(ByteView bytes, std::string_view reason, std::uint8_t mask = 0xff) const {
    operations_.leave_free(bytes, reason, mask);
  }
  const protocols::OperationList& operations() const { return operations_; }

 private:
  protocols::OperationList& operations_;
  bool other_side_;
  bool tied_;
  protocols::Fault fault_ = protocols::Fault::none;
};

void decode_request(const ber::Element& service, Decoding& decoding);
void decode_response(const ber::Element& service, Decoding& decoding);
void decode_unconfirmed(const ber::Element& service, Decoding& decoding);

// Services whose names do not just stand in them one by one (variable.cpp, report.cpp). All expect
// what the grammar accepts.
void decode_read(const ber::Element& service, Decoding& decoding);
void decode_write(const ber::Element& service, Decoding& decoding);
void decode_define_list(const ber::Element& service, Decoding& decoding);
void decode_report(const ber::Element& service, Decoding& decoding);

}  // namespace bulkhead::mms
