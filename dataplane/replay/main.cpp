// bulkhead-replay: the real pipeline over a capture, with no port. Each packet enters by the port
// of the zone that its source belongs to, at the time that the capture gives.
#include <pcap/pcap.h>
#include <rte_mbuf.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "controlplane/policy/compiler.h"
#include "dataplane/base/printable.h"
#include "dataplane/pipeline/event.h"
#include "dataplane/pipeline/observation.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/ports/eal.h"
#include "dataplane/replay/acknowledgements.h"
#include "dataplane/replay/measure.h"
#include "dataplane/replay/zone_port.h"
#include "dataplane/service/naming.h"

namespace {

using namespace bulkhead;
using replay::Failure;
using replay::kEalFailed;
using replay::kFileFailed;
using replay::kOk;
using replay::kPolicyFailed;
using replay::kUsage;
using Json = nlohmann::ordered_json;

struct Options {
  std::string policy;
  std::string capture;
  std::string out;
  std::string format = "table";
  bool restate_acknowledgements = false;
  bool measure = false;
  std::uint32_t rounds = 1;
  pipeline::PipelineOptions pipeline;
};

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  try {
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (file) return text;
  } catch (const std::ios_base::failure&) {  // of the buffer, such as that of a folder
  }
  throw Failure{kFileFailed, "cannot read " + path + ": " + std::strerror(errno)};
}

// Writing would empty a file that is still to be read, whatever name it has there.
void refuse_overwriting(const Options& options) {
  for (const std::string& input : {options.capture, options.policy}) {
    std::error_code missing;
    if (options.out.empty() || !std::filesystem::equivalent(options.out, input, missing)) continue;
    throw Failure{kUsage, "--out " + options.out + " is the file " + input +
                              " that is read: name another one"};
  }
}

policy::Tables load(const std::string& path) {
  const std::string text = read(path);
  auto result = controlplane::compile_policy(text, path);
  for (const auto& each : result.diagnostics.list()) {
    std::fprintf(stderr, "%s\n", printable(result.diagnostics.to_text(each)).c_str());
  }
  if (!result.tables) throw Failure{kPolicyFailed, path + " has errors"};
  auto tables = policy::finished(*std::move(result.tables));
  if (!tables) throw Failure{kPolicyFailed, tables.error()};
  return std::move(tables).value();
}

// Writes what would have been forwarded, and prints each verdict.
class Recorder final : public pipeline::Output, public pipeline::Observer {
 public:
  Recorder(const policy::Tables& tables, const Options& options)
      : acknowledgements(options.pipeline.verify_checksums),
        tables_(tables),
        json_(options.format == "json") {
    if (options.out.empty()) return;
    dead_ = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 65535, PCAP_TSTAMP_PRECISION_NANO);
    dumper_ = pcap_dump_open(dead_, options.out.c_str());
    if (dumper_ == nullptr) {
      throw Failure{kFileFailed, "cannot write " + options.out + ": " + pcap_geterr(dead_)};
    }
  }
  ~Recorder() {
    if (dumper_ != nullptr) pcap_dump_close(dumper_);
    if (dead_ != nullptr) pcap_close(dead_);
  }

  void at(const pcap_pkthdr& header) { header_ = header; }

  void transmit(rte_mbuf* mbuf, std::uint16_t /*port*/) override {
    acknowledgements.note_left({rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len});
    if (dumper_ != nullptr) {
      header_.caplen = mbuf->data_len;
      header_.len = mbuf->data_len;
      pcap_dump(reinterpret_cast<u_char*>(dumper_), &header_,
                rte_pktmbuf_mtod(mbuf, const u_char*));
    }
    rte_pktmbuf_free(mbuf);
  }

  void on_verdict(const pipeline::Verdict& verdict, const flow::Packet& packet) override {
    pipeline::Event event;
    describe_verdict(verdict, packet, event);
    ++(is_allowed(verdict.reason) ? allowed_ : verdict.observed ? foretold_ : denied_);
    const v1::Event named = service::name_event(tables_, event);
    json_ ? print_json(event, named) : print_line(event, named);
  }

  void print_totals() const {
    if (json_) return;
    std::printf("%lu allowed, %lu denied", allowed_, denied_);
    if (foretold_ != 0) std::printf(", %lu would be denied, and have passed", foretold_);
    std::printf("\n");
  }

  replay::Acknowledgements acknowledgements;

 private:
  static void print_json(const pipeline::Event& event, const v1::Event& named) {
    Json json = {{"frame", event.frame},
                 {"verdict", named.kind()},
                 {"reason", named.reason()},
                 {"level", event.is_message ? "message" : "packet"}};
    const auto add = [&json](const char* key, const std::string& value) {
      if (!value.empty()) json[key] = value;
    };
    add("fault", named.fault());
    add("action", named.action());
    add("fallback", named.fallback());
    if (named.has_difference()) {
      json["difference"] = {{"what", named.difference().what()},
                            {"expected", named.difference().expected()},
                            {"received", named.difference().received()}};
    }
    add("conduit", named.conduit());
    if (named.rule() != 0) json["rule"] = named.rule();
    add("protocol", named.protocol());
    add("function", named.function());
    add("direction", named.direction());
    add("transport", named.transport());
    add("source", named.source());
    add("destination", named.destination());
    std::printf("%s\n", json.dump().c_str());
  }

  static void print_line(const pipeline::Event& event, const v1::Event& named) {
    std::printf("%6u  %-5s  %s%s%s  %s %s > %s  %s", event.frame, named.kind().c_str(),
                named.reason().c_str(), named.fault().empty() ? "" : ":", named.fault().c_str(),
                named.transport().c_str(), named.source().c_str(), named.destination().c_str(),
                named.conduit().c_str());
    if (named.rule() != 0) std::printf(" rule %u", named.rule());
    std::printf("  %s", named.function().c_str());
    if (named.has_difference()) {
      std::printf("  %s %" PRIu64 ", expected %" PRIu64, named.difference().what().c_str(),
                  named.difference().received(), named.difference().expected());
    }
    std::printf("\n");
  }

  const policy::Tables& tables_;
  bool json_;
  pcap_t* dead_ = nullptr;
  pcap_dumper_t* dumper_ = nullptr;
  pcap_pkthdr header_{};
  std::uint64_t allowed_ = 0;
  std::uint64_t denied_ = 0;
  std::uint64_t foretold_ = 0;
};

