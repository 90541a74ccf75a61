# Precompiles Verilator's header with the flags of a design's own files; GCC takes it where all of them agree.
include Vtop.mk

verilated.h.gch: $(VERILATOR_ROOT)/include/verilated.h
	$(CXX) $(OPT_FAST) $(CXXFLAGS) $(CPPFLAGS) $(CFG_CXXFLAGS_PCH) $< -o $@
