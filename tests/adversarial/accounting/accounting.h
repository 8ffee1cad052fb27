// Changes every bit and every element of granted messages of one protocol, and demands that the
// changed message is refused, is decoded to other operations, or differs only in what its module
// declares free.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/adversarial/accounting/changes.h"
#include "tests/adversarial/accounting/judge.h"
#include "tests/adversarial/accounting/reviewed.h"

namespace bulkhead::accounting {

struct Options {
  std::string protocol;
  std::string policies = "policies";
  std::string messages = "tests/adversarial/accounting/messages";
  std::string unit_test;
  std::string captures = "../shared/pcaps";
  std::string reviewed = "tests/adversarial/accounting/free.tsv";
  std::string forms = "tests/adversarial/accounting/forms.tsv";
  std::string names = "tests/adversarial/accounting/names.tsv";
  std::string filter;
  bool list = false;
  bool loose = false;
  bool silent = false;
  bool has_captures = true;  // some of the reviewed lists' lines are there for what stands in them
  std::size_t flipped_max = 24;  // messages of one kind of which every bit is changed
  std::size_t edited_max = 6;    // ... and every element
};

// A message to account for, and where it stands.
struct Item {
  const protocols::Protocol* protocol = nullptr;
  protocols::Carrier carrier{};
  Message message;
  std::string source;
  std::string kind;
  std::vector<std::uint64_t> session;

  Place place() const { return {*protocol, {message.direction, carrier}, session}; }
};

// An item, what it asks for, and the bits of it that are free.
struct Granted {
  const Item& item;
  Place place;
  std::string operations;
  Bytes free;
};

class Accounting {
 public:
  Accounting(const Options& options, const protocols::Protocol& protocol);

  // At most so many messages of a kind and a source.
  void take(const std::vector<Conversation>& conversations, std::size_t per_source);

  // How many findings there are; told on standard output.
  std::size_t run();
  // What was found, by the kind of message.
  const std::set<std::string>& found() const { return told_texts_; }

 private:
  void take(const Conversation& conversation, std::size_t per_source);
  void add(Item item, std::size_t per_source);
  void account_for(const Item& item);
  // The bits of each octet that are found.
  Bytes flip(const Granted& granted);
  void edit(const Granted& granted, const Bytes& flipped);
  void reform(const Granted& granted, const Bytes& flipped);
  void carry_otherwise(const Granted& granted);
  void check_names(const Item& item, const Outcome& outcome, const Change& change);
  void check_contract(const Item& item);
  void check_known(const Item& item);
  void check_reviewed();
  void compare(const Reviewed& reviewed, const std::set<std::string>& seen, const char* what);
  void find(const Item& item, const std::string& what);
  struct Reformed {
    Bytes bytes;
    Bytes free;
    std::vector<std::size_t> derived;
  };
  const std::vector<Reformed>& reviewed_forms_of(const Granted& granted);
  bool is_reviewed_form(const Granted& granted, ByteView changed, const Bytes& free);
  bool is_found(const Granted& granted, const Change& change);

  const Options& options_;
  const protocols::Protocol& protocol_;
  Judge judge_;
  std::vector<Item> items_;
  std::map<std::string, std::size_t> kinds_;       // how many messages of each there are
  std::map<std::string, std::size_t> per_source_;  // ... from each source
  std::map<std::string, std::size_t> edited_;
  std::set<Bytes> known_;
  std::set<std::string> functions_;
  Reviewed reviewed_forms_;
  Reviewed reviewed_names_;
  std::set<std::string> forms_;   // that were accepted
  std::set<std::string> binary_;  // names that were
  const Item* reformed_of_ = nullptr;
  std::vector<Reformed> reformed_;
  const Item* told_ = nullptr;
  std::set<std::string> told_texts_;
  bool asks_otherwise_ = false;  // what was changed last
  std::size_t looked_into_ = 0;
  std::size_t changes_ = 0;
  std::size_t findings_ = 0;
};

}  // namespace bulkhead::accounting