// The pipeline, and what observes beside it where the policy says so.
class Path {
 public:
  Path(const pipeline::Image& image, const Options& options) : image_(image) {
    auto made = pipeline::Pipeline::make("replay", options.pipeline, macs_);
    auto beside = pipeline::Observation::make("replay", options.pipeline);
    if (!made || !beside) throw Failure{kEalFailed, "not enough memory"};
    pipeline_ = std::move(made).value();
    observation_ = std::move(beside).value();
  }

  void pass(rte_mbuf* mbuf, TimeNs now_ns, std::uint32_t frame, Recorder& recorder) {
    pipeline_->pass_time(image_, now_ns, recorder, recorder);
    std::uint32_t left = 1;
    if (!image_.tables.observed.empty()) {
      const pipeline::Observation::Moment moment{now_ns, wall_s_};
      pipeline_->set_wall_s(wall_s_);
      observation_->pass_time(image_, moment, recorder, recorder);
      left = observation_->take(image_, {&mbuf, 1}, moment, macs_, recorder, recorder, frame);
    }
    if (left == 0) return;
    pipeline_->process(image_, {&mbuf, 1}, now_ns, recorder, recorder, frame);
  }

 private:
  const pipeline::Image& image_;
  const std::uint64_t wall_s_ = wall_now_ns() / kSecondNs;  // whenever the capture was taken
  flow::MacTable macs_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<pipeline::Observation> observation_;
};

int measure_rate(const Options& options) {
  pipeline::Image image;
  image.tables = load(options.policy);
  image.generation = 1;
  const replay::Rate rate =
      replay::measure(image, options.capture, options.pipeline, options.rounds);
  if (options.format == "json") {
    const Json json = {
        {"packets", rate.packets},         {"rounds", rate.rounds},
        {"cpu_seconds", rate.cpu_seconds}, {"packets_per_cpu_second", rate.per_cpu_second()},
        {"allowed", rate.allowed},         {"denied", rate.denied}};
    std::printf("%s\n", json.dump().c_str());
  } else {
    std::printf(
        "%lu packets in %u rounds, %.3f CPU seconds: %.2f million packets a CPU second\n"
        "verdicts: %lu allowed, %lu denied\n",
        rate.packets, rate.rounds, rate.cpu_seconds, rate.per_cpu_second() / 1e6, rate.allowed,
        rate.denied);
  }
  return kOk;
}

