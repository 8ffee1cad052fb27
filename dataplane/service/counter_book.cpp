// A look goes through tables: the rows that are kept, then each image's cells worker by worker.
#include "dataplane/service/counter_book.h"

#include <algorithm>

#include "dataplane/base/clock.h"
#include "dataplane/service/naming.h"

namespace bulkhead::service {

namespace {

// Cells between two looks at whether the page is full.
constexpr std::size_t kStepCells = 256;

v1::Counter overflow_row() {
  v1::Counter row;
  row.set_reason("counter_overflow");
  return row;
}

// Cells of one worker under one image.
struct Table {
  const policy::Tables& names;
  const pipeline::Counters& counters;
};

std::vector<Table> tables_of(const CounterBook::Images& images) {
  std::vector<Table> tables;
  for (const pipeline::Image* image : images) {
    if (image == nullptr) continue;
    for (const auto& counters : image->counters) tables.push_back({image->tables, *counters});
  }
  return tables;
}

void add_row(v1::Counters& page, v1::Counter row, std::uint64_t messages, std::uint64_t bytes) {
  row.set_messages(messages);
  row.set_bytes(bytes);
  *page.add_rows() = std::move(row);
}

// Reads a step of cells of a table from `cell` on; after the last one the count without a cell.
std::size_t read_step(const Table& table, std::size_t cell, v1::Counters& page) {
  const std::size_t end = std::min(cell + kStepCells, table.counters.cells());
  table.counters.each(
      cell, end, [&](const pipeline::CounterKey& key, std::uint64_t messages, std::uint64_t bytes) {
        add_row(page, name_counter(table.names, key), messages, bytes);
      });
  if (end == table.counters.cells() && table.counters.overflow() > 0) {
    add_row(page, overflow_row(), table.counters.overflow(), 0);
  }
  return end;
}

}  // namespace

v1::Counter& CounterBook::row_of(const v1::Counter& name) {
  const std::string key = name.SerializeAsString();
  if (const auto known = place_of_name_.find(key); known != place_of_name_.end()) {
    return rows_[known->second];
  }
  const v1::Counter overflow = overflow_row();
  if (rows_.size() >= kKindsMax && name.reason() != overflow.reason()) return row_of(overflow);
  place_of_name_.emplace(key, rows_.size());
  return rows_.emplace_back(name);
}

void CounterBook::keep(const pipeline::Image& image) {
  const auto add = [this](const v1::Counter& name, std::uint64_t messages, std::uint64_t bytes) {
    v1::Counter& row = row_of(name);
    row.set_messages(row.messages() + messages);
    row.set_bytes(row.bytes() + bytes);
  };
  for (const auto& counters : image.counters) {
    counters->each(
        [&](const pipeline::CounterKey& key, std::uint64_t messages, std::uint64_t bytes) {
          add(name_counter(image.tables, key), messages, bytes);
        });
    if (counters->overflow() > 0) add(overflow_row(), counters->overflow(), 0);
  }
}

CounterBook::Page CounterBook::page(const Images& images, std::uint32_t generation,
                                    const std::optional<v1::CounterPlace>& from) const {
  Page page;
  v1::Counters& out = page.counters;
  out.set_wall_time_ns(wall_now_ns());
  const bool goes_on = from && from->generation() == generation;
  out.set_anew(from && !goes_on);
  std::size_t table = goes_on ? from->table() : 0;
  std::size_t cell = goes_on ? from->cell() : 0;
  for (; table == 0 && cell < rows_.size() && out.rows_size() < kRowsOfPage; ++cell) {
    *out.add_rows() = rows_[cell];
  }
  if (table == 0 && cell >= rows_.size()) {
    table = 1;
    cell = 0;
  }
  const std::vector<Table> tables = tables_of(images);
  std::size_t read = 0;
  while (table > 0 && table <= tables.size() && out.rows_size() < kRowsOfPage &&
         read < kCellsOfPage) {
    const Table& current = tables[table - 1];
    if (cell < current.counters.cells()) {
      const std::size_t next = read_step(current, cell, out);
      read += next - cell;
      cell = next;
    }
    if (cell >= current.counters.cells()) {
      ++table;
      cell = 0;
    }
  }
  if (table > tables.size()) return page;
  out.set_more(true);
  page.next.emplace();
  page.next->set_generation(generation);
  page.next->set_table(static_cast<std::uint32_t>(table));
  page.next->set_cell(static_cast<std::uint32_t>(cell));
  return page;
}

}  // namespace bulkhead::service
