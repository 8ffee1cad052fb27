// Types that requests and answers share, and the PDUs without a service.
#include "dataplane/protocols/mms/grammar.h"

#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

namespace grammar {

namespace {

// AlternateAccess (14.5.3): selectAlternateAccess [0] with one selection behind its choice, or
// selectAccess: component [1], index [2], indexRange [3].
constexpr std::array kRange = {member(0, ber::kNumber), member(1, ber::kNumber)};
constexpr Type kIndexRange{Kind::sequence, kRange};
constexpr std::array kChosen = {member(0, ber::kName), member(1, ber::kNumber)};
constexpr Type kChosenPart{Kind::choice, kChosen};
constexpr std::array kInside = {ber::choice_of(kChosenPart),
                                plain(ber::kSequence, kAlternateAccess)};
constexpr Type kSelectAlternate{Kind::sequence, kInside};
constexpr std::array kSelections = {member(0, kSelectAlternate), member(1, ber::kName),
                                    member(2, ber::kNumber), member(3, kIndexRange)};

constexpr std::array kEntry = {ber::choice_of(kSpecificationChoice), optional(5, kAlternateAccess)};
constexpr std::array kEntries = {plain(ber::kSequence, kListEntry)};

// TypeSpecification (14.5.4): of arrays and structures, and simple ones with their sizes, which
// some servers send in more octets than they need.
constexpr Type kSize{Kind::padded};
constexpr std::array kArray = {optional(0, ber::kBoolean), member(1, ber::kNumber),
                               member(2, kTypeOne)};
constexpr Type kArrayType{Kind::sequence, kArray};
constexpr std::array kComponent = {optional(0, ber::kName), member(1, kTypeOne)};
constexpr Type kComponentType{Kind::sequence, kComponent};
constexpr std::array kComponents = {plain(ber::kSequence, kComponentType)};
constexpr Type kComponentList{Kind::list, kComponents};
constexpr std::array kStructure = {optional(0, ber::kBoolean), member(1, kComponentList)};
constexpr Type kStructureType{Kind::sequence, kStructure};
constexpr std::array kWidths = {plain(ber::kInteger, kSize), plain(ber::kInteger, kSize)};
constexpr Type kFloat{Kind::sequence, kWidths};
constexpr std::array kTypes = {
    member(0, kUntoldObject), member(1, kArrayType),  member(2, kStructureType),
    member(3, ber::kNull),    member(4, kSize),       member(5, kSize),
    member(6, kSize),         member(7, kFloat),      member(9, kSize),
    member(10, kSize),        member(11, ber::kNull), member(12, ber::kBoolean),
    member(13, kSize),        member(15, ber::kNull), member(16, kSize),
    member(17, ber::kNull)};

constexpr std::array kResults = {member(0, ber::kInteger32), ber::choice_of(protocols::kToldData)};

// ServiceError (7.4.2).
constexpr std::array kErrorClasses = {
    member(0, ber::kInteger32), member(1, ber::kInteger32),  member(2, ber::kInteger32),
    member(3, ber::kInteger32), member(4, ber::kInteger32),  member(5, ber::kInteger32),
    member(6, ber::kInteger32), member(7, ber::kInteger32),  member(8, ber::kInteger32),
    member(9, ber::kInteger32), member(10, ber::kInteger32), member(11, ber::kInteger32),
    member(12, ber::kInteger32)};
constexpr Type kErrorClass{Kind::one, kErrorClasses};
constexpr std::array kSpecific = {member(0, ber::kInteger32), member(1, ber::kInteger32),
                                  member(2, ber::kInteger32), member(3, ber::kInteger32),
                                  member(4, ber::kInteger32), member(5, ber::kNumber),
                                  member(6, ber::kNumber),    member(7, ber::kNumber),
                                  member(8, kUntoldObject),   member(9, ber::kInteger32)};
constexpr Type kSpecificInformation{Kind::one, kSpecific};
constexpr std::array kError = {member(0, kErrorClass), optional(1, ber::kInteger32),
                               optional(2, ber::kVisible), optional(3, kSpecificInformation)};

// EntryContent (17.3): an event and variables, or an annotation.
constexpr std::array kEventState = {member(0, kUntoldObject), member(1, ber::kInteger32)};
constexpr Type kEvent{Kind::sequence, kEventState};
constexpr std::array kTheData = {ber::choice_of(protocols::kToldData)};
constexpr Type kOneData{Kind::one, kTheData};
constexpr std::array kTagged = {member(0, ber::kVisible), member(1, kOneData)};
constexpr Type kTaggedVariable{Kind::sequence, kTagged};
constexpr std::array kTaggedVariables = {plain(ber::kSequence, kTaggedVariable)};
constexpr Type kTaggedList{Kind::list, kTaggedVariables};
constexpr std::array kEntryData = {optional(0, kEvent), optional(1, kTaggedList)};
constexpr Type kEntryDataType{Kind::sequence, kEntryData};
constexpr std::array kForms = {member(2, kEntryDataType), member(3, ber::kVisible)};
constexpr Type kForm{Kind::choice, kForms};
constexpr std::array kContent = {member(0, ber::kTimeOfDay), ber::choice_of(kForm)};

}  // namespace

constexpr Type kAlternateAccess{Kind::one, kSelections};
constexpr Type kListEntry{Kind::sequence, kEntry};
constexpr Type kVariables{Kind::list, kEntries};
constexpr Type kTypeChoice{Kind::choice, kTypes};
constexpr Type kTypeOne{Kind::one, kTypes};
constexpr Type kAccessResults{Kind::list, kResults};
constexpr Type kServiceError{Kind::sequence, kError};
constexpr Type kEntryContent{Kind::sequence, kContent};

namespace {

// Initiate (8.2), with what its third edition adds behind the services. Nobody acts on an offer
// before it is answered, and some simple clients pad theirs.
constexpr Type kOffer{Kind::padded};
constexpr Type kOptions{Kind::loose_bits};
constexpr std::array kDetail = {member(0, kOffer),     member(1, kOptions),
                                member(2, kOptions),   optional(3, kOptions),
                                optional(4, kOptions), optional(5, ber::kVisible)};
constexpr Type kInitDetail{Kind::sequence, kDetail};
constexpr std::array kInitiate = {optional(0, kOffer), member(1, kOffer), member(2, kOffer),
                                  optional(3, kOffer), member(4, kInitDetail)};
constexpr Type kInitiatePdu{Kind::sequence, kInitiate};

constexpr std::array kConfirmed = {member(0, ber::kNumber), optional(1, ber::kNumber),
                                   member(2, kServiceError)};
constexpr Type kConfirmedErrorPdu{Kind::sequence, kConfirmed};
constexpr std::array kCancel = {member(0, ber::kNumber), member(1, kServiceError)};
constexpr Type kCancelErrorPdu{Kind::sequence, kCancel};

// RejectPDU (7.4.3): the reason's tag says what was rejected.
constexpr std::array kReasons = {
    member(1, ber::kInteger32),  member(2, ber::kInteger32), member(3, ber::kInteger32),
    member(4, ber::kInteger32),  member(5, ber::kInteger32), member(6, ber::kInteger32),
    member(7, ber::kInteger32),  member(8, ber::kInteger32), member(9, ber::kInteger32),
    member(10, ber::kInteger32), member(11, ber::kInteger32)};
constexpr Type kReason{Kind::choice, kReasons};
constexpr std::array kRejected = {optional(0, ber::kNumber), ber::choice_of(kReason)};
constexpr Type kRejectPdu{Kind::sequence, kRejected};

constexpr std::array kPdus = {
    member(kConfirmedError, kConfirmedErrorPdu), member(kReject, kRejectPdu),
    member(kCancelRequest, ber::kNumber),        member(kCancelResponse, ber::kNumber),
    member(kCancelError, kCancelErrorPdu),       member(kInitiateRequest, kInitiatePdu),
    member(kInitiateResponse, kInitiatePdu),     member(kInitiateError, kServiceError),
    member(kConcludeRequest, ber::kNull),        member(kConcludeResponse, ber::kNull),
    member(kConcludeError, kServiceError)};

}  // namespace

}  // namespace grammar

const ber::Member* find_member(std::span<const ber::Member> members, std::uint32_t number) {
  for (const ber::Member& each : members) {
    if (each.tag == ber::context(number)) return &each;
  }
  return nullptr;
}

const ber::Member* pdu_of(std::uint32_t tag) { return find_member(grammar::kPdus, tag); }

}  // namespace bulkhead::mms
