// What confirmed services ask for (ISO 9506-2, clauses 9 to 18).
#include "dataplane/protocols/mms/grammar.h"
#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

namespace {

using namespace grammar;

// General services of the VMD (10).
constexpr std::array kClass = {member(0, ber::kNumber, kClassOf)};
constexpr Type kObjectClassOne{Kind::one, kClass};
constexpr std::array kScopes = {member(0, ber::kNull, kElsewhere),
                                member(1, ber::kName, kDomainName),
                                member(2, ber::kNull, kAssociation)};
constexpr Type kScope{Kind::one, kScopes};
constexpr std::array kNameList = {member(0, kObjectClassOne), member(1, kScope),
                                  optional(2, ber::kName)};
constexpr Type kGetNameListRequest{Kind::sequence, kNameList};
constexpr std::array kRenames = {member(0, kObjectClassOne), member(1, kObject),
                                 member(2, ber::kName, kItemName)};
constexpr Type kRenameRequest{Kind::sequence, kRenames};
constexpr std::array kCapability = {
    ber::Member{ber::kVisibleString, &ber::kVisible, kUntold, true}};
constexpr Type kCapabilityRequest{Kind::sequence, kCapability};

// Variables and types (14).
constexpr std::array kReads = {optional(0, ber::kBoolean), member(1, kAccess, kElsewhere)};
constexpr Type kReadRequest{Kind::sequence, kReads};
constexpr std::array kOneOrMore = {ber::choice_of(protocols::kMmsData)};
constexpr Type kDataValues{Kind::list, kOneOrMore, 1};
constexpr std::array kWrites = {ber::Member{ber::kUntagged, &kAccessChoice, 0, false},
                                member(0, kDataValues, kElsewhere)};
constexpr Type kWriteRequest{Kind::sequence, kWrites};
constexpr std::array kAttributes = {member(0, kObject), member(1, kAddressOne)};
constexpr Type kAttributesRequest{Kind::one, kAttributes};
constexpr std::array kDefinesVariable = {member(0, kObject), member(1, kAddressOne),
                                         optional(2, kTypeOne)};
constexpr Type kDefineVariable{Kind::sequence, kDefinesVariable};
constexpr std::array kScatteredParts = {optional(0, ber::kName), member(1, kSpecification)};
constexpr Type kScatteredPart{Kind::sequence, kScatteredParts};
constexpr std::array kScatteredList = {plain(ber::kSequence, kScatteredPart)};
constexpr Type kScattered{Kind::list, kScatteredList, 1};
constexpr std::array kDefinesScattered = {member(0, kObject), member(1, kScattered)};
constexpr Type kDefineScattered{Kind::sequence, kDefinesScattered};
constexpr std::array kDefinesList = {ber::choice_of(kObjectChoice),
                                     member(0, kVariables, kElsewhere)};
constexpr Type kDefineList{Kind::sequence, kDefinesList};
constexpr std::array kDefinesType = {ber::choice_of(kObjectChoice), ber::choice_of(kTypeChoice)};
constexpr Type kDefineType{Kind::sequence, kDefinesType};
constexpr std::array kDeletes = {optional(0, ber::kNumber, kElsewhere),
                                 optional(1, kObjects, kElsewhere),
                                 optional(2, ber::kName, kElsewhere)};
constexpr Type kDelete{Kind::sequence, kDeletes};

// Semaphores (15).
constexpr std::array kTakes = {member(0, kObject),        optional(1, ber::kName),
                               optional(2, ber::kNumber), optional(3, ber::kNumber),
                               optional(4, ber::kNumber), optional(5, ber::kBoolean),
                               optional(6, ber::kBoolean)};
constexpr Type kTakeControl{Kind::sequence, kTakes};
constexpr std::array kGives = {member(0, kObject), optional(1, ber::kName)};
constexpr Type kObjectAndName{Kind::sequence, kGives};
constexpr std::array kDefinesSemaphore = {member(0, kObject), member(1, ber::kNumber)};
constexpr Type kDefineSemaphore{Kind::sequence, kDefinesSemaphore};
constexpr std::array kEntryStatus = {member(0, kObject), member(1, ber::kNumber),
                                     optional(2, ber::kOctets)};
constexpr Type kSemaphoreEntry{Kind::sequence, kEntryStatus};

// Operator stations (16).
constexpr std::array kInputs = {member(0, ber::kName, kItemName), optional(1, ber::kBoolean),
                                optional(2, kVisibles), optional(3, ber::kNumber)};
constexpr Type kInput{Kind::sequence, kInputs};
constexpr std::array kOutputs = {member(0, ber::kName, kItemName), member(1, kVisibles)};
constexpr Type kOutput{Kind::sequence, kOutputs};

// Domains (11).
constexpr std::array kDownloads = {member(0, ber::kName, kDomainName), member(1, kVisibles),
                                   member(2, ber::kBoolean)};
constexpr Type kInitiateDownload{Kind::sequence, kDownloads};
constexpr std::array kTerminates = {member(0, ber::kName, kDomainName), optional(1, kServiceError)};
constexpr Type kTerminateDownload{Kind::sequence, kTerminates};
constexpr std::array kLoads = {member(0, ber::kName, kDomainName), optional(1, kVisibles),
                               member(2, ber::kBoolean), member(4, kFileOne, kFileName)};
constexpr Type kLoad{Kind::sequence, kLoads};
constexpr std::array kStores = {member(0, ber::kName, kDomainName), member(1, kFileOne, kFileName)};
constexpr Type kStore{Kind::sequence, kStores};

// Program invocations (12).
constexpr std::array kCreates = {member(0, ber::kName, kProgramName), member(1, kDomains),
                                 optional(2, ber::kBoolean), optional(3, ber::kBoolean)};
constexpr Type kCreateProgram{Kind::sequence, kCreates};
constexpr std::array kStarts = {member(0, ber::kName, kProgramName),
                                optional(1, ber::kVisible, kArgumentOf)};
constexpr Type kStart{Kind::sequence, kStarts};
constexpr std::array kStops = {member(0, ber::kName, kProgramName)};
constexpr Type kStop{Kind::sequence, kStops};

// Events (17).
constexpr std::array kCondition = {member(0, kObject),         member(1, ber::kNumber),
                                   optional(2, ber::kNumber),  optional(3, ber::kNumber),
                                   optional(4, ber::kBoolean), optional(6, kSpecification),
                                   optional(7, ber::kNumber)};
constexpr Type kDefineCondition{Kind::sequence, kCondition};
constexpr std::array kConditions = {member(0, kObjects), member(1, ber::kNull, kAssociation),
                                    member(2, ber::kName, kDomainName), member(3, ber::kNull)};
constexpr Type kDeleteConditions{Kind::one, kConditions};
constexpr std::array kMonitors = {member(0, kObject), optional(1, ber::kBoolean),
                                  optional(2, ber::kNumber), optional(3, ber::kBoolean),
                                  optional(4, ber::kNumber)};
constexpr Type kAlterMonitoring{Kind::sequence, kMonitors};
constexpr std::array kTriggers = {member(0, kObject), optional(1, ber::kNumber)};
constexpr Type kTrigger{Kind::sequence, kTriggers};
constexpr std::array kActions = {member(0, kObjects), member(1, ber::kNull, kAssociation),
                                 member(3, ber::kName, kDomainName), member(4, ber::kNull)};
constexpr Type kDeleteActions{Kind::one, kActions};
constexpr std::array kEnrolls = {member(0, kObject), member(1, kObject), member(2, ber::kBits),
                                 member(3, ber::kNumber), optional(4, kObject)};
constexpr Type kDefineEnrollment{Kind::sequence, kEnrolls};
constexpr std::array kByCondition = object_names(kConditionName);
constexpr Type kConditionOne{Kind::one, kByCondition};
constexpr std::array kByAction = object_names(kActionName);
constexpr Type kActionOne{Kind::one, kByAction};
constexpr std::array kByName = object_names(kEnrollmentName);
constexpr Type kEnrollmentList{Kind::list, kByName, 1};
constexpr std::array kEnrollments = {member(0, kEnrollmentList), member(1, kConditionOne),
                                     member(2, kActionOne)};
constexpr Type kDeleteEnrollment{Kind::one, kEnrollments};
constexpr std::array kAlters = {member(0, kObject), optional(1, ber::kBits),
                                optional(2, ber::kNumber)};
constexpr Type kAlterEnrollment{Kind::sequence, kAlters};
constexpr std::array kEnrollmentScope = {optional(0, ber::kNumber), optional(1, kEnrollmentList),
                                         optional(3, kConditionOne), optional(4, kActionOne),
                                         optional(5, kUntoldObject)};
constexpr Type kGetEnrollments{Kind::sequence, kEnrollmentScope};
constexpr std::array kAcknowledges = {member(0, kObject), member(2, ber::kNumber),
                                      member(3, kEventTime)};
constexpr Type kAcknowledge{Kind::sequence, kAcknowledges};
constexpr std::array kSeverities = {member(0, ber::kNumber), member(1, ber::kNumber)};
constexpr Type kSeverity{Kind::sequence, kSeverities};
constexpr std::array kSummaries = {optional(0, ber::kBoolean), optional(1, ber::kBoolean),
                                   optional(2, ber::kNumber), optional(3, kSeverity),
                                   optional(5, kUntoldObject)};
constexpr Type kSummary{Kind::sequence, kSummaries};

// Journals (17.11 to 17.16).
constexpr std::array kBegins = {member(0, ber::kTimeOfDay), member(1, ber::kOctets)};
constexpr Type kBegin{Kind::one, kBegins};
constexpr std::array kEnds = {member(0, ber::kTimeOfDay), member(1, ber::kInteger32)};
constexpr Type kEnd{Kind::one, kEnds};
constexpr Type kAfter{Kind::sequence, kBegins};
constexpr std::array kReadsJournal = {member(0, kObject), optional(1, kBegin), optional(2, kEnd),
                                      optional(4, kVisibles), optional(5, kAfter)};
constexpr Type kReadJournal{Kind::sequence, kReadsJournal};
constexpr std::array kEntryList = {plain(ber::kSequence, kEntryContent)};
constexpr Type kEntryContents{Kind::list, kEntryList};
constexpr std::array kWritesJournal = {member(0, kObject), member(1, kEntryContents)};
constexpr Type kWriteJournal{Kind::sequence, kWritesJournal};
constexpr std::array kLimits = {member(0, ber::kTimeOfDay), optional(1, ber::kOctets)};
constexpr Type kLimit{Kind::sequence, kLimits};
constexpr std::array kInitializes = {member(0, kObject), optional(1, kLimit)};
constexpr Type kInitializeJournal{Kind::sequence, kInitializes};
constexpr std::array kJournals = {member(0, kObject)};
constexpr Type kJournal{Kind::sequence, kJournals};

// Files (18).
constexpr std::array kObtains = {member(1, kFileOne, kFileName), member(2, kFileOne, kFileName)};
constexpr Type kObtain{Kind::sequence, kObtains};
constexpr std::array kOpens = {member(0, kFileOne, kFileName),
                               member(1, ber::kNumber, kPositionOf)};
constexpr Type kOpen{Kind::sequence, kOpens};
constexpr std::array kRenamesFile = {member(0, kFileOne, kFileName),
                                     member(1, kFileOne, kFileName)};
constexpr Type kRenameFile{Kind::sequence, kRenamesFile};
constexpr std::array kDirectories = {optional(0, kFileOne, kFileName),
                                     optional(1, kFileOne, kFileAfter)};
constexpr Type kDirectory{Kind::sequence, kDirectories};

// Additional services (10.9): stop and reset of the VMD.
constexpr std::array kAdditionals = {member(0, ber::kNull), member(1, ber::kBoolean)};
constexpr Type kAdditional{Kind::one, kAdditionals};

constexpr std::array kRequests = {
    member(kStatus, ber::kBoolean),
    member(kGetNameList, kGetNameListRequest),
    member(2, ber::kNull),  // identify
    member(3, kRenameRequest),
    member(kRead, kReadRequest),
    member(kWrite, kWriteRequest),
    member(kGetVariableAccessAttributes, kAttributesRequest),
    member(7, kDefineVariable),
    member(8, kDefineScattered),
    member(9, kObject),  // getScatteredAccessAttributes
    member(10, kDelete, kElsewhere),
    member(kDefineNamedVariableList, kDefineList),
    member(kGetNamedVariableListAttributes, kList),
    member(kDeleteNamedVariableList, kDelete, kElsewhere),
    member(14, kDefineType),
    member(15, kObject),  // getNamedTypeAttributes
    member(16, kDelete, kElsewhere),
    member(17, kInput),
    member(18, kOutput),
    member(19, kTakeControl),
    member(20, kObjectAndName),  // relinquishControl
    member(21, kDefineSemaphore),
    member(22, kObject),         // deleteSemaphore
    member(23, kObject),         // reportSemaphoreStatus
    member(24, kObjectAndName),  // reportPoolSemaphoreStatus
    member(25, kSemaphoreEntry),
    member(26, kInitiateDownload),
    member(27, ber::kName, kDomainName),  // downloadSegment
    member(28, kTerminateDownload),
    member(kInitiateUpload, ber::kName, kDomainName),
    member(kUploadSegment, ber::kInteger32),
    member(kTerminateUpload, ber::kInteger32),
    member(32, kLoad),   // requestDomainDownload
    member(33, kStore),  // requestDomainUpload
    member(34, kLoad),
    member(35, kStore),
    member(36, ber::kName, kDomainName),  // deleteDomain
    member(37, ber::kName, kDomainName),  // getDomainAttributes
    member(38, kCreateProgram),
    member(39, ber::kName, kProgramName),  // deleteProgramInvocation
    member(40, kStart),
    member(41, kStop),
    member(42, kStart),                    // resume
    member(43, kStop),                     // reset
    member(44, kStop),                     // kill
    member(45, ber::kName, kProgramName),  // getProgramInvocationAttributes
    member(kObtainFile, kObtain),
    member(47, kDefineCondition),
    member(48, kDeleteConditions),
    member(49, kObject),  // getEventConditionAttributes
    member(50, kObject),  // reportEventConditionStatus
    member(51, kAlterMonitoring),
    member(52, kTrigger),
    member(54, kDeleteActions),
    member(55, kObject),  // getEventActionAttributes
    member(56, kObject),  // reportEventActionStatus
    member(57, kDefineEnrollment),
    member(58, kDeleteEnrollment),
    member(59, kAlterEnrollment),
    member(60, kObject),  // reportEventEnrollmentStatus
    member(61, kGetEnrollments),
    member(62, kAcknowledge),
    member(63, kSummary),  // getAlarmSummary
    member(64, kSummary),  // getAlarmEnrollmentSummary
    member(65, kReadJournal),
    member(66, kWriteJournal),
    member(67, kInitializeJournal),
    member(68, kObject),   // reportJournalStatus
    member(69, kJournal),  // createJournal
    member(70, kJournal),  // deleteJournal
    member(71, kCapabilityRequest),
    member(kFileOpen, kOpen),
    member(kFileRead, ber::kInteger32),
    member(kFileClose, ber::kInteger32),
    member(kFileRename, kRenameFile),
    member(kFileDelete, kFileOne, kFileName),
    member(kFileDirectory, kDirectory),
    member(kAdditionalService, kAdditional),
};

}  // namespace

const ber::Member* request_of(std::uint32_t service) { return find_member(kRequests, service); }

}  // namespace bulkhead::mms
