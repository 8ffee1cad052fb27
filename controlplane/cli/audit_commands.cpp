// audit show|export|verify.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "bulkhead/v1/audit.grpc.pb.h"
#include "controlplane/audit/folder.h"
#include "controlplane/audit/record_json.h"
#include "controlplane/audit/verify.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace {

namespace fs = std::filesystem;

struct ShowOptions {
  std::string since;
  std::string until;
  std::string identity;
  std::string kind;
  std::string number;  // N or N-M
  std::uint32_t limit = 200;
};

void set_numbers(const std::string& text, v1::ListAuditRequest& request) {
  if (text.empty()) return;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, first);
  bool good = error == std::errc() && first > 0;
  last = first;
  if (good && stop != end && *stop == '-') {
    const auto second = std::from_chars(stop + 1, end, last);
    good = second.ec == std::errc() && last >= first;
    stop = second.ptr;
  }
  if (!good || stop != end) {
    throw CommandFailed{kUsage, "--number " + text +
                                    " is neither a number nor a range, as 7 or "
                                    "7-12"};
  }
  request.set_first(first);
  request.set_last(last);
}

std::string short_rpc(const std::string& rpc) { return rpc.substr(rpc.rfind('/') + 1); }

std::string details_text(const audit::Entry& entry) {
  std::string text = entry.text;
  for (const auto& [key, value] : entry.details) {
    text += (text.empty() ? "" : "; ") + key + " " + value;
  }
  return text;
}

void add_row(Table& table, const audit::Record& record) {
  const audit::Entry& entry = record.entry;
  const bool is_bad = entry.result == "failed" || entry.result == "refused" ||
                      entry.kind == "failed_logins" || entry.kind == "damage" ||
                      entry.kind == "cut";
  table.add({std::to_string(record.number), local_time(record.stamp.wall_ns), entry.kind,
             entry.caller.identity, entry.caller.role, entry.caller.address, short_rpc(entry.rpc),
             entry.result, details_text(entry)},
            is_bad ? Colour::bad : Colour::plain);
}

void run_show(Session& session, const ShowOptions& options) {
  v1::ListAuditRequest request;
  request.set_since_wall_time_ns(moment_or_fail("--since", options.since));
  request.set_until_wall_time_ns(moment_or_fail("--until", options.until));
  request.set_identity(options.identity);
  request.set_kind(options.kind);
  request.set_limit(options.limit);
  set_numbers(options.number, request);
  Remote remote(session);
  const auto context = remote.context();
  const auto reader = remote.audit().ListAudit(context.get(), request);
  std::string text;
  bool more = false;
  for (v1::AuditPiece piece; reader->Read(&piece); more = piece.more()) text += piece.text();
  remote.expect(reader->Finish());
  Table table({"NUMBER", "TIME", "KIND", "IDENTITY", "ROLE", "ADDRESS", "RPC", "RESULT", "TEXT"});
  audit::SegmentReader lines(text);
  while (const auto line = lines.next()) {
    if (!line->record) {
      print_error("a line that came is no record, or is damaged: run `bulkheadctl audit verify`");
      session.exit_code = kRefused;
    } else if (session.format() == Format::json) {
      print_json(audit::show_json(*line->record, line->hash));
    } else {
      add_row(table, *line->record);
    }
  }
  if (session.format() == Format::table) table.print("no record matches");
  if (more) {
    print_error("older records match too: see --limit and --number, or `bulkheadctl audit export`");
  }
}

// The appliance's report in our own form, so that both are printed alike.
audit::Report report_of(const v1::VerifyAuditResponse& response) {
  audit::Report report;
  report.records = response.records();
  report.first = response.first();
  report.head = {response.head().number(), response.head().hash()};
  report.findings_beyond = response.findings_beyond();
  for (const v1::AuditRemark& remark : response.remarks()) {
    report.remarks.push_back({remark.number(), remark.kind(), remark.text()});
  }
  return report;
}

