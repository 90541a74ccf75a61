// Finds the memories of a verilated design.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

#include "verilated.h"
#include "verilated_syms.h"

// A memory of the design, if it was compiled so that they can be reached; the same structure is in `memory_cells.py`.
struct Cells {
    char path[256];
    void* rows;
    uint64_t count, bits, row_bytes;
};

// Fills in at most ``room`` memories, in the order of their paths, and returns how many there are.
inline uint64_t find_memories(VerilatedContext& context, Cells* found, uint64_t room) {
    std::map<std::string, Cells> memories;
    const VerilatedScopeNameMap* scopes = context.scopeNameMap();
    if (!scopes) return 0;
    for (const auto& scope : *scopes) {
        if (!scope.second->varsp()) continue;
        for (const auto& entry : *scope.second->varsp()) {
            const VerilatedVar& var = entry.second;
            if (var.udims() != 1) continue;
            Cells cells = {};
            const std::string path = std::string(scope.first) + "." + entry.first;
            std::snprintf(cells.path, sizeof cells.path, "%s", path.c_str());
            cells.rows = var.datap();
            cells.count = var.elements(1);
            cells.bits = var.entBits();
            cells.row_bytes = var.totalSize() / cells.count;
            memories[path] = cells;
        }
    }
    uint64_t number = 0;
    for (const auto& memory : memories)
        if (number++ < room) found[number - 1] = memory.second;
    return memories.size();
}
