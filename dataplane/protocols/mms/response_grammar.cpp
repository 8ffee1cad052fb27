// What answers and unconfirmed services say (ISO 9506-2, clauses 9 to 18).
#include "dataplane/protocols/mms/grammar.h"
#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

namespace {

using namespace grammar;

// General services of the VMD (10).
constexpr std::array kStates = {member(0, ber::kInteger32), member(1, ber::kInteger32),
                                optional(2, ber::kBits)};
constexpr Type kStatusAnswer{Kind::sequence, kStates};
constexpr std::array kNames = {member(0, kIdentifiers), optional(1, ber::kBoolean)};
constexpr Type kNameListAnswer{Kind::sequence, kNames};
constexpr std::array kOids = {plain(ber::kObjectIdentifier, ber::kOid)};
constexpr Type kOidList{Kind::list, kOids};
constexpr std::array kIdentity = {member(0, ber::kVisible), member(1, ber::kVisible),
                                  member(2, ber::kVisible), optional(3, kOidList)};
constexpr Type kIdentifyAnswer{Kind::sequence, kIdentity};
constexpr std::array kCapabilities = {member(0, kVisibles), optional(1, ber::kBoolean)};
constexpr Type kCapabilityAnswer{Kind::sequence, kCapabilities};

// Variables and types (14).
constexpr std::array kReadResults = {optional(0, kAccess), member(1, kAccessResults)};
constexpr Type kReadAnswer{Kind::sequence, kReadResults};
constexpr std::array kWritten = {member(0, ber::kInteger32), member(1, ber::kNull)};
constexpr Type kWriteAnswer{Kind::list, kWritten};
constexpr std::array kVariableIs = {member(0, ber::kBoolean), optional(1, kAddressOne),
                                    member(2, kTypeOne)};
constexpr Type kVariableAnswer{Kind::sequence, kVariableIs};
constexpr std::array kScatteredParts = {optional(0, ber::kName), member(1, kSpecification),
                                        optional(2, kAlternateAccess)};
constexpr Type kScatteredPart{Kind::sequence, kScatteredParts};
constexpr std::array kScatteredList = {plain(ber::kSequence, kScatteredPart)};
constexpr Type kScattered{Kind::list, kScatteredList};
constexpr std::array kScatteredIs = {member(0, ber::kBoolean), member(1, kScattered)};
constexpr Type kScatteredAnswer{Kind::sequence, kScatteredIs};
constexpr std::array kListIs = {member(0, ber::kBoolean), member(1, kVariables)};
constexpr Type kListAnswer{Kind::sequence, kListIs};
constexpr std::array kDeleted = {member(0, ber::kNumber), member(1, ber::kNumber)};
constexpr Type kDeleteAnswer{Kind::sequence, kDeleted};
constexpr std::array kTypeIs = {member(0, ber::kBoolean), ber::choice_of(kTypeChoice)};
constexpr Type kTypeAnswer{Kind::sequence, kTypeIs};

// Semaphores (15) and operator stations (16).
constexpr std::array kTaken = {member(0, ber::kNull), member(1, ber::kName)};
constexpr Type kTakeAnswer{Kind::one, kTaken};
constexpr std::array kSemaphoreIs = {member(0, ber::kBoolean), member(1, ber::kInteger32),
                                     member(2, ber::kNumber), member(3, ber::kNumber),
                                     member(4, ber::kNumber)};
constexpr Type kSemaphoreAnswer{Kind::sequence, kSemaphoreIs};
constexpr std::array kTokens = {member(0, ber::kName), member(1, ber::kName),
                                member(2, ber::kName)};
constexpr Type kTokenList{Kind::list, kTokens};
constexpr std::array kPool = {member(0, kTokenList), optional(1, ber::kBoolean)};
constexpr Type kPoolAnswer{Kind::sequence, kPool};

// Domains (11) and program invocations (12).
constexpr std::array kSegment = {member(0, ber::kOctets), optional(1, ber::kBoolean)};
constexpr Type kSegmentAnswer{Kind::sequence, kSegment};
constexpr std::array kUpload = {member(0, ber::kInteger32), member(1, kVisibles)};
constexpr Type kUploadAnswer{Kind::sequence, kUpload};
constexpr std::array kDomainIs = {member(0, kVisibles),     member(1, ber::kInteger32),
                                  member(2, ber::kBoolean), member(3, ber::kBoolean),
                                  member(4, kIdentifiers),  member(5, ber::kInteger32)};
constexpr Type kDomainAnswer{Kind::sequence, kDomainIs};
constexpr std::array kProgramIs = {member(0, ber::kInteger32), member(1, kIdentifiers),
                                   member(2, ber::kBoolean),   member(3, ber::kBoolean),
                                   member(4, ber::kBoolean),   optional(5, ber::kVisible)};
constexpr Type kProgramAnswer{Kind::sequence, kProgramIs};

// Events (17).
constexpr std::array kWatched = {member(0, kSpecification), member(1, ber::kNull)};
constexpr Type kWatchedOne{Kind::one, kWatched};
constexpr std::array kConditionIs = {optional(0, ber::kBoolean), member(1, ber::kInteger32),
                                     optional(2, ber::kNumber),  optional(3, ber::kNumber),
                                     optional(4, ber::kBoolean), optional(6, kWatchedOne),
                                     optional(7, ber::kNumber)};
constexpr Type kConditionAnswer{Kind::sequence, kConditionIs};
constexpr std::array kConditionState = {member(0, ber::kInteger32), member(1, ber::kNumber),
                                        optional(2, ber::kBoolean), optional(3, kEventTime),
                                        optional(4, kEventTime)};
constexpr Type kConditionStatus{Kind::sequence, kConditionState};
constexpr std::array kNamedOrNot = {member(0, kUntoldObject), member(1, ber::kNull)};
constexpr Type kMaybeNamed{Kind::one, kNamedOrNot};
constexpr std::array kEnrollmentIs = {member(0, kUntoldObject),   member(1, kMaybeNamed),
                                      optional(2, kMaybeNamed),   optional(4, ber::kBoolean),
                                      member(5, ber::kInteger32), optional(6, ber::kInteger32),
                                      member(7, ber::kNumber),    optional(8, ber::kNumber)};
constexpr Type kEnrollment{Kind::sequence, kEnrollmentIs};
constexpr std::array kEnrollmentElements = {plain(ber::kSequence, kEnrollment)};
constexpr Type kEnrollmentList{Kind::list, kEnrollmentElements};
constexpr std::array kEnrollments = {member(0, kEnrollmentList), optional(1, ber::kBoolean)};
constexpr Type kEnrollmentsAnswer{Kind::sequence, kEnrollments};
constexpr std::array kEnrollmentState = {member(0, ber::kBits), optional(1, ber::kBoolean),
                                         member(2, ber::kInteger32), optional(3, ber::kInteger32),
                                         member(4, ber::kInteger32)};
constexpr Type kEnrollmentStatus{Kind::sequence, kEnrollmentState};
constexpr std::array kStateOrNot = {member(0, ber::kInteger32), member(1, ber::kNull)};
constexpr Type kMaybeState{Kind::one, kStateOrNot};
constexpr std::array kAltered = {member(0, kMaybeState), member(1, kEventTime)};
constexpr Type kAlterAnswer{Kind::sequence, kAltered};
constexpr std::array kAlarm = {member(0, kUntoldObject),   member(1, ber::kNumber),
                               member(2, ber::kInteger32), member(3, ber::kInteger32),
                               optional(5, kEventTime),    optional(6, kEventTime)};
constexpr Type kAlarmSummary{Kind::sequence, kAlarm};
constexpr std::array kAlarms = {plain(ber::kSequence, kAlarmSummary)};
constexpr Type kAlarmList{Kind::list, kAlarms};
constexpr std::array kAlarmsOf = {member(0, kAlarmList), optional(1, ber::kBoolean)};
constexpr Type kAlarmsAnswer{Kind::sequence, kAlarmsOf};
constexpr std::array kEnrolledAlarm = {member(0, kUntoldObject),     member(3, ber::kNumber),
                                       member(4, ber::kInteger32),   optional(6, ber::kBoolean),
                                       optional(7, ber::kInteger32), optional(8, ber::kInteger32),
                                       optional(9, kEventTime),      optional(10, kEventTime),
                                       optional(11, kEventTime),     optional(12, kEventTime)};
constexpr Type kEnrolledSummary{Kind::sequence, kEnrolledAlarm};
constexpr std::array kEnrolledAlarms = {plain(ber::kSequence, kEnrolledSummary)};
constexpr Type kEnrolledList{Kind::list, kEnrolledAlarms};
constexpr std::array kEnrolledOf = {member(0, kEnrolledList), optional(1, ber::kBoolean)};
constexpr Type kEnrolledAnswer{Kind::sequence, kEnrolledOf};

// Journals (17.11 to 17.16). The application that wrote an entry names itself as it likes.
constexpr std::array kApTitles = {plain(ber::kObjectIdentifier, ber::kOid)};
constexpr Type kApTitle{Kind::one, kApTitles};
constexpr std::array kIds = {plain(ber::kInteger, ber::kInteger32)};
constexpr Type kId{Kind::one, kIds};
constexpr std::array kApplication = {optional(0, kApTitle), optional(1, kId), optional(2, kId),
                                     optional(3, kId)};
constexpr Type kApplicationReference{Kind::sequence, kApplication};
constexpr std::array kReference = {plain(ber::kSequence, kApplicationReference)};
constexpr Type kReferenceOne{Kind::one, kReference};
constexpr std::array kEntryIs = {member(0, ber::kOctets), member(1, kReferenceOne),
                                 member(2, kEntryContent)};
constexpr Type kJournalEntry{Kind::sequence, kEntryIs};
constexpr std::array kJournalEntries = {plain(ber::kSequence, kJournalEntry)};
constexpr Type kJournalList{Kind::list, kJournalEntries};
constexpr std::array kJournalIs = {member(0, kJournalList), optional(1, ber::kBoolean)};
constexpr Type kJournalAnswer{Kind::sequence, kJournalIs};
constexpr std::array kJournalState = {member(0, ber::kNumber), member(1, ber::kBoolean)};
constexpr Type kJournalStatus{Kind::sequence, kJournalState};

// Files (18).
constexpr std::array kFileIs = {member(0, ber::kNumber), optional(1, ber::kVisible)};
constexpr Type kFileAttributes{Kind::sequence, kFileIs};
constexpr std::array kOpened = {member(0, ber::kInteger32), member(1, kFileAttributes)};
constexpr Type kOpenAnswer{Kind::sequence, kOpened};
constexpr std::array kEntryOfDirectory = {member(0, kFileOne), member(1, kFileAttributes)};
constexpr Type kDirectoryEntry{Kind::sequence, kEntryOfDirectory};
constexpr std::array kDirectoryEntries = {plain(ber::kSequence, kDirectoryEntry)};
constexpr Type kDirectoryList{Kind::list, kDirectoryEntries};
constexpr std::array kDirectoryLists = {plain(ber::kSequence, kDirectoryList)};
constexpr Type kDirectoryOne{Kind::one, kDirectoryLists};
constexpr std::array kDirectoryIs = {member(0, kDirectoryOne), optional(1, ber::kBoolean)};
constexpr Type kDirectoryAnswer{Kind::sequence, kDirectoryIs};

constexpr std::array kAdditionals = {member(0, ber::kNull), member(1, ber::kNull)};
constexpr Type kAdditional{Kind::one, kAdditionals};

constexpr std::array kAnswers = {
    member(kStatus, kStatusAnswer),
    member(kGetNameList, kNameListAnswer),
    member(2, kIdentifyAnswer),
    member(kRead, kReadAnswer),
    member(kWrite, kWriteAnswer),
    member(kGetVariableAccessAttributes, kVariableAnswer),
    member(9, kScatteredAnswer),
    member(10, kDeleteAnswer),
    member(kGetNamedVariableListAttributes, kListAnswer),
    member(kDeleteNamedVariableList, kDeleteAnswer),
    member(15, kTypeAnswer),
    member(16, kDeleteAnswer),
    member(17, ber::kVisible),  // input
    member(19, kTakeAnswer),
    member(23, kSemaphoreAnswer),
    member(24, kPoolAnswer),
    member(27, kSegmentAnswer),  // downloadSegment
    member(kInitiateUpload, kUploadAnswer),
    member(kUploadSegment, kSegmentAnswer),
    member(37, kDomainAnswer),
    member(45, kProgramAnswer),
    member(48, ber::kNumber),  // deleteEventCondition
    member(49, kConditionAnswer),
    member(50, kConditionStatus),
    member(54, ber::kNumber),  // deleteEventAction
    member(56, ber::kNumber),  // reportEventActionStatus
    member(58, ber::kNumber),  // deleteEventEnrollment
    member(59, kAlterAnswer),
    member(60, kEnrollmentStatus),
    member(61, kEnrollmentsAnswer),
    member(63, kAlarmsAnswer),
    member(64, kEnrolledAnswer),
    member(65, kJournalAnswer),
    member(67, ber::kNumber),  // initializeJournal
    member(68, kJournalStatus),
    member(71, kCapabilityAnswer),
    member(kFileOpen, kOpenAnswer),
    member(kFileRead, kSegmentAnswer),
    member(kFileDirectory, kDirectoryAnswer),
    member(kAdditionalService, kAdditional),
};

// What only says that it was done.
constexpr std::array kDone = {3U,  7U,  8U,  11U, 14U, 18U, 20U, 21U, 22U, 26U, 28U, 31U, 32U,
                              33U, 34U, 35U, 36U, 38U, 39U, 40U, 41U, 42U, 43U, 44U, 46U, 47U,
                              51U, 52U, 53U, 57U, 62U, 66U, 69U, 70U, 74U, 75U, 76U};
constexpr auto kDoneAnswers = [] {
  std::array<ber::Member, kDone.size()> answers{};
  for (std::size_t i = 0; i < kDone.size(); ++i) answers[i] = member(kDone[i], ber::kNull);
  return answers;
}();

// Unconfirmed services.
constexpr std::array kReports = {ber::Member{ber::kUntagged, &kAccessChoice, 0, false},
                                 member(0, kAccessResults, kElsewhere)};
constexpr Type kReport{Kind::sequence, kReports};
constexpr std::array kNotice = {member(0, kUntoldObject),    member(1, kMaybeNamed),
                                member(2, ber::kNumber),     optional(3, ber::kInteger32),
                                member(4, kEventTime),       optional(6, ber::kBoolean),
                                optional(7, ber::kInteger32)};
constexpr Type kNotification{Kind::sequence, kNotice};
constexpr std::array kUnconfirmedServices = {member(0, kReport), member(1, kStatusAnswer),
                                             member(2, kNotification)};

}  // namespace

const ber::Member* response_of(std::uint32_t service) {
  const ber::Member* answer = find_member(kAnswers, service);
  return answer != nullptr ? answer : find_member(kDoneAnswers, service);
}

const ber::Member* unconfirmed_of(std::uint32_t service) {
  return find_member(kUnconfirmedServices, service);
}

}  // namespace bulkhead::mms