void print_finding(const Session& session, const std::string& kind, std::uint64_t first,
                   std::uint64_t last, const std::string& source, const std::string& text) {
  if (session.format() == Format::json) {
    return print_json(
        {{"finding", kind}, {"first", first}, {"last", last}, {"source", source}, {"text", text}});
  }
  say("%s  %s (%s)\n", paint(kind, Colour::bad), text.c_str(), source.c_str());
}

void print_end(const Session& session, const audit::Report& report, bool good) {
  if (session.format() == Format::json) {
    for (const audit::Remark& remark : report.remarks) {
      print_json({{"remark", remark.kind}, {"number", remark.number}, {"text", remark.text}});
    }
    return print_json({{"good", good},
                       {"records", report.records},
                       {"first", report.first},
                       {"last", report.head.number},
                       {"head", audit::text_of(report.head)},
                       {"findings_beyond", report.findings_beyond}});
  }
  for (const audit::Remark& remark : report.remarks) {
    say("record %s says: %s\n", std::to_string(remark.number), remark.text);
  }
  if (report.findings_beyond > 0) say("%s more\n", grouped(report.findings_beyond));
  const std::string range = grouped(report.records) + " records, " + std::to_string(report.first) +
                            " to " + std::to_string(report.head.number);
  say("%s\n", good ? paint(range + ": none is changed, missing or moved", Colour::good)
                   : paint(range + ": the log is damaged", Colour::bad));
  say("head %s\n", audit::text_of(report.head));
}

void print_report(Session& session, const audit::Report& report) {
  for (const audit::Finding& each : report.findings) {
    print_finding(session, name_of(each.kind), each.first, each.last, each.source, each.text);
  }
  print_end(session, report, report.is_good());
  if (!report.is_good()) session.exit_code = kRefused;
}

// "NUMBER:HASH", or a file that has it.
std::optional<audit::Head> head_or_fail(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (const auto head = audit::parse_head(text)) return head;
  std::string read = fs::exists(text) ? read_file_or_fail(text) : std::string();
  while (!read.empty() && std::isspace(static_cast<unsigned char>(read.back())) != 0) {
    read.pop_back();
  }
  if (const auto head = audit::parse_head(read)) return head;
  throw CommandFailed{kUsage, "--head " + text +
                                  " is neither NUMBER:HASH, as `audit export` prints it, nor a "
                                  "file with that"};
}

struct Source {
  std::string name;
  std::uint64_t first = 0;  // its first record
  std::string text;
};

void read_source(const std::string& path, std::vector<Source>& sources) {
  constexpr std::uintmax_t kBytesMax = std::uintmax_t{1} << 30;
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  if (!error && bytes > kBytesMax) {
    throw CommandFailed{kFileFailed, path + " is larger than 1 GiB: it is no audit log"};
  }
  Source source{path, 0, read_file_or_fail(path)};
  audit::SegmentReader reader(source.text);
  while (const auto line = reader.next()) {
    if (!line->record) continue;
    source.first = line->record->number;
    break;
  }
  sources.push_back(std::move(source));
}

// Segments of a folder: the log's own, or the agent's state folder, which has it.
void read_folder(const std::string& path, std::vector<Source>& sources) {
  const std::string folder = fs::is_directory(path + "/audit") ? path + "/audit" : path;
  const auto segments = audit::list_segments(folder);
  if (!segments || segments->empty()) {
    throw CommandFailed{kFileFailed, "there is no audit log in " + path};
  }
  for (const audit::Segment& segment : *segments) read_source(segment.path, sources);
}

void verify_files(Session& session, const std::vector<std::string>& paths,
                  const std::optional<audit::Head>& head) {
  std::vector<Source> sources;
  for (const std::string& path : paths) {
    fs::is_directory(path) ? read_folder(path, sources) : read_source(path, sources);
  }
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source& a, const Source& b) { return a.first < b.first; });
  audit::Verifier verifier;
  for (const Source& source : sources) verifier.add(source.name, source.text);
  print_report(session, verifier.finish(head));
}

