// bulkhead-accounting: accounts for every bit of granted messages of one protocol.
//   bulkhead-accounting --protocol NAME [--list] [--filter TEXT]
// The last line is `NAME messages N changes C findings F`; exit 1 if there was any. `--list` tells
// all of them, and leaves out whether the declarations are in the reviewed lists.
// bulkhead-accounting-planted --protocol NAME --plant MISTAKE tells what is found with a mistake
// that is not found without; exit 1 if nothing is.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "dataplane/protocols/planted.h"
#include "dataplane/protocols/registry.h"
#include "tests/adversarial/accounting/accounting.h"

namespace {

using namespace bulkhead;
using namespace bulkhead::accounting;

// All messages there are; those of the unit test once, for it runs.
struct Messages {
  explicit Messages(const Options& options, const protocols::Protocol& protocol)
      : own(read_cases(options.policies, protocol)),
        captured(read_captures(options.captures, protocol)) {
    const auto append = [this](const std::vector<Conversation>& more) {
      own.insert(own.end(), more.begin(), more.end());
    };
    append(read_messages(options.messages + "/" + options.protocol + ".txt"));
    append(read_unit_test(options.unit_test));
    if (captured.empty()) std::printf("no captures: only messages of our own\n");
  }

  std::vector<Conversation> own;
  std::vector<Conversation> captured;
};

std::unique_ptr<Accounting> account(const Options& options, const protocols::Protocol& protocol,
                                    const Messages& messages) {
  constexpr std::size_t kAll = 1000;
  constexpr std::size_t kPerCapture = 3;
  auto accounting = std::make_unique<Accounting>(options, protocol);
  accounting->take(messages.own, kAll);
  accounting->take(messages.captured, kPerCapture);
  return accounting;
}

#ifdef BULKHEAD_PLANTS
const std::map<std::string, protocols::Mistake> kMistakes = {
    {"confirmed_link_data", protocols::Mistake::confirmed_link_data},
    {"checksum_unread", protocols::Mistake::checksum_unread},
    {"io_on_any_carrier", protocols::Mistake::io_on_any_carrier},
    {"object_overwritten", protocols::Mistake::object_overwritten},
    {"route_unread", protocols::Mistake::route_unread},
    {"configuration_unread", protocols::Mistake::configuration_unread},
    {"long_lengths", protocols::Mistake::long_lengths},
    {"closing_unmatched", protocols::Mistake::closing_unmatched},
    {"padding_unread", protocols::Mistake::padding_unread},
    {"second_size_unread", protocols::Mistake::second_size_unread},
    {"controls_in_names", protocols::Mistake::controls_in_names},
    {"long_ber_lengths", protocols::Mistake::long_ber_lengths},
    {"item_size_unread", protocols::Mistake::item_size_unread},
    {"second_half_unjudged", protocols::Mistake::second_half_unjudged},
};

// What is found with a mistake that is not found without.
int find_planted(Options options, const protocols::Protocol& protocol, const std::string& plant) {
  options.silent = true;
  const Messages messages(options, protocol);
  const auto without = account(options, protocol, messages);
  without->run();
  planted_mistake<protocols::Mistake> = kMistakes.at(plant);
  const auto with = account(options, protocol, messages);
  with->run();
  std::size_t findings = 0;
  for (const std::string& each : with->found()) {
    if (without->found().contains(each)) continue;
    if (++findings <= 5) std::printf("%s\n", each.c_str());
  }
  std::printf("%s planted in %s: findings %zu\n", plant.c_str(), options.protocol.c_str(),
              findings);
  return findings == 0 ? 1 : 0;
}
#endif

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Accounts for every bit of granted messages"};
  app.add_option("--protocol", options.protocol, "The module")->required();
  app.add_option("--policies", options.policies, "Folder of example policies with their cases");
  app.add_option("--messages", options.messages, "Folder of messages, PROTOCOL.txt");
  app.add_option("--unit-test", options.unit_test,
                 "The module's unit test, whose rows are messages too (default: beside this)");
  app.add_option("--captures", options.captures, "Folder of captures, which may be absent");
  app.add_option("--reviewed", options.reviewed, "The reviewed list of what is free");
  app.add_option("--forms", options.forms, "The reviewed list of other forms that are accepted");
  app.add_option("--names", options.names, "The reviewed list of names that are not text");
  app.add_option("--filter", options.filter, "Only messages of such a function, or so called");
  app.add_option("--flipped", options.flipped_max, "Messages of a kind whose bits are changed");
  app.add_option("--edited", options.edited_max, "Messages of a kind whose elements are changed");
  app.add_flag("--loose", options.loose,
               "Tell bits that are declared free too, although they change what is asked for");
  app.add_flag("--list", options.list, "Tell all findings, and ask for no review");
#ifdef BULKHEAD_PLANTS
  std::string plant;
  app.add_option("--plant", plant, "The mistake")->required()->check(CLI::IsMember(kMistakes));
#endif
  CLI11_PARSE(app, argc, argv);
  if (!protocols::find_protocol(options.protocol)) return 2;
  if (options.unit_test.empty()) {
    const std::filesystem::path beside = std::filesystem::path(argv[0]).parent_path();
    options.unit_test = (beside / (options.protocol + "_test")).string();
  }
  const protocols::Protocol& protocol =
      *protocols::registry()[*protocols::find_protocol(options.protocol)];
#ifdef BULKHEAD_PLANTS
  return find_planted(options, protocol, plant);
#else
  const Messages messages(options, protocol);
  options.has_captures = !messages.captured.empty();
  return account(options, protocol, messages)->run() == 0 ? 0 : 1;
#endif
}