int replay_capture(const Options& options) {
  constexpr unsigned kBuffers = 1536;
  constexpr std::uint16_t kBufferBytes = 65535;
  pipeline::Image image;
  image.tables = load(options.policy);
  image.generation = 1;
  capture::CaptureFile capture = replay::open_capture(options.capture);
  rte_mempool* buffers =
      rte_pktmbuf_pool_create("replay", kBuffers, 0, 0, kBufferBytes, SOCKET_ID_ANY);
  if (buffers == nullptr) throw Failure{kEalFailed, "not enough memory"};
  Path path(image, options);
  Recorder recorder(image.tables, options);
  while (capture.next()) {
    const std::uint32_t frame = capture.number();
    const ByteView bytes = capture.frame();
    rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers);
    char* room = mbuf == nullptr
                     ? nullptr
                     : rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size()));
    if (room == nullptr || bytes.size() > kBufferBytes - RTE_PKTMBUF_HEADROOM) {
      throw Failure{kFileFailed, "frame " + std::to_string(frame) + " does not fit a buffer"};
    }
    std::copy(bytes.begin(), bytes.end(), room);
    if (options.restate_acknowledgements) {
      recorder.acknowledgements.restate({reinterpret_cast<std::uint8_t*>(room), bytes.size()});
    }
    mbuf->port = replay::port_of(image.tables, bytes);
    recorder.at(capture.header());
    path.pass(mbuf, capture.time_ns(), frame, recorder);
  }
  if (!capture.problem().empty()) throw Failure{kFileFailed, capture.problem()};
  recorder.print_totals();
  return kOk;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Runs the data plane's real pipeline over a capture: a line a verdict. Messages are reported "
      "on "
      "the frame that makes them whole; packets without a message (SYN, ACK, ARP...) on their "
      "own.\n"
      "Exit codes: 0 done, 1 the policy has errors, 2 wrong option, 3 DPDK did not start, 4 a file "
      "cannot be read or written.");
  Options options;
  bool ignore_checksums = false;
  app.set_version_flag("--version", BULKHEAD_VERSION);
  app.add_option("--policy", options.policy, "Policy (.yaml)")->required();
  app.add_option("FILE", options.capture, "Capture, pcap or pcapng")->required();
  CLI::Option* out =
      app.add_option("--out", options.out, "Write what would have been forwarded to this pcap");
  app.add_option("--format", options.format, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_flag("--ignore-checksums", ignore_checksums,
               "Forgive wrong checksums, as of captures taken before offload filled them in");
  app.add_flag("--midstream", options.pipeline.accept_midstream,
               "Take up sessions whose beginning the capture lacks");
  app.add_flag("--restate-acknowledgements", options.restate_acknowledgements,
               "Acknowledge what has left, as a live receiver would; acknowledgements of a capture "
               "count bytes that are held here, or were refused");
  CLI::Option* measure = app.add_flag(
      "--measure", options.measure,
      "Print no verdicts, but how many packets a CPU second the pipeline takes: the frames come in "
      "bursts of 32, as from a busy port, and each round begins without sessions");
  measure->excludes(out);
  app.add_option("--loop", options.rounds, "Rounds over the capture, of --measure")
      ->check(CLI::Range(1, 1'000'000))
      ->needs(measure)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kOk : kUsage;
  }
  options.pipeline.verify_checksums = !ignore_checksums;
  options.pipeline.remember_verdicts = options.measure;  // else each tells what was asked
  options.pipeline.challenge_openings = false;
  options.pipeline.limits.segments = 1024;
  try {
    refuse_overwriting(options);
  } catch (const Failure& failure) {
    std::fprintf(stderr, "bulkhead-replay: %s\n", printable(failure.text).c_str());
    return failure.exit_code;
  }
  ports::EalOptions eal;
  eal.huge_pages = ports::HugePages::no;
  eal.memory_mib = 192;
  eal.workers = 0;
  if (const auto problem = ports::start_eal(eal)) {
    std::fprintf(stderr, "bulkhead-replay: %s\n", printable(*problem).c_str());
    return kEalFailed;
  }
  int code = kFileFailed;
  try {
    code = options.measure ? measure_rate(options) : replay_capture(options);
  } catch (const Failure& failure) {
    std::fprintf(stderr, "bulkhead-replay: %s\n", printable(failure.text).c_str());
    code = failure.exit_code;
  }
  ports::stop_eal();
  return code;
}
