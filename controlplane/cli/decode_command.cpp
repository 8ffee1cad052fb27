// decode FILE: every operation in a capture.
#include "controlplane/cli/capture_decoder.h"
#include "controlplane/cli/chosen_ports.h"
#include "controlplane/cli/left_out_output.h"
#include "controlplane/cli/operation_json.h"
#include "controlplane/cli/remote.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Direction;
using protocols::Fault;

// A line an operation, or a row of a table that is printed at the end.
class Printer final : public DecodedMessages {
 public:
  explicit Printer(const Session& session) : format_(session.format()) {}

  void on_operation(const Conversation& conversation, std::uint32_t frame, Direction direction,
                    const protocols::Operation& operation, Fault pairing) override {
    Json json = head(conversation, frame, direction);
    add_operation(protocols::registry()[conversation.protocol]->catalogue(), operation, json);
    // The operation stands, but enforcement would refuse the message for this.
    if (pairing != Fault::none) json["pairing"] = protocols::describe(pairing).name;
    if (format_ == Format::json) return print_json(json);
    std::string fields;
    for (const auto& [name, value] : json["fields"].items()) {
      if (name == "values") continue;
      fields += (fields.empty() ? "" : " ") + name + "=";
      if (!value.is_array()) {
        fields += value.dump(-1, ' ', true, Json::error_handler_t::replace);
      } else {
        fields += value[0].dump() + (value[0] == value[1] ? "" : "-" + value[1].dump());
      }
    }
    table_.add({std::to_string(frame), conversation.name,
                std::string(protocols::describe(direction)), json["function"], fields});
  }

  void on_fault(const Conversation& conversation, std::uint32_t frame, Direction direction,
                Fault fault, std::optional<std::uint16_t> code) override {
    Json json = head(conversation, frame, direction);
    json["fault"] = protocols::describe(fault).name;
    if (code) json["code"] = *code;
    if (format_ == Format::json) return print_json(json);
    const std::string claimed = code ? "code " + std::to_string(*code) : "-";
    table_.add(
        {std::to_string(frame), conversation.name, std::string(protocols::describe(direction)),
         claimed, "fault " + std::string(protocols::describe(fault).name)},
        Colour::bad);
  }

  void finish() const {
    if (format_ == Format::table) table_.print("no message of a known protocol");
  }

 private:
  Json head(const Conversation& conversation, std::uint32_t frame, Direction direction) const {
    return {{"frame", frame},
            {"stream", conversation.name},
            {"direction", protocols::describe(direction)},
            {"protocol", protocols::registry()[conversation.protocol]->catalogue().name}};
  }

  Format format_;
  Table table_{{"FRAME", "STREAM", "DIRECTION", "FUNCTION", "FIELDS"}};
};

}  // namespace

void add_decode_command(CLI::App& app, Session& session) {
  struct Arguments {
    std::string path;
    std::vector<std::string> as;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "decode",
      "Every operation in a capture (pcap or pcapng); wrong checksums and missing beginnings "
      "are accepted. Frames in which there is none (fragments, other IP protocols, EtherTypes of "
      "no "
      "protocol) are counted at the end, in JSON in lines with a `kind`.");
  command->add_option("FILE", arguments->path, "The capture; - is standard input")->required();
  command->add_option("--as", arguments->as, "PROTOCOL=PORT for ports that are not the usual ones");
  command->callback([&session, arguments] {
    Printer printer(session);
    const auto decoder =
        std::make_unique<CaptureDecoder>(read_chosen_ports(arguments->as), printer);
    const CaptureRead done =
        read_capture(arguments->path, [&](const CapturedPacket& packet) { decoder->take(packet); });
    decoder->finish();
    printer.finish();
    print_left_out(session, done.left_out);
    if (!done.cut.empty()) print_cut(session, done.cut);
  });
}

}  // namespace bulkhead::controlplane
