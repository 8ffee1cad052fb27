// Files of the store, whole or not at all after a crash. Errors are texts for people, empty on
// success.
#pragma once

#include <cerrno>
#include <optional>
#include <string>

namespace bulkhead::controlplane {

// "WHAT PATH: the system's words".
std::string file_problem(const std::string& what, const std::string& path, int error = errno);

// Brings names in the file's folder to disk.
void flush_folder_of(const std::string& path);

// On failure the old file, if any, is untouched.
std::string replace_file(const std::string& path, const std::string& bytes);
// One that is not there yet, with one flush. After a crash it may be cut short.
std::string make_file(const std::string& path, const std::string& bytes);
std::optional<std::string> read_file(const std::string& path);

}  // namespace bulkhead::controlplane
