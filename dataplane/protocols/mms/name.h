// Names of objects (ISO 9506-2, 7.5.2; IEC 61850-8-1, 7.3), whole: with the components that are
// chosen of them.
#pragma once

#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

// What an object belongs to: nothing (the VMD), a domain, or the association. The association
// stands in the field `domain` as "@", which no domain is called.
struct ObjectName {
  ByteView domain;
  ByteView item;
  bool of_domain = false;
};

// The parts of a domain's item, by its '$'.
struct Path {
  ByteView logical_node;
  ByteView constraint;        // the functional constraint
  ByteView data;              // the name after it: of data, or of a control block
  ByteView control;           // of a controllable object: SBO, SBOw, Oper, Cancel
  bool control_ends = false;  // and nothing stands after that
  bool selects = false;       // a part of it is an SBO
};

// A variable that is read, written, reported or put into a list.
struct Variable {
  ObjectName name;
  Path path;
  ByteView address;  // of one without a name
};

std::string_view text(ByteView bytes);
ByteView association_domain();

// False if a name is none that every receiver reads alike: its parts are not empty, and no
// parenthesis, which an index of an array has here, stands in it.
bool read_object(const ber::Element& object, ObjectName& name);
Path path_of(ByteView item);

void set_variable(const Variable& variable, protocols::Operation& operation);
void set_list(const ObjectName& list, protocols::Operation& operation);

// One of listOfVariable, as the grammar has it. What is written is chosen as a whole: stacks write
// the whole element of an array where a component of it is chosen.
protocols::Fault read_variable(const ber::Element& entry, bool written, Decoding& decoding,
                               Variable& variable);

// An Address as text: "#5", a symbol, or x'0a'.
protocols::Fault read_address(const ber::Element& address, Decoding& decoding, ByteView& text);

// The name of a file, which leads down (file_path.h).
bool good_file(ByteView name);

}  // namespace bulkhead::mms