void run_verify(Session& session, const std::vector<std::string>& paths, const std::string& noted) {
  const auto head = head_or_fail(noted);
  if (!paths.empty()) return verify_files(session, paths, head);
  v1::VerifyAuditRequest request;
  if (head) {
    request.mutable_head()->set_number(head->number);
    request.mutable_head()->set_hash(head->hash);
  }
  v1::VerifyAuditResponse response;
  Remote remote(session);
  remote.expect(remote.audit().VerifyAudit(remote.context().get(), request, &response));
  for (const v1::AuditFinding& each : response.findings()) {
    print_finding(session, each.kind(), each.first(), each.last(), each.source(), each.text());
  }
  const bool good = response.findings().empty();
  print_end(session, report_of(response), good);
  if (!good) session.exit_code = kRefused;
}

// Written as it comes; a file that is not whole does not stay.
void fetch_export(Remote& remote, const std::string& path) {
  if (fs::exists(path)) {
    throw CommandFailed{kFileFailed, path + " exists: an export replaces no file; name another"};
  }
  std::ofstream file(path, std::ios::binary);
  const auto context = remote.context();
  const auto reader = remote.audit().ExportAudit(context.get(), {});
  v1::AuditPiece piece;
  while (file && reader->Read(&piece)) file << piece.text();
  if (!file.flush()) {
    const std::string why = std::strerror(errno);
    context->TryCancel();
    reader->Finish();
    fs::remove(path);
    throw CommandFailed{kFileFailed, "cannot write " + path + ": " + why};
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) fs::remove(path);
  remote.expect(status);
}

void run_export(Session& session, const std::string& path) {
  const mode_t before = umask(0077);
  Remote remote(session);
  fetch_export(remote, path);
  umask(before);
  verify_files(session, {path}, std::nullopt);
  if (session.format() == Format::table) {
    say("written to %s; note the head: with `audit verify --head` it shows if records are cut "
        "from the end later\n",
        path);
  }
}

void add_show(CLI::App& audit, Session& session) {
  CLI::App* show = audit.add_subcommand("show", "Records of the appliance, oldest first");
  const auto options = std::make_shared<ShowOptions>();
  show->add_option("--since", options->since,
                   "From here on: an age, as 2h or 7d, or a time in UTC, as 2026-11-29T22:52:36Z");
  show->add_option("--until", options->until, "Up to here, likewise");
  show->add_option("--identity", options->identity, "Of this caller");
  show->add_option("--kind", options->kind,
                   "Of this kind: act, refused, login, logout, failed_logins, start, stop, time, "
                   "pair, access, credentials, policy, storage, segment, removal, cut, damage");
  show->add_option("--number", options->number, "This record, or a range, as 7-12");
  show->add_option("--limit", options->limit, "At most so many, the newest")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  show->callback([&session, options] { run_show(session, *options); });
}

}  // namespace

void add_audit_commands(CLI::App& app, Session& session) {
  CLI::App* audit = app.add_subcommand("audit", "Who did what on the appliance, and proof of it");
  audit->require_subcommand(1);
  add_show(*audit, session);
  CLI::App* fetch = audit->add_subcommand(
      "export", "Write the whole log to a new file, and check it; this is recorded");
  const auto path = std::make_shared<std::string>();
  fetch->add_option("FILE", *path, "The file to make")->required();
  fetch->callback([&session, path] { run_export(session, *path); });
  CLI::App* verify = audit->add_subcommand(
      "verify",
      "Name each changed, missing, moved or cut record; exit code 1 if there is one. Of files "
      "without an appliance; without FILE, of the appliance's own log");
  const auto paths = std::make_shared<std::vector<std::string>>();
  const auto head = std::make_shared<std::string>();
  verify->add_option("FILE", *paths,
                     "Exports, segments, or a copy of the agent's state folder or its audit/");
  verify->add_option("--head", *head,
                     "A head that was noted before, NUMBER:HASH or a file with it: the log must "
                     "have that record");
  verify->callback([&session, paths, head] { run_verify(session, *paths, *head); });
}

}  // namespace bulkhead::controlplane
